"""The small files beside the segments (acks, losses): frames are added to them, and summed up when they have grown.

One process writes each of them, under a lock of its own. Reading passes over damage; what it takes for a frame is in
`reader.scan`.
"""

from __future__ import annotations

import os
from typing import Final

from clientobs._own_file import put, read_file, write_file

__all__ = ["add_to_ledger", "read_ledger", "replace_ledger"]

_COMPACT_BYTES: Final = 64 << 10  # of acks: a live run gains an entry four times a second, for days
_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_ledger(path: str) -> bytes:
    """Return what is in the file at `path`, nothing where it can't be read; never more than it may have grown to."""
    try:
        return read_file(path, 16 * _COMPACT_BYTES, flags=_FLAGS)
    except OSError:
        return b""


def add_to_ledger(path: str, frame: bytes) -> bool:
    """Add a frame, and say whether it is time to sum up. Raises OSError."""
    put(path, frame, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _FLAGS)
    return os.stat(path).st_size > _COMPACT_BYTES


def replace_ledger(path: str, data: bytes) -> None:
    """Put `data` in the file's place; a crash at any step leaves the old one or the new one. Raises OSError."""
    write_file(path, data)
