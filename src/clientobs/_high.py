"""Open files at numbers that the host leaves alone, and close them so that none of its own is ever closed.

The kernel gives each file the lowest free number. Some hosts close all numbers that they take for their own
(os.closerange), then open their scene: it gets the number that was ours a moment before. Whatever we did next with
that number would be done to the scene; at worst it is our close. So a file of ours gets a second number at 900 or
above at once, and the low one is given back before any other Python runs:

    open, F_DUPFD_CLOEXEC, close, one after the other inside of a single instruction of the interpreter

The calls go through `ctypes.PyDLL`, which keeps the interpreter lock, and are chained by iterators of C, between which
the interpreter looks neither for another thread nor for a signal. A host that closes and opens in Python can't come
in between. What remains: two threads at once that do without that lock, one that closes our number and one whose open
then gets it, within the microsecond in between; and on CPython before 3.12 a garbage collection in that very moment
whose finalizers let others run.

Opening under the lock must not wait for a disk. So the name is looked up before, without the lock, or the file is
made without a descriptor (mknod). The steps are separate ones where a file may lie on a server (`slow`), and on other
systems than Linux: there the low number is compared with the file's name before it is given back.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from itertools import chain, compress, starmap
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from clientobs import _unwatched
from clientobs._libc import HIGH_DESCRIPTOR, libc, lowest_of_ours, move_high

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from clientobs._libc import Watch

__all__ = ["BLOCK", "HighFile", "System", "Use", "at_once", "in_one_go", "open_high", "system"]

Use: TypeAlias = "tuple[Any, ...]"
"""A call of `System`, and what it takes behind the descriptor."""

BLOCK: Final = 16_384
"""Bytes of a block that is read at once."""

_LINUX: Final = sys.platform == "linux"
_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_CREATING: Final = os.O_CREAT | os.O_EXCL
_TRIES: Final = 3
_DUPLICATE: Final = 1030
"""F_DUPFD_CLOEXEC of Linux."""


class System(NamedTuple):
    """System calls that keep the interpreter lock; each returns -1 where it fails. `syscall` lets go of it."""

    open: Callable[..., int]
    fcntl: Callable[..., int]
    read: Callable[..., int]
    write: Callable[..., int]
    close: Callable[..., int]
    syscall: Callable[..., int]
    block: Callable[[], Any]
    """Makes room for BLOCK bytes; a slice of it is bytes."""


_system: System | None = None


def system() -> System | None:
    """Return the calls, None where the way above is not to be had (other systems than Linux)."""
    global _system  # noqa: PLW0603  # one C library a process
    if _system is None and _LINUX:
        bindings = libc()
        if bindings is not None:
            import ctypes  # noqa: PLC0415  # loaded by libc()

            kept = {name: bindings.library[name] for name in ("open", "fcntl", "read", "write", "close")}
            _system = System(**kept, syscall=ctypes.CDLL(None)["syscall"], block=ctypes.c_char * BLOCK)
    return _system


def open_high(path: str, flags: int, mode: int = 0o600, *, slow: bool = False) -> int:
    """Return a close-on-exec descriptor of `path` at 900 or above; raises OSError as os.open does.

    slow: the file may lie on a server.
    """
    calls = None if slow else system()
    high = -1 if calls is None else at_once(calls, path, flags, mode)[0]
    return high if high >= 0 else _open_by_steps(path, flags, mode)


def at_once(calls: System, path: str, flags: int, mode: int, *uses: Use) -> tuple[int, ...]:
    """Look the file up, or make it, and open and use it in one go; see `in_one_go`. Nothing is left if it fails.

    Raises OSError where a file isn't there that should be.
    """
    made = flags & _CREATING == _CREATING
    if not made:
        try:
            mode_found = _unwatched.stat(path, follow_symlinks=not flags & _NOFOLLOW).st_mode
            if stat.S_IFMT(mode_found) not in (stat.S_IFREG, stat.S_IFDIR):
                return (-1,)  # to open a pipe is to wait for its other end
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            made = True
    if made:
        try:
            _unwatched.mknod(path, stat.S_IFREG | mode)
        except OSError:
            return (-1,)  # it is there, or its file system can't do that: the steps tell
    said = in_one_go(calls, os.fsencode(path), flags & ~_CREATING, *uses)
    if said[0] < 0 and made:
        _unwatched.unlink(path)  # the host's umask keeps us from opening it
    return said


def in_one_go(calls: System, path: bytes, flags: int, *uses: Use) -> tuple[int, ...]:
    """Open a file, move it high, and do with its descriptor what `uses` says: no other Python runs in between.

    Returns what the calls said: the descriptor (or -1), then each use.
    """
    lows: list[int] = []
    highs: list[int] = []  # each is read, by the maps behind it in the chain, when it has its one number
    opening = map(lows.append, map(calls.open, (path,), (flags | _CLOEXEC,)))
    moving = map(highs.append, map(calls.fcntl, lows, (_DUPLICATE,), (HIGH_DESCRIPTOR,)))
    using = [map(use[0], highs, *[(one,) for one in use[1:]]) for use in uses]
    said = tuple(chain(opening, moving, map(calls.close, lows), *using))
    return (highs[0], *said[3:])


def _open_by_steps(path: str, flags: int, mode: int) -> int:
    for _ in range(_TRIES):
        low: int = _unwatched.open_(path, flags | _CLOEXEC, mode)
        if os.name != "posix":
            return low
        high = _moved(low, path)
        if high >= 0:
            return high
        flags &= ~_CREATING & ~os.O_TRUNC  # that much is done
    return int(_unwatched.open_(path, flags | _CLOEXEC))  # no high number is to be had


def _moved(low: int, path: str) -> int:
    """Return the high number of what was opened, -1 where the low one was closed amid the moving, or none is free."""
    found = _unwatched.stat(path)
    calls, bindings = system(), libc()
    if calls is None or bindings is None:
        if _identity(found) != _identity(os.fstat(low)):
            raise _taken(path)
        return move_high(low)
    watch = bindings.watch(low, found)
    high = None if watch is None else _move_if_ours(calls, low, watch)
    if high is None:
        raise _taken(path)
    return high


def _move_if_ours(calls: System, low: int, watch: Watch) -> int | None:
    """Look whether a number still is ours, and only then move the file high and close it: in one go, as above."""
    ours: list[int] = []
    highs: list[int] = []
    seen = watch.buffer.__getitem__
    is_inode, is_device = watch.inode.__eq__, watch.device.__eq__
    same = compress((low,), map(is_inode, map(seen, (watch.inode_at,))))
    same = compress(same, map(is_device, map(seen, (watch.device_at,))))
    moving = map(highs.append, map(calls.fcntl, ours, (_DUPLICATE,), (lowest_of_ours(),)))
    steps = chain(starmap(watch.look, ((),)), map(ours.append, same), moving, map(calls.close, ours))
    tuple(steps)
    return highs[0] if highs else None


def _taken(path: str) -> OSError:
    # A file that was replaced in this very moment passes for the host's, too: it is left open.
    return OSError(errno.EBADF, "the host took the descriptor", path)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


class HighFile:
    """`with HighFile(path, flags) as descriptor:`; at the end it is closed, if it is still ours.

    Raises OSError where it can't be opened, and at the end where the host has taken the number meanwhile: what was
    read by it may then be anything.
    """

    __slots__ = ("_descriptor", "_flags", "_identity", "_mode", "_path", "_slow")

    def __init__(self, path: str, flags: int, mode: int = 0o600, *, slow: bool = False) -> None:
        self._path = path
        self._flags = flags
        self._mode = mode
        self._slow = slow

    def __enter__(self) -> int:
        self._descriptor = open_high(self._path, self._flags, self._mode, slow=self._slow)
        self._identity = _identity(os.fstat(self._descriptor))
        return self._descriptor

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if _identity(os.fstat(self._descriptor)) != self._identity:
            raise _taken(self._path)
        os.close(self._descriptor)
