"""Write a file of ours beside a host that closes descriptors which it takes for its own.

A daemon closes all numbers from 3 on, and opens its own files: our bytes must never land in one that has got our
number. So the number lies high, and each write follows, under one hold of the interpreter lock, a look at whether it
still means our file. Where the C library is not to be had in that way (Windows) the look and the write are two calls.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from clientobs import _unwatched
from clientobs._libc import libc, move_high

if TYPE_CHECKING:
    from clientobs._libc import Libc, Watch

__all__ = ["write_file"]

_FLAGS: Final = (os.O_WRONLY | os.O_CREAT | os.O_TRUNC) | (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_PIECE: Final = 64 << 10
"""Bytes of one write: some 20 us, in which no other Python runs."""


def write_file(path: str, data: bytes) -> None:
    """Write `data` to `path` whole or not at all; raises OSError, EBADF where the host took the descriptor."""
    part = f"{path}.part{os.getpid()}"
    fd = move_high(_unwatched.open_(part, _FLAGS, 0o600))
    try:
        found = _unwatched.stat(part)
        bindings = libc()
        watch = bindings.watch(fd, found) if bindings is not None else None
        if bindings is not None and watch is not None:
            _write_watched(bindings, watch, fd, data)
        else:
            _write_looking(fd, found, data)
    except OSError:
        _unwatched.unlink(part)
        raise
    _unwatched.replace(part, path)


def _write_watched(bindings: Libc, watch: Watch, fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        piece = bytes(view[:_PIECE])
        if not _is_ours(watch):
            raise OSError(errno.EBADF, "the host took the descriptor")
        written = bindings.write(fd, piece, len(piece))  # no other thread has run since the look
        if written <= 0:
            raise OSError(errno.ENOSPC, "the file could not be written")
        view = view[written:]
    if _is_ours(watch):
        bindings.library.close(fd)


def _is_ours(watch: Watch) -> bool:
    return (
        watch.look() == 0
        and watch.buffer[watch.inode_at] == watch.inode
        and watch.buffer[watch.device_at] == watch.device
    )


def _write_looking(fd: int, found: os.stat_result, data: bytes) -> None:
    view = memoryview(data)
    while view:
        now = os.fstat(fd)
        if (now.st_ino, now.st_dev) != (found.st_ino, found.st_dev):
            raise OSError(errno.EBADF, "the host took the descriptor")
        view = view[os.write(fd, view[:_PIECE]) :]
    os.close(fd)
