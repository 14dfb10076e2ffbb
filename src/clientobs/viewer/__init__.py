"""The journal read back for people: runs, traces and logs, for `clientobs show`, `status` and the demo."""
