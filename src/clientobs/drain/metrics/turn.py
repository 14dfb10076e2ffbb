"""Whose turn it is to measure the machine: one drain's, whatever number of users, homes and destinations.

The lock lies where all users of a machine meet: a file in /var/tmp that belongs to whoever made it and that the
others may only read, which is all that `flock` asks for. So nobody ever writes to another's file, and in a sticky
folder nobody can put another one in its place. What is there is opened for reading, never followed, never waited
for, and never read: a planted link or pipe is refused. A user who holds the lock for nothing keeps the machine from
being measured, and no more.

A forked child inherits `flock` (a drain may be a thread of a host), so it closes its copy at once.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import Final

from clientobs._fork import forget, in_child
from clientobs._libc import move_high
from clientobs.paths.mounts import MountTable

if sys.platform != "win32":
    import fcntl

__all__ = ["MachineTurn"]

_PLACE: Final = "/var/tmp/clientobs-vitals.lock"  # noqa: S108  # see above
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
)


class MachineTurn:
    """A lock of the whole machine; `take` is asked again before each reading."""

    def __init__(self, path: str = _PLACE) -> None:
        self._path = path
        self._fd = -1
        self._identity = (0, 0)
        in_child(self._drop)

    @property
    def is_held(self) -> bool:
        """Whether this drain held it when it last looked."""
        return self._fd >= 0

    def take(self) -> bool:
        """Say whether the turn is ours: held still, or taken now.

        Raises OSError where there is no such place (Windows, a read-only or foreign /var/tmp): who measures must then
        be settled otherwise.
        """
        if sys.platform == "win32":
            raise OSError(errno.ENOSYS, "no lock for all users of a machine is known here")
        if self._is_there():
            return True
        self._drop()
        if MountTable.of_this_machine().is_network(self._path):
            raise OSError(errno.EREMOTE, "on network storage", self._path)
        fd = move_high(self._open())
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(fd)
        except BlockingIOError:
            os.close(fd)
            return False
        except OSError:
            os.close(fd)
            raise
        self._fd, self._identity = fd, (found.st_dev, found.st_ino)
        return self._is_there()  # swept away between open and lock: the next reading asks again

    def _open(self) -> int:
        try:
            fd = os.open(self._path, _FLAGS)
        except FileNotFoundError:
            # Only here: a sticky folder may refuse to "create" what is there and another's (fs.protected_regular).
            fd = os.open(self._path, _FLAGS | os.O_CREAT, 0o644)
            os.fchmod(fd, 0o644)  # whatever the umask
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a plain file", self._path)
        return fd

    def _is_there(self) -> bool:
        """Say whether the file is still the one that others find: /var/tmp is swept now and then."""
        try:
            found, held = os.lstat(self._path), os.fstat(self._fd)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity == (held.st_dev, held.st_ino)

    def give_back(self) -> None:
        """Let another drain measure."""
        if sys.platform != "win32" and self._is_there():
            fcntl.flock(
                self._fd, fcntl.LOCK_UN
            )  # of all copies: to close ours is not enough where a fork kept one
        self._drop()

    def close(self) -> None:
        """Give back, for good."""
        self.give_back()
        forget(self._drop)

    def _drop(self) -> None:
        fd, self._fd = self._fd, -1
        try:
            found = os.fstat(fd)
            if (found.st_dev, found.st_ino) == self._identity:  # a host may have closed and reused the number
                os.close(fd)
        except OSError:
            return
