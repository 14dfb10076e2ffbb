"""The exit status of a supervised command, left in its run's folder: nobody but a parent sees it.

A process that is killed, or that leaves by `_exit()` in C, can't say how it ended, and its journal only stops. Its
parent knows the code or the signal for certain. The drain reads it with the other evidence (drain/runs/evidence.py),
and waits a moment for it where the run says that its parent is one of these.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from clientobs.drain.deaths.findings import EXIT_STATUS_FILE
from clientobs.journal.process import process_start
from clientobs.journal.runs import header_of, run_names

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ExitStatus"]

_MOST: Final = 128
"""Runs that are looked at, the newest first: that of the command is among them, or was never there."""


class ExitStatus:
    """To be made while the command lives, and left when it has ended."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started = process_start(pid)

    def leave(self, runs: str, code: int) -> bool:
        """Write the code, negative for a signal, into the command's own run; say whether there is one.

        Raises OSError and JournalError.
        """
        for path in self._newest(runs):
            header = header_of(path)
            if header is None or header.pid != self._pid or header.role != "main":
                continue
            if header.pid_start and self._started and header.pid_start != self._started:
                continue
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
            draft = os.path.join(path, f"{EXIT_STATUS_FILE}.new")
            descriptor = os.open(draft, flags, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{code}\n")
            os.replace(draft, os.path.join(path, EXIT_STATUS_FILE))
            return True
        return False

    @staticmethod
    def _newest(runs: str) -> Iterator[str]:
        dated = []
        for name in run_names(runs):
            path = os.path.join(runs, name)
            try:
                dated.append((os.lstat(path).st_mtime_ns, path))
            except OSError:
                continue  # released meanwhile
        return (path for _, path in sorted(dated, reverse=True)[:_MOST])
