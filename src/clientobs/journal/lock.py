"""The proof of life: a lock that the operating system holds for as long as the process lives.

POSIX `lockf`, because a forked child inherits `flock` and keeps a dead parent's lock; Windows
`msvcrt.locking` on a byte of this sidecar, because a range lock there is mandatory and would shut readers
out of a segment.

`lockf` has a trap of its own: closing *any* descriptor of the file frees the lock of the whole process. So
this module never opens a lock file that this process holds, and looks its own locks up in a table instead.
"""

from __future__ import annotations

import os
import stat
from typing import Final, Literal, TypeAlias

from clientobs._high import HighFile, open_high
from clientobs.errors import JournalError, UnsafeHomeError

if os.name == "posix":
    import fcntl
else:
    import msvcrt

__all__ = ["LockState", "RunLock", "lock_state"]

LockState: TypeAlias = Literal["held", "free", "closed", "missing"]
"""held: its process lives. closed: free, after a clean close. missing: no lock file at all."""

_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CLOSED: Final = b"closed\n"
_FAR_BYTE: Final = 1 << 30  # the byte that Windows locks: beyond the text, which must stay readable

_held: dict[tuple[int, int], RunLock] = {}
"""Locks of this process by (device, inode)."""


class RunLock:
    """The held lock of one run."""

    __slots__ = ("_fd", "_identity", "_pid", "path")

    def __init__(self, path: str, fd: int, identity: tuple[int, int]) -> None:
        self.path = path
        self._fd = fd
        self._identity = identity
        self._pid = os.getpid()

    @classmethod
    def acquire(cls, path: str) -> RunLock:
        """Create the lock file at `path` and lock it.

        Raises UnsafeHomeError for a symlink or an odd file, JournalError where another process holds it,
        OSError where the file can't be made.
        """
        if lock_state(path) == "held":
            # Also where this process holds it: to open and close it here would free it.
            raise JournalError(f"{path} is held by a running process.")
        try:
            # High before it is locked: closing the low descriptor afterwards would free the lock.
            fd = open_high(path, _FLAGS | os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if os.path.islink(path):
                raise UnsafeHomeError(f"{path} is a symlink; remove it.") from error
            raise
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise UnsafeHomeError(f"{path} is not a plain file of one name; remove it.")
            _lock(fd)
        except OSError as error:
            os.close(fd)
            raise JournalError(f"{path} is held by a running process.") from error
        except UnsafeHomeError:
            os.close(fd)
            raise
        lock = cls(path, fd, _identity(found))
        _held[lock._identity] = lock
        return lock

    def is_held(self) -> bool:
        """Say whether the lock is still ours: hosts close descriptors, people delete and move folders."""
        if self._pid != os.getpid() or not self._descriptor_is_ours():
            return False
        try:
            return _identity(os.lstat(self.path)) == self._identity
        except OSError:
            return False

    def release(self, *, closed: bool) -> None:
        """Free the lock; with `closed`, leave the mark of a clean close in the file."""
        if _held.get(self._identity) is self:
            del _held[self._identity]
        if not self._descriptor_is_ours():
            return
        if closed:
            self.mark_closed()
        os.close(self._fd)

    def mark_closed(self) -> None:
        """Leave the mark of a clean close, which counts once the lock is free."""
        if self._pid == os.getpid():
            os.write(self._fd, _CLOSED)

    def _descriptor_is_ours(self) -> bool:
        try:
            return _identity(os.fstat(self._fd)) == self._identity
        except OSError:
            return False


def lock_state(path: str) -> LockState:
    """Say how the lock at `path` stands, without disturbing it."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "held"  # not to be told: to take a live run for a dead one is the worse mistake
    own = _held.get(_identity(found))
    if own is not None and own.is_held():
        return "held"
    return _look(path) if stat.S_ISREG(found.st_mode) else "missing"


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _look(path: str) -> LockState:
    try:
        with HighFile(path, _FLAGS | os.O_RDONLY) as fd:
            _lock(fd, shared=True)
            return "closed" if os.read(fd, len(_CLOSED)) == _CLOSED else "free"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "held"


if os.name == "posix":

    def _lock(fd: int, *, shared: bool = False) -> None:
        # Shared for a look: two processes that look at once must not take each other for the owner.
        fcntl.lockf(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

else:

    def _lock(fd: int, *, shared: bool = False) -> None:  # noqa: ARG001  # Windows has one kind
        os.lseek(fd, _FAR_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        os.lseek(fd, 0, os.SEEK_SET)
