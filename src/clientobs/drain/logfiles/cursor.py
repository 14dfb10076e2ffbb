"""One log file and how far it was read: new lines only, each once, across rotation, truncation and restart.

A file is known by device, inode and the hash of its first bytes. Rotation gives the path another file: the old
one is looked for under its new name in the same folder, read to its end, and the new one read from its start, after
those that were rotated in between (rotation.py).
Truncation (also `copytruncate`) leaves the inode and changes length or first bytes: read from the start. A file
that has kept its length is opened only where the time of its last change is another.

The file is opened, read and closed again each time. A descriptor that stays would hold the space of a deleted
file on disk, and on Windows make the rotation of the tool's own handler fail.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.drain.logfiles.lines import Line, LineSplitter, encoding_of
from clientobs.drain.logfiles.rotation import Alone, find_again, is_named_after, rotated_since

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clientobs.drain.logfiles.rotation import Identity, Kin

__all__ = ["CHUNK", "FARTHEST_BACK", "Cursor", "Mark", "open_shared"]

CHUNK: Final = 256 << 10
"""Bytes read at a time."""

FARTHEST_BACK: Final = 64 << 20
"""Bytes that may wait in a file to be read: what lies before them is history, and counted."""

_HEAD: Final = 256
_QUIET_NS: Final = 10_000_000_000
"""How long a line without a newline waits for the rest of it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where to go on in a file, and how to know it again."""

    path: str
    device: int
    inode: int
    head: str
    head_length: int
    offset: int
    began: int | None = None
    """When the log began, where it tells times since then: nanoseconds since the epoch."""


class _Look(NamedTuple):
    device: int
    inode: int
    size: int
    modified: float


class Cursor:
    """Reads on in the file at `path`. `mark` is what an earlier drain remembered; `at_end` passes over what is there.

    `lost` is called with a reason for what can't be read any more.
    """

    def __init__(
        self,
        path: str,
        encoding: str,
        *,
        mark: Mark | None = None,
        at_end: bool = False,
        lost: Callable[[str], object],
        mono_ns: Callable[[], int],
        kin: Kin | None = None,
    ) -> None:
        self.path = path
        self._kin = kin or Alone()
        self._configured = encoding
        self._lost = lost
        self._mono_ns = mono_ns
        self._at_end = at_end and mark is None
        self.identity: Identity | None = (mark.device, mark.inode) if mark else None
        """Of the file that is read, under whatever name; None between two of them."""
        self._was_finished = False
        """Whether it was met as one that was read to its end: that it is deleted then costs nothing."""
        self._head = (mark.head, mark.head_length) if mark else ("", 0)
        self._offset = mark.offset if mark else 0
        self._splitter: LineSplitter | None = None
        self._allowed = 0
        self._grown_ns = mono_ns()
        self._seen: float | None = None
        """`modified` when the head was last compared: a file may be written anew at the very same size."""
        self.modified = 0.0
        """When the file was last written to, seconds since the epoch."""
        self.began = mark.began if mark else None
        """When the log began, as one of its lines told; forgotten where another file or the same anew begins."""
        self.is_behind = False
        """Whether the last reading left something for the next."""

    def mark(self, begun: int | None = None) -> Mark | None:
        """Return where to go on: at the line that has no end yet, or at `begun`, where an entry waits for more."""
        if self.identity is None or not self._head[1]:
            return None
        offset = self._splitter.begun if self._splitter else self._offset
        offset = offset if begun is None else min(begun, offset)
        return Mark(self.path, *self.identity, *self._head, offset, self.began)

    def read(self, most: int) -> Iterator[Line | None]:
        """Give lines that are new, of about `most` bytes; raise OSError where the file can't be read.

        None stands where another file begins, or the same one anew: from there on `mark` tells of that one.

        A tool that writes faster than we read must not keep this file's thread from its other files.
        """
        self._allowed = most
        self.is_behind = False
        look = _look_at(self.path)
        self.modified = look.modified
        if self.identity is not None and look[:2] != self.identity:
            yield from self._finish_rotated(look)
        is_known = self.identity is None and self._take_up(look)
        if is_known:
            yield None
        if self.identity is None:
            self.identity = (look.device, look.inode)
            self._offset = look.size if self._at_end else 0
        self._at_end = False
        if self._splitter is None and self._head[1] and look.size == self._offset:
            self._was_finished = True  # by an earlier drain, or by who followed it under its other name
        yield from self._read_on(self.path, look)
        self.is_behind = self._offset < look.size

    def finish_rotated(self) -> Iterator[Line | None]:
        """Give the rest of a file that has another name by now, and the files that were rotated after it.

        For all files of a follower before any of them is read on: then each knows how far the others came.
        """
        look = _look_at(self.path)
        if self.identity is not None and look[:2] != self.identity:
            self._allowed = FARTHEST_BACK
            yield from self._finish_rotated(look)

    def _take_up(self, look: _Look) -> bool:
        """Go on where this file was read to under another name, if it was."""
        mark = self._kin.mark_of((look.device, look.inode))
        if mark is None:
            return False
        self.identity = (mark.device, mark.inode)
        self._head, self._offset, self.began = (mark.head, mark.head_length), mark.offset, mark.began
        self._was_finished = True
        return True

    def _begin(self) -> None:
        self.identity, self._was_finished, self._seen = None, False, None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._head, self._offset, self._splitter, self.began = ("", 0), 0, None, None

    def _read_on(self, path: str, look: _Look) -> Iterator[Line | None]:
        if look.size == self._offset and self._head[1] and look.modified == self._seen:
            yield from self._rest_of_quiet()
            return
        with open_shared(path) as file:
            _make_sure(file, path, look)
            if look.size < self._offset or not self._same_head(file):
                self._begin_anew()
            self._seen = look.modified
            is_new = not self._head[1]
            self._remember_head(file)
            is_within = self._pass_over_history(file, look)
            splitter = self._splitter = self._splitter or self._new_splitter(file, is_within)
            if is_new:
                yield None
            file.seek(self._offset)
            while self._offset < look.size and self._allowed > 0:
                chunk = file.read(min(CHUNK, look.size - self._offset))
                if not chunk:
                    break
                self._offset += len(chunk)
                self._allowed -= len(chunk)
                self._grown_ns, self._was_finished = self._mono_ns(), False
                yield from splitter.feed(chunk)

    def _pass_over_history(self, file: Any, look: _Look) -> bool:
        """Go on nearer to the end where too much waits; say whether that may be amid a line.

        So it is with a huge file that is met for the first time, one that was written to for weeks while no drain
        ran, and one that grows faster than it is read.
        """
        if look.size - self._offset <= FARTHEST_BACK:
            return False
        self._lost("log_file_long")
        self._offset = (look.size - FARTHEST_BACK) & ~3  # the beginning of a character of any width
        self._splitter = None
        file.seek(self._offset)
        return bool(file.read(4) != bytes(4))  # a hole is no line

    def _new_splitter(self, file: Any, is_within: bool) -> LineSplitter:
        file.seek(0)
        return LineSplitter(encoding_of(file.read(4), self._configured), self._offset, is_within=is_within)

    def _rest_of_quiet(self) -> Iterator[Line]:
        if self._splitter and self._splitter.has_rest and self._mono_ns() - self._grown_ns > _QUIET_NS:
            line = self._splitter.rest()
            if line:
                yield line

    # Rotation ------------------------------------------------------------------------------------

    def _finish_rotated(self, now: _Look) -> Iterator[Line | None]:
        """Read what was written to the old file after the last look, under whatever name it has now."""
        identity = self.identity or (0, -1)
        if not self._kin.is_followed(identity, self):
            old = find_again(self.path, identity)
            if old is not None and self._is_still(old):
                yield from self._to_the_end(old)
                for later in rotated_since(old, self.path):
                    yield from self._one_later(later, now)
            else:
                if not self._was_finished:
                    self._lost("log_file_rotated")
                yield from self._last_line()
        self._begin()

    def _one_later(self, path: str, now: _Look) -> Iterator[Line | None]:
        try:
            look = _look_at(path)
        except OSError:
            return  # gone since, or none of ours
        found: Identity = look[:2]
        if found == now[:2] or self._kin.is_followed(found, self):
            return
        self._begin()
        # One that was read already, or one that got the number of such a one: they are deleted as new ones are made.
        if self._take_up(look):
            yield None
        self.identity = found
        yield from self._to_the_end(path)

    def _is_still(self, path: str) -> bool:
        """Say whether a file is the log, and no scene that was saved beside it and got the number of a deleted log."""
        if is_named_after(path, self.path):
            return True
        try:
            with open_shared(path) as file:
                return bool(self._head[1]) and self._same_head(file)
        except OSError:
            return False

    def _to_the_end(self, path: str) -> Iterator[Line | None]:
        self._allowed = FARTHEST_BACK
        try:
            yield from self._read_on(path, _look_at(path))
        except PermissionError:  # rotation may have closed it: to try for ever would keep us from the new one
            self._lost("log_file_rotated")
        yield from self._last_line()
        mark = self.mark()
        if mark is not None:
            self._kin.keep(replace(mark, path=path))

    def _last_line(self) -> Iterator[Line]:
        line = self._splitter.rest() if self._splitter else None
        if line:
            yield line

    # The file's first bytes ----------------------------------------------------------------------

    def _remember_head(self, file: Any) -> None:
        if self._head[1] < _HEAD:
            file.seek(0)
            head = file.read(_HEAD)
            self._head = (_hash(head), len(head))

    def _same_head(self, file: Any) -> bool:
        text, length = self._head
        file.seek(0)
        return not length or _hash(file.read(length)) == text


def _hash(head: bytes) -> str:
    return blake2b(head, digest_size=8).hexdigest()


def _look_at(path: str) -> _Look:
    return _regular(os.stat(path), path)


def _make_sure(file: Any, path: str, look: _Look) -> None:
    """Raise OSError where what was opened is not what was looked at: a rotation or a fifo came between."""
    _regular(os.fstat(file.fileno()), path)
    # Asked by path again: on old overlay file systems an open file has other numbers than its path.
    if _look_at(path)[:2] != look[:2]:
        raise OSError(f"another file by now: {path}")


def _regular(found: os.stat_result, path: str) -> _Look:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"not a regular file: {path}")  # a fifo or a device would hold us up for ever
    return _Look(found.st_dev, found.st_ino, found.st_size, found.st_mtime)


def open_shared(path: str) -> Any:
    """Open a file for reading so that its writer can still rename and delete it (on Windows that needs asking for)."""
    if sys.platform != "win32":
        return open(path, "rb", buffering=0, opener=_open_at_once)
    return open(path, "rb", buffering=0, opener=_open_on_windows)


def _open_at_once(path: str, flags: int) -> int:
    # Between the look and the open somebody may have put a fifo there.
    return os.open(path, flags | os.O_NONBLOCK)


def _open_on_windows(path: str, flags: int) -> int:
    import ctypes  # noqa: PLC0415  # Windows only
    import msvcrt  # noqa: PLC0415

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]  # Windows only
    kernel32.CreateFileW.restype = ctypes.c_void_p
    handle = kernel32.CreateFileW(path, 0x80000000, 0x1 | 0x2 | 0x4, None, 3, 0x80, None)
    if handle in (None, ctypes.c_void_p(-1).value):
        raise ctypes.WinError(ctypes.get_last_error())  # type: ignore[attr-defined]  # Windows only
    return int(msvcrt.open_osfhandle(handle, flags))  # type: ignore[attr-defined]  # Windows only
