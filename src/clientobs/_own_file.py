"""Read and write whole files of ours beside a host that closes descriptors which it takes for its own.

A daemon closes all numbers from 3 on, and opens its own files: our bytes must never land in one that has got our
number, and none of them be closed by us. So our numbers lie high (`_high.py`), and each write follows, under one
hold of the interpreter lock, a look at whether the number still means our file. Where the C library is not to be had
in that way (Windows) the look and the write are two calls.

What the kernel answers from its memory (/proc, a cgroup), and a small write, take place in one go with the opening
and the closing, under the interpreter lock: 12 to 17 us, 1.3 times what `FileIO` takes alone. (`os.open`, `os.read`
and `os.close` each let go of that lock, and may wait up to 5 ms beside a busy thread to get it back.)
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from clientobs import _unwatched
from clientobs._high import BLOCK, HighFile, at_once, in_one_go, open_high, system
from clientobs._libc import libc

if TYPE_CHECKING:
    from clientobs._libc import Libc, Watch

__all__ = ["put", "read_file", "read_kernel", "text_of", "write_file"]

_READ: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_FLAGS: Final = (os.O_WRONLY | os.O_CREAT | os.O_TRUNC) | (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_MODE: Final = 0o600
_PREAD: Final = hasattr(os, "pread")
_MOST_AT_ONCE: Final = 1 << 20
_PIECE: Final = 64 << 10
"""Bytes of one write: some 20 us, in which no other Python runs."""


def read_kernel(path: str, most: int = BLOCK) -> bytes:
    """Return the first `most` bytes of a file that the kernel answers from memory; raises OSError.

    Not for what a driver answers (nvidia's files in /proc): no other Python runs until it does.
    """
    calls = system()
    if calls is not None:
        block = calls.block()
        uses = (calls.read, block, min(most, BLOCK)), (calls.close,)
        _high, count, _closed = in_one_go(calls, os.fsencode(path), _READ, *uses)
        if count >= 0:
            return bytes(block[:count])
    return read_file(path, most)  # which also says what is wrong


def read_file(path: str, most: int, *, flags: int = 0, slow: bool = False) -> bytes:
    """Return the first `most` bytes of a file; raises OSError, EBADF where the host took the descriptor.

    slow: it may lie on a server.
    """
    found = b""
    with HighFile(path, _READ | flags, slow=slow) as descriptor:
        while len(found) < most:
            piece = _read_at(descriptor, min(most - len(found), _MOST_AT_ONCE), len(found))
            if not piece:
                break
            found += piece
    return found


def text_of(path: str, most: int, *, flags: int = 0, slow: bool = False) -> str:
    """Return what `read_file` does as text, "" where the file is not to be read."""
    try:
        return read_file(path, most, flags=flags, slow=slow).decode("utf-8", "replace")
    except OSError:
        return ""


def _read_at(descriptor: int, count: int, offset: int) -> bytes:
    if _PREAD:  # takes nothing out of a pipe of the host's, should that have the number by now
        return os.pread(descriptor, count, offset)
    return os.read(descriptor, count)


def put(path: str, data: bytes, flags: int) -> None:
    """Open a file on local disk and write `data`, a few kilobytes, by one call; raises OSError."""
    calls = system()
    if calls is not None:
        said = at_once(calls, path, flags, _MODE, (calls.write, data, len(data)), (calls.close,))
        if said[0] >= 0:
            _check(said[1], data)
            return
    with HighFile(path, flags, _MODE) as descriptor:
        _check(os.write(descriptor, data), data)


def _check(written: int, data: bytes) -> None:
    if written != len(data):
        raise OSError(errno.ENOSPC, "the file could not be written")


def write_file(path: str, data: bytes) -> None:
    """Write `data` to `path` whole or not at all; raises OSError, EBADF where the host took the descriptor."""
    part = f"{path}.part{os.getpid()}"
    fd = open_high(part, _FLAGS)
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
    try:
        while view:
            piece = bytes(view[:_PIECE])
            if not watch.is_ours():
                raise OSError(errno.EBADF, "the host took the descriptor")
            written = bindings.write(fd, piece, len(piece))  # no other thread has run since the look
            if written <= 0:
                raise OSError(errno.ENOSPC, "the file could not be written")
            view = view[written:]
    finally:
        if watch.is_ours():
            bindings.library.close(fd)


def _write_looking(fd: int, found: os.stat_result, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            _look(fd, found)
            view = view[os.write(fd, view[:_PIECE]) :]
    finally:
        _look(fd, found)
        os.close(fd)


def _look(fd: int, found: os.stat_result) -> None:
    now = os.fstat(fd)
    if (now.st_ino, now.st_dev) != (found.st_ino, found.st_dev):
        raise OSError(errno.EBADF, "the host took the descriptor")
