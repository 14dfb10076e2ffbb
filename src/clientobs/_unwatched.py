"""The system's own file functions: what we read and write ourselves is not to be counted as the host's.

The instrument of file I/O replaces functions of `os`; those of the module behind it stay as they are.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

__all__ = [
    "access",
    "listdir",
    "make_folder",
    "mkdir",
    "mknod",
    "open_",
    "readlink",
    "replace",
    "scandir",
    "stat",
    "statvfs",
    "unlink",
]

_system: Final[Any] = sys.modules["nt" if os.name == "nt" else "posix"]

access: Final[Any] = _system.access
listdir: Final[Any] = _system.listdir
mkdir: Final[Any] = _system.mkdir
mknod: Final[Any] = getattr(_system, "mknod", None)
open_: Final[Any] = _system.open
readlink: Final[Any] = _system.readlink
replace: Final[Any] = _system.replace
scandir: Final[Any] = _system.scandir
stat: Final[Any] = _system.stat
statvfs: Final[Any] = getattr(_system, "statvfs", None)
"""None on Windows."""
unlink: Final[Any] = _system.unlink


def make_folder(path: str) -> None:
    """Make one folder, 0700, unless it is there."""
    try:
        mkdir(path, 0o700)
    except FileExistsError:
        return
