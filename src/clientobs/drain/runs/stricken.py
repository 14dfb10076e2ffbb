"""A process that has crashed and lives on: the dialog of its own crash reporter, or the writing of a large core.

faulthandler has written its fatal error, the lock is still held, and nothing was recorded since. The crash is told now,
not when somebody closes the dialog on Monday. A host that goes on recording has survived the fault, or it was one of a
child that native code has forked: its keeper leaves a note (`guard/crash.py`), and nothing is told while it lives.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from clientobs.drain.runs.evidence import FAULT_FILE

if TYPE_CHECKING:
    from clientobs.journal.runs import RunFolder

__all__ = ["is_stricken"]

_SILENCE: Final = 4.0
"""Seconds: the keeper of a host that has survived leaves its note within one, unless native code holds the GIL."""


def is_stricken(folder: RunFolder, now: float | None = None) -> bool:
    """Say whether a living run has written a fault some seconds ago, and nothing else since."""
    try:
        fault = os.lstat(os.path.join(folder.path, FAULT_FILE))
    except OSError:
        return False
    if not fault.st_size or (time.time() if now is None else now) - fault.st_mtime < _SILENCE:
        return False
    return all(segment.mtime_ns <= fault.st_mtime_ns for segment in folder.segments)
