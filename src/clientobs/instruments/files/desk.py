"""What the wrappers of `files` report to when there is more to do than count.

The wrappers do the fast part themselves; here is the rest: finding the part and the account, failures, slow
operations, what a closed file was. Every entry is guarded, and none is entered from within another on the same
thread: the files that we touch ourselves (a journal segment that rotates) are nobody's.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.files.accounts import Part
from clientobs.instruments.files.pathtext import text_of
from clientobs.instruments.files.places import folder_of
from clientobs.instruments.files.telling import PROBING, Failing, code_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.accounts import Account
    from clientobs.instruments.files.books import Book, Books
    from clientobs.instruments.files.descriptors import Descriptors
    from clientobs.instruments.files.measures import Measures
    from clientobs.instruments.files.outside import Outside
    from clientobs.instruments.files.pathtext import PathText
    from clientobs.instruments.files.places import Places
    from clientobs.instruments.files.telling import Teller
    from clientobs.instruments.meter import Meter
    from clientobs.instruments.patching import Switch

__all__ = ["Desk", "Here"]

_LEFT_ALONE: Final = ("importlib", "linecache", "tokenize", "zipimport", "pkgutil", "traceback", "inspect")
_FRAMES: Final = 6
_LOOKING: Final = frozenset({"stat", "lstat", "access", "readlink", "listdir", "scandir"})


class Here(threading.local):
    """What a thread remembers: its part of the day, and whether it is at the desk."""

    def __init__(self, nobody: Part) -> None:
        self.part = nobody
        self.busy = False
        self.unseen = 0
        """Bytes of the file written last that came past Python (sendfile)."""
        self.tree: Any = None
        """The operation on a tree of files that is under way, if any."""


class Desk:
    """See the module's docstring. `switch` is the instrument's, `meter` what the instrument costs."""

    def __init__(
        self,
        *,
        switch: Switch,
        meter: Meter,
        places: Places,
        text: PathText,
        teller: Teller,
        measures: Measures,
        get_current: Callable[[], Any],
    ) -> None:
        self.switch = switch
        self.meter = meter
        self.places = places
        self.text = text
        self.teller = teller
        self.unremarkable = teller.shortest
        self.measures = measures
        self.get_current = get_current
        self.books: Books
        self.outside: Outside
        self.here: Here
        self.descriptors: Descriptors

    def begin(self, books: Books, outside: Outside) -> None:
        """Take the books, which need this desk to be told of the ends of spans."""
        self.books = books
        self.outside = outside
        # Equal to no context: the first call of each thread finds its part.
        self.here = Here(Part(books.outside, object()))

    def begin_anew(self) -> None:
        """Let this thread, the only one in a forked child, find its part again."""
        self.here.part = Part(self.books.outside, object())
        self.here.busy = False

    def part(self) -> Part:
        """Return this thread's part for the context of now."""
        context = self.get_current()
        part = self.here.part
        if part.context is not context:
            part = self.here.part = self.books.part_in(context)
        return part

    def account_of(self, path: str) -> tuple[Part, Account]:
        """Return the part of now and the account for a path."""
        part = self.part()
        folder = folder_of(path)
        place = self.places.of_folder(folder) if folder else None
        if place is None or place.split:
            place = self.places.of(path)
            folder = f"\0{place.point}{'!' if place.ignored else ''}"
        return part, part.account(folder, place)

    def done(self, operation: str, path: Any, spent: int, **more: Any) -> None:
        """Take an operation that succeeded and was not quick, or has something to tell."""
        if not self.switch.on or self.here.busy:
            return
        self.here.busy = True
        began = self.meter.now()
        try:
            text = text_of(path)
            _, account = self.account_of(text)
            account.add(operation, spent, text)
            place = account.place
            if not place.ignored and self.teller.is_slow(place, spent):
                self.teller.slow(account.book, place, operation, path, spent, **more)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.done", error)
        finally:
            self.here.busy = False
            self.meter.spend(began)

    def failed(self, operation: str, path: Any, error: Failing, spent: int, **more: Any) -> None:
        """Take an operation that failed; probing is counted, all else has a span of its own."""
        if not self.switch.on or self.here.busy:
            return
        if spent < _A_LONG_TIME and _is_a_look(operation, error):
            self.part().probed += 1
            return
        self.here.busy = True
        began = self.meter.now()
        try:
            self._take_failure(operation, text_of(path), path, error, spent, more)
        except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.failed", fault)
        finally:
            self.here.busy = False
            self.meter.spend(began)

    def _take_failure(
        self, operation: str, text: str, path: Any, error: Failing, spent: int, more: dict[str, Any]
    ) -> None:
        _, account = self.account_of(text)
        place, book = account.place, account.book
        if place.ignored or _is_machinery():
            return
        account.add(operation, spent, text)
        failure = book.fail(code_of(error), operation, text)
        if isinstance(path, bytes):
            failure.path = path
        if getattr(error, "filename2", None) is not None:
            failure.target = text_of(error.filename2)  # type: ignore[union-attr]  # an OSError has it
        if error.errno in PROBING if isinstance(error, OSError) else operation in _LOOKING:
            if operation == "open" and isinstance(error, FileNotFoundError):
                book.note("missing", text)
            if self.teller.is_slow(place, spent):
                self.teller.slow(book, place, operation, path, spent, **{semconv.ERROR_CODE: failure.code})
            return
        self.teller.failed(book, place, failure, error, spent, **more)

    def live(self, account: Account) -> Account:
        """Return the account, or one of now where its span has ended while the file was open."""
        if not account.book.ended:
            return account
        return self.part().account(
            f"\0{account.place.point}{'!' if account.place.ignored else ''}", account.place
        )

    def written_and_closed(
        self, account: Account, path: str, size: int, position: int, *, created: bool, whole: bool
    ) -> None:
        """Take what a file that was written is at its close; not `whole`, if one of its writes failed."""
        if account.place.ignored:
            return
        self.here.unseen = max(0, size - position)
        book = account.book
        account.add_size("write", size)
        book.remember_written(path, size)
        if created and size == 0:
            book.note("empty", path)
        else:
            book.unnote("empty", path)
        if position > size:
            book.note("short", path)
        else:
            book.unnote("short", path)
        if whole:
            book.unnote("left", path)
        else:
            book.note("left", path)
        if self.text.outside_roots(path):
            book.note("outside", path)

    def renamed(self, source: Any, target: Any) -> None:
        """Take a rename: of a file that was just written, it is what puts a whole file in place."""
        if not self.switch.on or self.here.busy:
            return
        try:
            old, new = text_of(source), text_of(target)
            book = self.part().book
            if old not in book.written:
                self._take_size(book, old, new)
            book.follow(old, new, outside=self.text.outside_roots(new))
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.renamed", error)

    def _take_size(self, book: Book, old: str, new: str) -> None:
        """Take the size of a local file that os.write filled, or a child process: no close was seen."""
        size = self.descriptors.size_of_written(old, new)
        if size is not None and not self.on_network(new):
            book.remember_written(old, size)
            if size == 0:
                book.note("empty", old)

    def truncated(self, path: Any, length: int) -> None:
        """Take a file whose length was set by its name."""
        if not self.switch.on or self.here.busy:
            return
        try:
            text = text_of(path)
            if self.places.of(text).ignored:
                return
            book = self.part().book
            book.unnote("short", text)
            if length == 0:
                book.note("empty", text)
            else:
                book.unnote("empty", text)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.truncated", error)

    def descriptor_closed(self, path: str, size: int, *, created: bool, whole: bool) -> None:
        """Take the close of a descriptor that was opened to be written."""
        if not self.switch.on or self.here.busy:
            return
        try:
            account = self.account_of(path)[1]
            self.written_and_closed(account, path, size, size, created=created, whole=whole)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.close", error)

    def removed(self, path: Any, *, folder: bool = False) -> None:
        """Take back what was noted of a file that is gone, or of all in a folder."""
        try:
            text = text_of(path)
            self.part().book.follow(text.rstrip(os.sep) + os.sep if folder else text, None)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.removed", error)

    def moved(self, operation: str, path: str, spent: int, size: int) -> None:
        """Take a read or write by descriptor."""
        self.done(operation, path, spent)
        try:
            _, account = self.account_of(path)
            if operation == "read":
                account.read += size
            else:
                account.written += size
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.moved", error)

    def take_copied(self, source: str, target: str) -> int:
        """Return the size of a file that was copied, and count what of it came past Python."""
        unseen, self.here.unseen = self.here.unseen, 0
        part, account = self.account_of(source)
        if unseen:
            account.read += unseen
            account.add_size("read", unseen)
            _, receiving = self.account_of(target)
            receiving.written += unseen
        return part.book.written.get(target, 0)

    def copy_failed(self, source: Any, target: Any, error: OSError, spent: int) -> None:
        """Take a copy that failed on its way past Python: no write was seen, and what it wrote is left behind."""
        if error.filename2 is None or not self.switch.on or self.here.busy:
            return  # an open of its own: told already
        text = text_of(target)
        book = self.part().book
        size = book.written.get(text, 0)
        book.note("left", text)
        more = {
            semconv.FILE_SOURCE: self.text.full(source),
            semconv.FILE_WRITTEN: size,
            semconv.FILE_SIZE: size,
        }
        self.failed("copyfile", target, error, spent, **more)

    def is_slow(self, path: str, spent: int) -> bool:
        """Say whether an operation on a path deserves a span of its own."""
        return self.teller.is_slow(self.places.of(path), spent)

    def tell_slow(self, operation: str, path: Any, spent: int, **more: Any) -> None:
        """Write the span of a slow operation whose parts were counted already."""
        place = self.places.of(text_of(path))
        if not place.ignored:
            self.here.busy = True
            try:
                self.teller.slow(self.part().book, place, operation, path, spent, **more)
            finally:
                self.here.busy = False

    @property
    def has_network(self) -> bool:
        """Whether any network storage is mounted: else nobody need look for it."""
        return self.places.has_network

    def on_network(self, path: Any) -> bool:
        """Say whether a path is on network storage."""
        if not self.has_network:
            return False
        try:
            place = self.places.of(text_of(path))
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.on_network", error)
            return False
        return place.network and not place.ignored

    def settle(self, *, last: bool = False) -> None:
        """Hand what happened outside every span to the metrics, and tell what folded there; all of it at the last."""
        busy, self.here.busy = self.here.busy, True
        try:
            old = self.books.renew_outside(self.outside.carry)
            self.measures.take(old.close_parts())
            self.outside.tell(old, self.books.outside, last=last)
        finally:
            self.here.busy = busy


_A_LONG_TIME: Final = 10_000_000


def _is_a_look(operation: str, error: Failing) -> bool:
    """Say whether a failure answers a question: is it there, does this storage know extended attributes."""
    if operation == "listxattr":
        return isinstance(error, OSError) and error.errno in PROBING
    return operation in _LOOKING and isinstance(error, FileNotFoundError)


def _is_machinery() -> bool:
    """Say whether Python's own machinery for modules and sources asked; looked at for failures only."""
    frame = sys._getframe(3)  # noqa: SLF001  # the wrappers and this module stand above it
    for _ in range(_FRAMES):
        name = frame.f_globals.get("__name__", "")
        if isinstance(name, str) and name.partition(".")[0] in _LEFT_ALONE:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False
