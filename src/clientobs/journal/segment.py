"""One segment being written: a descriptor, checked before each use, and the frame that goes through it.

A Segment owns its descriptor and gives it back when its last user drops it (`__del__`). That is what makes
rotation free of locks: an appending thread holds a reference for the length of one append, the rotating
thread puts the next segment in place, and whoever drops the old one last seals it, after its last record.

The host may close descriptors that it doesn't own and open its scene under the same number. So each append
first compares device, inode and link count with those of the file that was opened: on a difference nothing
is written, the number is not closed, and the writer goes on in another segment. The link count tells in the
same comparison that somebody deleted the file. Between the comparison and the write another thread could
still close and open that very number; both calls keep the GIL, which leaves it a switch between two
neighbouring instructions.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from clientobs._fork import forks, settle
from clientobs._guarded import quiet
from clientobs._high import open_high
from clientobs.journal.format import (
    FILE_MAGIC,
    HEADER_SEED,
    Kind,
    Lane,
    encode_frame,
    encode_payload,
    segment_name,
    segment_seed,
)

if TYPE_CHECKING:
    from clientobs._libc import Libc, Watch

__all__ = ["NO_ROOM", "Failure", "Segment", "open_segment"]

Failure: TypeAlias = Literal["taken", "deleted", "forked", "full", "error"]
"""Why a segment takes no more: its descriptor is closed or another's; its file was deleted; this is a forked
child; no room (disk, quota, file size); any other error, a short write included."""

Identity: TypeAlias = tuple[int, int, int]
"""Device, inode, number of links."""

_PRIVATE: Final = 0o600
_FLAGS: Final = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)
NO_ROOM: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if os.name == "posix" else {errno.ENOSPC}
)
_SEALED: Final = encode_payload(("sealed", {}))


class Segment:
    """An open segment, written through `os` (the portable way; `_FastSegment` is the usual one).

    `size` counts bytes and `records` appends; both are for rotation and may lag by a racing thread's.
    """

    __slots__ = (
        "_fd", "_forks", "_getpid", "_identity", "_mono", "_next", "_pid", "_seed", "_synced",
        "contexts", "failure", "lane", "number", "opened_mono", "path", "records", "size",
    )  # fmt: skip

    def __init__(
        self,
        *,
        path: str,
        fd: int,
        identity: Identity,
        lane: Lane,
        number: int,
        size: int,
        seed: int,
        mono: Callable[[], int],
        sequence: Iterator[int],
    ) -> None:
        self.path = path
        self.lane = lane
        self.number = number
        self.opened_mono = mono()
        self.contexts: set[int] = set()
        self.failure: Failure | None = None
        self.records = 0
        self.size = size
        self._fd = fd
        self._seed = seed
        self._next = sequence.__next__
        self._mono = mono
        self._pid = os.getpid()
        self._forks = forks.count
        self._getpid = os.getpid  # kept, because __del__ may run when the module is already cleared
        self._identity = identity
        self._synced = 0

    def append(self, kind: int, payload: bytes, sequence: int, mono_ns: int) -> bool:
        """Land one frame by one write; False, with `failure` set, where it didn't."""
        frame = encode_frame(kind, payload, sequence, mono_ns, self._seed)
        if self.failure is not None or not self._is_ours():
            return False
        return self._land(frame)

    def _is_ours(self) -> bool:
        """Check process, descriptor and file; set `failure` where one of them is not what it was."""
        if self._getpid() != self._pid:
            self.failure = "forked"
            return False
        if self._forks != forks.count:
            self._forks = forks.count
            settle()
        try:
            found = _identity(os.fstat(self._fd))
        except OSError:
            found = (0, 0, 0)
        if found == self._identity:
            return True
        # A backup that hard-links the file changes the count too: that costs us one more segment.
        self.failure = "deleted" if found[:2] == self._identity[:2] else "taken"
        return False

    def _land(self, frame: bytes) -> bool:
        try:
            written = os.write(self._fd, frame)
        except OSError as error:
            self.failure = "full" if error.errno in NO_ROOM else "error"
            return False
        self.size += written
        if written != len(frame):
            # Torn: a reader finds the end of what is whole. Most often the disk is full; the next open tells.
            self.failure = "error"
            return False
        self.records += 1
        return True

    def sync(self) -> None:
        """Write what has landed to the disk itself; where that fails, the next append goes elsewhere."""
        if self._synced == self.size or not self._is_ours():
            return
        self._synced = self.size
        try:
            getattr(os, "fdatasync", os.fsync)(self._fd)
        except OSError:
            self.failure = "error"

    def abandon(self) -> None:
        """Give up without sealing: in a forked child the file is the parent's."""
        self.failure = "forked"

    def __del__(self) -> None:
        with quiet("journal.seal"):
            if self.failure is None:
                self.append(Kind.NOTE, _SEALED, self._next(), self._mono())
            self._close()

    def _close(self) -> None:
        try:
            # A deleted file's descriptor is still ours to close; one that was taken is the host's.
            if _identity(os.fstat(self._fd))[:2] == self._identity[:2]:
                os.close(self._fd)
        except OSError:
            return  # closed by the host already


class _FastSegment(Segment):
    """The same through libc under the GIL: 3 us an append, also beside a busy thread (see `_libc.py`)."""

    __slots__ = ("_buffer", "_device", "_device_at", "_inode", "_inode_at", "_look", "_write")

    def __init__(self, *, write: Callable[[int, bytes, int], int], watch: Watch, **rest: Any) -> None:
        self._write = write
        self._look, self._buffer, self._inode_at, self._inode, self._device_at, self._device = watch
        super().__init__(**rest)

    def append(self, kind: int, payload: bytes, sequence: int, mono_ns: int) -> bool:
        """Land one frame by one write; False, with `failure` set, where it didn't."""
        frame = encode_frame(kind, payload, sequence, mono_ns, self._seed)
        if self.failure is not None:
            return False
        size, buffer = len(frame), self._buffer
        if (
            self._forks == forks.count  # else `_is_ours` asks for the pid
            and not self._look()
            and buffer[self._inode_at] == self._inode
            and buffer[self._device_at] == self._device
        ):
            written = self._write(self._fd, frame, size)
            if written == size:
                self.size += size
                self.records += 1
                return True
            if written > 0:
                self.failure = "error"
                return False
        return self._is_ours() and self._land(frame)  # again through `os`, which tells errno


def open_segment(
    folder: str,
    header: Mapping[str, Any],
    *,
    libc: Libc | None,
    sequence: Iterator[int],
    mono: Callable[[], int],
) -> Segment:
    """Create the segment that `header` (the fields of `records.Header`) names and land its header.

    Raises OSError where that fails; no file and no descriptor are left behind then.
    """
    lane, number = header["lane"], header["number"]
    path = os.path.join(folder, segment_name(lane, number))
    fd = open_high(path, _FLAGS, _PRIVATE)
    try:
        found = _check_opened(fd, path)
    except OSError:
        os.unlink(path)  # the descriptor is no longer ours to close
        raise
    try:
        size = _write_header(fd, header, next(sequence))
    except OSError:
        os.close(fd)
        os.unlink(path)
        raise
    seed = segment_seed(header["run"], lane, number)
    parts = {"path": path, "fd": fd, "identity": _identity(found), "lane": lane, "number": number}
    parts |= {"size": size, "seed": seed, "sequence": sequence, "mono": mono}
    watch = None if libc is None else libc.watch(fd, found)
    if libc is None or watch is None:
        return Segment(**parts)
    return _FastSegment(write=libc.write, watch=watch, **parts)


def _check_opened(fd: int, path: str) -> os.stat_result:
    """Make sure that the number still means the file just opened, and that its owner can read it."""
    found = os.fstat(fd)
    if _identity(found) != _identity(os.lstat(path)):
        raise OSError(errno.EBADF, "the descriptor was taken while the segment was opened", path)
    if os.name == "posix" and found.st_mode & 0o777 != _PRIVATE:
        os.fchmod(fd, _PRIVATE)  # the host's umask took bits from the owner
        found = os.fstat(fd)
    return found


def _write_header(fd: int, header: Mapping[str, Any], sequence: int) -> int:
    payload = encode_payload(dict(header))
    head = FILE_MAGIC + encode_frame(Kind.HEADER, payload, sequence, header["mono_ns"], HEADER_SEED)
    if os.write(fd, head) != len(head):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return len(head)


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_nlink
