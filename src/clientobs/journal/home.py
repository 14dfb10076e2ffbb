"""The journal's home: one private folder of this user on local disk.

    <home>/             0700 when we make it; never group- or world-writable
    <home>/secret       0600, 32 random bytes: the key of pseudonyms and destination keys
    <home>/v1/          0700; one folder and one lock file a run (see `folder.py`)

A folder that another user could write to, or reach through a symlink, is refused: records are private, and
a planted symlink would turn our appends on somebody else's file.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from clientobs._dataclass import dataclass
from clientobs._high import HighFile
from clientobs.errors import JournalError, UnsafeHomeError
from clientobs.journal.format import FORMAT_MAJOR

__all__ = ["SECRET_BYTES", "Home", "make_private", "prepare"]

SECRET_BYTES: Final = 32
_PRIVATE: Final = 0o700
_GROUP_OTHER: Final = 0o077
_GROUP_OTHER_WRITE: Final = 0o022
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A prepared home. `uid` is the user it belongs to, None where the system has no such number."""

    path: str
    uid: int | None
    secret: bytes

    def __repr__(self) -> str:
        return f"Home(path={self.path!r}, uid={self.uid})"

    @property
    def runs(self) -> str:
        """The folder of run folders."""
        return os.path.join(self.path, f"v{FORMAT_MAJOR}")


def prepare(path: str, *, uid: int | None) -> Home:
    """Create or check the home at `path` for user `uid` and return it.

    Raises UnsafeHomeError where it could be another's, JournalError where it can't be used (read-only, a
    file in the way, a full disk).
    """
    path = os.path.abspath(path)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        make_private(path, uid=uid, refused=_GROUP_OTHER_WRITE)
        runs = os.path.join(path, f"v{FORMAT_MAJOR}")
        make_private(runs, uid=uid)
        _refuse_read_only(runs)
        return Home(path=path, uid=uid, secret=_secret(os.path.join(path, "secret"), uid))
    except OSError as error:
        raise JournalError(
            f"The journal folder {path} can't be used ({error.strerror or error}); "
            "set CLIENTOBS_HOME to a folder on local disk that this user can write to."
        ) from error


def _refuse_read_only(path: str) -> None:
    # One that is there already needs no write to be found: a disk with errors is remounted read-only by its kernel.
    if not os.access(path, os.W_OK | os.X_OK):
        read_only = os.name == "posix" and os.statvfs(path).f_flag & os.ST_RDONLY
        number = errno.EROFS if read_only else errno.EACCES
        raise OSError(number, os.strerror(number))


def make_private(path: str, *, uid: int | None, refused: int = _GROUP_OTHER) -> None:
    """Create the folder `path` with mode 0700, or check the one that is there.

    Raises UnsafeHomeError for a symlink, a foreign owner, or a mode with one of the bits `refused`.
    """
    try:
        os.mkdir(path, _PRIVATE)
    except FileExistsError:
        _refuse_unsafe(path, os.lstat(path), uid, refused)
        return
    if os.name == "posix" and stat.S_IMODE(os.lstat(path).st_mode) & 0o777 != _PRIVATE:
        os.chmod(path, _PRIVATE)  # the host's umask took bits from the owner


def _refuse_unsafe(path: str, found: os.stat_result, uid: int | None, refused: int) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeHomeError(f"{path} is a symlink; remove it, or name its target by CLIENTOBS_HOME.")
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeHomeError(f"{path} is not a folder; move it away, or set CLIENTOBS_HOME.")
    _refuse_foreign(path, found, uid, refused)


def _refuse_foreign(path: str, found: os.stat_result, uid: int | None, refused: int) -> None:
    if uid is None:
        return  # Windows: the folder lies in the user's profile, guarded by its access list
    if found.st_uid != uid:
        raise UnsafeHomeError(f"{path} belongs to user {found.st_uid}, not {uid}; set CLIENTOBS_HOME.")
    if found.st_mode & refused:
        mode = stat.S_IMODE(found.st_mode)
        raise UnsafeHomeError(f"{path} is open to others (mode {mode:04o}); run: chmod 700 {path}")


def _secret(path: str, uid: int | None) -> bytes:
    secret = _read_secret(path, uid)
    if secret is None:
        _create_secret(path)
        secret = _read_secret(path, uid)
    if secret is None:
        raise JournalError(f"{path} can't be kept whole; check the disk, or set CLIENTOBS_HOME.")
    return secret


def _read_secret(path: str, uid: int | None) -> bytes | None:
    try:
        with HighFile(path, os.O_RDONLY | _NOFOLLOW) as fd:
            _refuse_foreign(path, os.fstat(fd), uid, _GROUP_OTHER)
            secret = os.read(fd, SECRET_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        if os.path.islink(path):
            raise UnsafeHomeError(f"{path} is a symlink; remove it.") from error
        raise
    if len(secret) == SECRET_BYTES:
        return secret
    os.unlink(path)  # cut short by a power loss
    return None


def _create_secret(path: str) -> None:
    """Put a new secret at `path` whole, unless another process is first."""
    own = f"{path}.{os.urandom(8).hex()}"
    with HighFile(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW) as fd:
        os.write(fd, os.urandom(SECRET_BYTES))
        os.fsync(fd)
    try:
        if hasattr(os, "link"):
            os.link(own, path)  # fails where it exists: all processes share the first one's
        else:
            os.rename(own, path)
    except FileExistsError:
        pass  # another process was first; its secret is the one to use
    except OSError:
        os.replace(own, path)  # a file system without hard links: the last one wins
        return
    if os.path.lexists(own):
        os.unlink(own)
