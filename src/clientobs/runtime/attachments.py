"""Files that belong to a run: screenshots of problem reports, in its folder, until the run is cleared away.

They are handed over on the host's thread and written by the keeper: a picture of some megabytes may take as long as
a disk takes. What is handed over in the last second before the process is killed is lost; its report is not.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Final

from clientobs._guarded import faults
from clientobs._own_file import write_file

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_ATTACHMENTS", "Attachments"]

MOST_ATTACHMENTS: Final = 8
"""Of one run: they don't count towards the journal's quota."""


class Attachments:
    """Takes files for the run whose folder `folder()` returns, and writes them when told to."""

    def __init__(self, folder: Callable[[], str]) -> None:
        self._folder = folder
        self._waiting: deque[tuple[int, str, bytes]] = deque()
        self._taken = 0

    def put(self, name: str, data: bytes) -> str:
        """Take a file, and return the path that it will have; "" where there are too many."""
        if self._taken >= MOST_ATTACHMENTS:
            return ""
        self._taken += 1
        path = os.path.join(self._folder(), name)
        self._waiting.append((os.getpid(), path, data))
        return path

    def write(self) -> None:
        """Write what waits; a file that can't be written is counted as a fault and given up."""
        while self._waiting:
            pid, path, data = self._waiting.popleft()
            if pid != os.getpid():
                continue  # handed over before the fork: the parent writes it
            try:
                write_file(path, data)
            except OSError as error:
                faults.record("attachments.write", error)
