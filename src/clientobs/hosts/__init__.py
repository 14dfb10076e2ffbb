"""The applications that clientobs runs in: one file per DCC."""
