"""The small files beside the segments (acks, losses): frames are added to them, and summed up when they have grown.

One process writes each of them, under a lock of its own. Reading passes over damage; what it takes for a frame is in
`reader.scan`.
"""

from __future__ import annotations

import os
from typing import Final

__all__ = ["add_to_ledger", "read_ledger", "replace_ledger"]

_COMPACT_BYTES: Final = 64 << 10  # of acks: a live run gains an entry four times a second, for days
_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_ledger(path: str) -> bytes:
    """Return what is in the file at `path`, nothing where it can't be read; never more than it may have grown to."""
    try:
        fd = os.open(path, os.O_RDONLY | _FLAGS)
    except OSError:
        return b""
    with os.fdopen(fd, "rb") as file:
        return file.read(16 * _COMPACT_BYTES)


def add_to_ledger(path: str, frame: bytes) -> bool:
    """Add a frame, and say whether it is time to sum up. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _FLAGS, 0o600)
    try:
        os.write(fd, frame)
        return os.fstat(fd).st_size > _COMPACT_BYTES
    finally:
        os.close(fd)


def replace_ledger(path: str, data: bytes) -> None:
    """Put `data` in the file's place; a crash at any step leaves the old one or the new one. Raises OSError."""
    fresh = f"{path}.new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o600)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
    os.replace(fresh, path)
