"""The applications that clientobs runs in: which one a process is, and whether a person sits there."""
