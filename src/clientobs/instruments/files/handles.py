"""Hear of reads, writes and the close of a file that stays what it is.

`open()` must return the very types that it returns today: code asks for them, C extensions take them, and the
fast paths of the io module look at exact types. But the buffered layer above a `FileIO` calls it by name
(`raw.readinto`, `raw.write`, `raw.close`), and a `FileIO` has a `__dict__` that such a call looks into before the
class. So the functions below stand in the `__dict__` of the innermost object alone, and nothing else changes.

They hold that object, as a method of its own would: callers keep `handle.raw.write` apart from the file, and call it
when all other names are gone. That makes a circle, which the close undoes: the buffered layer closes what is below
it when the last name for a file goes. What was taken out of its buffer by `detach()` and is never closed waits for
the garbage collector. (Weak references would not do: `open(path, "wb").detach().write(data)` has nobody else who holds
the file between looking up `write` and calling it.)

Files that are still open when recording has ended may be flushed as late as the end of the interpreter, when the
names of this module and those of `builtins` are None already: each hook asks the switch first, and then uses nothing
but the file's own class. (One that failed after its write made the buffer write again.)

A file without a buffer is handed out as its `FileIO`, which nobody closes when the last name for it goes: left alone.
"""

from __future__ import annotations

import os
from functools import partial
from io import FileIO
from stat import S_ISREG
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults

if TYPE_CHECKING:
    from clientobs.instruments.files.accounts import Account
    from clientobs.instruments.files.desk import Desk

__all__ = ["Writing", "innermost", "raw_of", "watch_reading", "watch_writing"]

_NOTABLE: Final = 1_000_000
"""Nanoseconds: a read or write of a local file that took longer is an operation of its own."""
_close: Final = FileIO.close
_readinto: Final = FileIO.readinto
_readall: Final = FileIO.readall
_read: Final = FileIO.read
_write: Final = FileIO.write
_tell: Final = FileIO.tell
_truncate: Final = FileIO.truncate
_os_fstat: Final = os.fstat
_HOOKS: Final = ("close", "write", "readinto", "readall", "read", "truncate")


def raw_of(handle: Any) -> FileIO | None:
    """Return the FileIO below a file that `open` returned; None where there is none, or no buffer above it."""
    buffer = getattr(handle, "buffer", handle)
    raw = getattr(buffer, "raw", None)
    return raw if type(raw) is FileIO else None


def innermost(handle: Any) -> Any:
    """Return the object at the bottom of a file: the one that has its name."""
    buffer = getattr(handle, "buffer", handle)
    return getattr(buffer, "raw", buffer)


def _close_read(raw: FileIO, account: Account, weight: int, desk: Desk) -> None:
    """Close a local file that was opened to be read, as FileIO does; before that, see how far it was read."""
    raw.__dict__.pop("close", None)
    if not desk.switch.on:
        raw.__class__.close(raw)
        return
    if not raw.closed:
        try:
            size = _tell(raw)
            if account.book.ended:
                account = desk.live(account)
            account.add_read(size, weight)
        except (OSError, ValueError):
            account.sampled = True  # a pipe has no position
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.close", error)
    _close(raw)


def watch_reading(desk: Desk, raw: FileIO, account: Account, weight: int) -> None:
    """Have the bytes read from a local file counted when it is closed."""
    raw.__dict__["close"] = partial(_close_read, raw, account, weight, desk)


class Writing:
    """Hears of the writes, the close, and on network storage the reads, of one file."""

    __slots__ = (
        *("account", "base", "broken", "created", "cut", "desk", "moved", "path", "raw", "read_bytes"),
        *("unnamed", "writes"),
    )

    raw: FileIO
    account: Account | None
    desk: Desk
    path: str
    writes: bool
    """Whether the file was opened to be written."""
    created: bool
    """Whether it began empty."""
    broken: bool
    """Whether one of the writes, or the close, failed."""
    cut: bool
    """Whether the program itself set its length."""
    unnamed: bool
    """Whether it was made of a descriptor, which says nothing of its name."""
    base: int
    moved: int
    """Bytes written."""
    read_bytes: int

    def write(self, data: Any, /) -> Any:
        """Write as FileIO does."""
        raw = self.raw
        if not self.desk.switch.on:
            return raw.__class__.write(raw, data)
        began = perf_counter_ns()
        try:
            done = _write(raw, data)
        except OSError as error:
            self._failed("write", error, perf_counter_ns() - began)
            raise
        spent = perf_counter_ns() - began
        if not self.moved:
            self._take_name()
        self._add(self.account, "write", spent)
        if done:
            self.moved += done
        return done

    def truncate(self, size: Any = None, /) -> Any:
        """Set the length as FileIO does."""
        raw = self.raw
        if not self.desk.switch.on:
            return raw.__class__.truncate(raw, size)
        began = perf_counter_ns()
        try:
            done = _truncate(raw, size)
        except OSError as error:
            self._failed("truncate", error, perf_counter_ns() - began)
            raise
        self.cut = True
        self._add(self.account, "truncate", perf_counter_ns() - began)
        return done

    def readinto(self, buffer: Any, /) -> Any:
        """Read as FileIO does."""
        if not self.desk.switch.on:
            return self.raw.__class__.readinto(self.raw, buffer)
        return self._reads(_readinto, buffer)

    def read(self, size: int | None = -1, /) -> Any:
        """Read as FileIO does."""
        if not self.desk.switch.on:
            return self.raw.__class__.read(self.raw, size)
        return self._reads(_read, size)

    def readall(self) -> Any:
        """Read as FileIO does."""
        if not self.desk.switch.on:
            return self.raw.__class__.readall(self.raw)
        return self._reads(_readall)

    def _reads(self, method: Any, *arguments: Any) -> Any:
        raw = self.raw
        began = perf_counter_ns()
        try:
            done = method(raw, *arguments)
        except OSError as error:
            self._failed("read", error, perf_counter_ns() - began)
            raise
        self._add(self.account, "read", perf_counter_ns() - began)
        if done:
            self.read_bytes += done if type(done) is int else len(done)
        return done

    def close(self) -> None:
        """Close the file as FileIO does, and take down what has become of it."""
        raw = self.raw
        if not self.desk.switch.on:
            for name in ("close", "write", "readinto", "readall", "read", "truncate"):
                raw.__dict__.pop(name, None)
            raw.__class__.close(raw)
            return
        for name in _HOOKS:
            raw.__dict__.pop(name, None)
        account, self.account = self.account, None
        if account is None or raw.closed:
            _close(raw)
            return
        state = self._state(raw) if self._take_name() and self.writes else None
        began = perf_counter_ns()
        try:
            _close(raw)
        except OSError as error:
            self._failed("close", error, perf_counter_ns() - began, account)
            raise
        self._take(account, state, perf_counter_ns() - began)

    def _take_name(self) -> bool:
        """Take the name that tempfile gives to what it opened by its folder; False for a file without a name."""
        name = self.raw.__dict__.get("name")
        if type(name) is str:
            self.path = name
        return type(name) is not int or self.unnamed

    def _state(self, raw: FileIO) -> tuple[int, int] | None:
        """Return the size, and how far the writes went; of a regular file only."""
        try:
            found = _os_fstat(raw.fileno())
            size, position = found.st_size, self.base + self.moved
            if position > size and (self.cut or _tell(raw) != position):
                # A header was written once more, or the rest cut off: the writes don't add up to the size.
                position = size
        except (OSError, ValueError):
            return None
        return (size, position) if S_ISREG(found.st_mode) else None

    def _add(self, account: Account | None, operation: str, spent: int) -> None:
        if account is None:  # closed meanwhile, by another thread
            return
        if not account.place.network and spent <= _NOTABLE:
            account.spent += spent
            return
        # After each wait for a server our code is cold: the less of it, the better. The account of the open
        # serves as long as the same span is current.
        desk = self.desk
        part = desk.here.part
        if spent < desk.unremarkable and part.book is account.book and part.context is desk.get_current():
            account.add(operation, spent, self.path)
        else:
            desk.done(operation, self.path, spent)

    def _failed(self, operation: str, error: OSError, spent: int, account: Account | None = None) -> None:
        if (account or self.account) is not None:
            from clientobs import semconv  # noqa: PLC0415  # nothing is wrong as a rule
            from clientobs.instruments.files.telling import FULL, PROBING  # noqa: PLC0415

            more = {semconv.FILE_WRITTEN: self.moved}
            self._take_name()
            if error.errno in FULL and (state := self._state(self.raw)) is not None:
                more[semconv.FILE_SIZE] = state[0]  # what is there now, and will be left there
            self.broken = self.broken or (operation != "read" and error.errno not in PROBING)
            self.desk.failed(operation, self.path, error, spent, **more)

    def _take(self, account: Account, state: tuple[int, int] | None, spent: int) -> None:
        try:
            self._add(account, "close", spent)
            if account.book.ended:
                account = self.desk.live(account)
            account.written += self.moved
            account.read += self.read_bytes
            if self.read_bytes:
                account.add_size("read", self.read_bytes)
            if state is not None:
                size, position = state
                self.desk.written_and_closed(
                    account,
                    self.path,
                    size,
                    position,
                    created=self.created or self.cut,
                    whole=not self.broken,
                )
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.close", error)


def watch_writing(
    desk: Desk, raw: FileIO, account: Account, path: str, mode: str, *, unnamed: bool = False
) -> None:
    """Have the writes of a file counted, and on network storage its reads, with their times.

    unnamed: the file was made of a descriptor that is known to be `path`.
    """
    writing = Writing()
    writing.raw, writing.account, writing.desk, writing.path = raw, account, desk, path
    writing.moved = writing.read_bytes = 0
    writing.broken = writing.cut = False
    writing.unnamed = unnamed
    writing.created = "w" in mode or "x" in mode
    writing.writes = writing.created or "a" in mode or "+" in mode
    # Positions add up where a file grows from its start or its end alone; "r+" writes over what is there.
    writing.base = _tell(raw) if "a" in mode and raw.seekable() else 0
    hooks = raw.__dict__
    hooks["close"] = writing.close
    if writing.writes:
        hooks["write"], hooks["truncate"] = writing.write, writing.truncate
    if account.place.network and ("r" in mode or "+" in mode):
        hooks["readinto"], hooks["readall"], hooks["read"] = writing.readinto, writing.readall, writing.read
