"""The lock that makes the drain single: one per user, machine and destination.

The operating system holds it for as long as the drain's process lives, so a killed drain leaves nothing
behind that somebody must clean up. The file's text tells who holds it (process id, version), for hosts that
want to know and for `clientobs status`; it is only believed while the lock is held.

A host must only *look*. Taking the lock for a moment to see whether it is free would turn away a drain that
starts at that moment, so POSIX is asked with F_GETLK, which takes nothing. Windows has no such question:
there the look takes the lock for a moment, and a drain that starts tries for two seconds.

lockf, not flock: a child that the host forks would inherit a flock (in thread mode) and keep it when the
host is dead. But lockf has a trap of its own: closing *any* descriptor of the file frees the lock of the
whole process. So a file that this process holds is never opened again; `_held` knows them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import sys
import threading
import time
from typing import Final

from clientobs._dataclass import dataclass
from clientobs._fork import in_child
from clientobs._high import HighFile, open_high
from clientobs.errors import JournalError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["DrainLock", "Holder", "drain_folder", "file_of", "look"]

_FLAGS: Final = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)
_KEY: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_TEXT_BYTES: Final = 512
_FAR_BYTE: Final = 1 << 30
"""The byte that Windows locks: a range lock is mandatory there, and the text must stay readable."""
_FLOCK: Final = "qqihh" if sys.platform == "darwin" else "hhqqi"
"""struct flock: macOS start, length, pid, type, whence; Linux type, whence, start, length, pid."""

_held: dict[tuple[int, int], DrainLock] = {}
"""The locks of this process by device and inode: a home has more than one spelling."""
_table = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock: `pid` 0 and `version` "" where it doesn't tell (it has only just taken it)."""

    pid: int = 0
    version: str = ""
    steward: str = "host"
    """"host": started by one, may be asked to leave; "ops": run by a service manager, which would restart
    it."""


def drain_folder(home: str) -> str:
    """Return `<home>/drain`, made with mode 0700 where it is missing.

    Raises JournalError where something else stands in its place, OSError where it can't be made.
    """
    folder = os.path.join(home, "drain")
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if os.path.islink(folder) or not os.path.isdir(folder):
            raise JournalError(f"{folder} is no folder of ours; remove it.") from None
    return folder


def file_of(home: str, destination: str, kind: str) -> str:
    """Return the path of one of the drain's small files: `<home>/drain/<destination>.<kind>`."""
    if not _KEY.fullmatch(destination):
        raise JournalError(f"{destination!r} is no destination key: up to 64 letters, digits, - and _.")
    return os.path.join(home, "drain", f"{destination}.{kind}")


class DrainLock:
    """A held lock; `acquire` makes one."""

    __slots__ = ("_pid", "fd", "identity", "path")

    def __init__(self, path: str, fd: int) -> None:
        found = os.fstat(fd)
        self.path = path
        self.fd = fd
        self.identity = (found.st_dev, found.st_ino)
        self._pid = os.getpid()

    @classmethod
    def acquire(
        cls, path: str, *, version: str = "", steward: str = "host", patience: float = 0.0
    ) -> DrainLock | None:
        """Take the lock, or return None where another process (or thread of this one) holds it.

        Tries for `patience` seconds. Raises OSError where the file can't be made.
        """
        until = time.monotonic() + patience
        while True:
            lock = cls._try(path)
            if lock is not None:
                lock.tell({"pid": os.getpid(), "version": version, "steward": steward})
                return lock
            if time.monotonic() >= until:
                return None
            time.sleep(0.05)

    @classmethod
    def _try(cls, path: str) -> DrainLock | None:
        with _table:
            if _own(path):
                return None
            fd = open_high(path, _FLAGS)  # in thread mode a host's, which may close low ones
            if not _lock(fd):
                os.close(fd)
                return None
            lock = cls(path, fd)
            _held[lock.identity] = lock
        if lock.is_held():
            return lock
        lock.release()  # the folder was deleted, or the file replaced, between open and lock
        return None

    def tell(self, facts: dict[str, object]) -> None:
        """Write who holds the lock. Raises OSError."""
        text = json.dumps(facts).encode("ascii").ljust(_TEXT_BYTES)
        os.lseek(self.fd, 0, os.SEEK_SET)
        os.write(self.fd, text)

    def is_held(self) -> bool:
        """Say whether the lock is still ours and still the one that others see at its path."""
        if self._pid != os.getpid():
            return False
        try:
            found, seen = os.fstat(self.fd), os.stat(self.path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self.identity == (seen.st_dev, seen.st_ino)

    def release(self) -> None:
        """Free the lock. The file stays: to delete it could free the path for two holders at once."""
        with _table:
            if _held.get(self.identity) is self:
                del _held[self.identity]
            self.close()

    def close(self) -> None:
        """Close the descriptor, if the number still is this file's; the lock goes with it."""
        fd, self.fd = self.fd, -1
        # It fails where the number was closed before: by us, or by a host that closes what it doesn't own.
        with contextlib.suppress(OSError):
            found = os.fstat(fd)
            if (found.st_dev, found.st_ino) == self.identity:
                os.close(fd)


def _own(path: str) -> DrainLock | None:
    """Return the lock of this process on the file at `path`; the caller holds `_table`."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    own = _held.get((found.st_dev, found.st_ino))
    return own if own is not None and own.is_held() else None


def _begin_anew() -> None:
    # In a forked child: the parent's locks are not ours, and another thread may have held the table.
    global _table  # noqa: PLW0603  # a lock can't be reset
    _table = threading.Lock()
    for lock in _held.values():
        lock.close()
    _held.clear()


in_child(_begin_anew)


def look(path: str) -> Holder | None:
    """Say who holds the lock at `path`, without disturbing it; None where nobody does."""
    with _table:
        own = _own(path)
        if own is not None:
            return _read(own.fd) or Holder(pid=os.getpid())
        try:
            with HighFile(path, _FLAGS & ~os.O_CREAT) as fd:
                return (_read(fd) or Holder()) if _is_locked(fd) else None
        except FileNotFoundError:
            return None


def _read(fd: int) -> Holder | None:
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        facts = json.loads(os.read(fd, _TEXT_BYTES) or b"{}")
        return Holder(
            pid=int(facts.get("pid", 0)),
            version=str(facts.get("version", "")),
            steward=str(facts.get("steward", "host")),
        )
    except (OSError, ValueError, AttributeError, TypeError):
        return None  # held, but its text is not written yet, or is not ours to read


if sys.platform == "win32":

    def _lock(fd: int) -> bool:
        os.lseek(fd, _FAR_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _is_locked(fd: int) -> bool:
        return not _lock(fd)

else:

    def _lock(fd: int) -> bool:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _is_locked(fd: int) -> bool:
        if sys.platform == "darwin":
            question = struct.pack(_FLOCK, 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
            return bool(struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, question))[3] != fcntl.F_UNLCK)
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        return bool(struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, question))[0] != fcntl.F_UNLCK)
