"""One book for each open span that has file operations under it, made by the first of them.

A book gathers the parts of all threads, what its child spans handed on when they ended, and the few things
worth a word: failures, empty files, files put in place by a rename. Everything in it is bounded.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from clientobs._dataclass import dataclass
from clientobs.instruments.files.accounts import Light, Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.accounts import Account

__all__ = ["Book", "Books", "Failure", "Total"]

_MOST_BOOKS: Final = 4096
_MOST_FAILURES: Final = 64
_MOST_NOTED: Final = 16
_MOST_MOUNTS: Final = 16
_MOST_MOVES: Final = 64
_OF_FILES: Final = ("empty", "short", "outside", "left")
"""What is said of a file that is there: it goes with the file when that is moved, and away with it."""


@dataclass(slots=True)
class Failure:
    """Equal failures, folded."""

    code: str
    operation: str
    path: Any
    target: str = ""
    """Second path of a rename or a link that failed."""
    count: int = 0
    told: bool = False
    """Whether one of them has a span of its own."""
    told_count: int = 0
    told_at: float | None = None
    """How many there were when that was written, and when (outside.py)."""
    refused: bool = False
    """Whether no span was left for it."""
    seen: int = 0
    seen_at: float = 0.0
    """How many there were at the last look, and when that had grown."""
    kind: str = ""
    words: str = ""
    """The exception's class, and what the system said."""


@dataclass(slots=True)
class Total:
    """What happened on one mount under one span, child spans included. Nanoseconds and bytes."""

    point: str
    kind: str
    network: bool
    operations: int = 0
    opened: int = 0
    spent: int = 0
    read: int = 0
    written: int = 0

    def take(self, other: Total) -> None:
        """Add what a child span handed on."""
        self.operations += other.operations
        self.opened += other.opened
        self.spent += other.spent
        self.read += other.read
        self.written += other.written


class Book:
    """What happened under one span."""

    def __init__(self, span_id: int, trace_id: int, name: str, budget: list[int]) -> None:
        self.span_id = span_id
        self.trace_id = trace_id
        self.name = name
        self.budget = budget
        """Spans of single operations that the trace may still have, and how many it wanted beyond."""
        self.ended = False
        self.parts: dict[int, Part] = {}
        self.totals: dict[str, Total] = {}
        self.quick = 0
        self.quick_spent = 0
        self.probed = 0
        self.failed = 0
        self.sampled = False
        self.worst: tuple[int, Any, str] = (0, "", "")
        self.failures: dict[tuple[str, str, str], Failure] = {}
        self.written: dict[str, int] = {}
        """Size at close of files written, by path: what a rename then puts in place."""
        self.noted: dict[str, dict[str, None]] = {}
        """Paths by what is to be said of them ("empty", "short" ...); insertion order, no doubles."""
        self.moves: dict[str, tuple[str | None, bool]] = {}
        """Files that were moved here and written elsewhere, in the span around this one as a rule."""
        self.atomic = 0
        self.wanted = 0

    def note(self, what: str, path: str) -> None:
        """Remember a path for the summary."""
        paths = self.noted.setdefault(what, {})
        if len(paths) < _MOST_NOTED:
            paths[path] = None

    def unnote(self, what: str, path: str) -> None:
        """Take back what was noted of a path: it has been removed or replaced."""
        self.noted.get(what, {}).pop(path, None)

    def forget_gone(self, is_gone: Callable[[str, str], bool]) -> None:
        """Take back what was noted of files, as far as `is_gone` says of note and path that it no longer holds."""
        for what in _OF_FILES:
            for path in tuple(self.noted.get(what, ())):
                if is_gone(what, path):
                    self.unnote(what, path)

    def follow(self, old: str, new: str | None, *, outside: bool = False) -> None:
        """Follow a file to its new name, or to its end (None). `old` with a separator behind is a folder.

        `outside` says whether the new name is outside every storage root.
        """
        size = self.written.pop(old, None)
        if size is not None and new is not None:
            self.atomic += 1
            self.remember_written(new, size)
        for what in _OF_FILES if self.noted else ():
            noted = self.noted.get(what, {})
            for path in tuple(noted):  # at once: another thread may note something meanwhile
                if path != old and not (old.endswith(os.sep) and path.startswith(old)):
                    continue
                noted.pop(path, None)
                if new is not None and (what != "outside" or outside):
                    self.note(what, new)
        if size is None:
            self.moves[old] = (new, outside)
            if len(self.moves) > _MOST_MOVES:
                self.moves.pop(next(iter(self.moves)))

    def fail(self, code: str, operation: str, path: str) -> Failure:
        """Count one failure; return what it folds into."""
        self.failed += 1
        key = (code, operation, path)
        failure = self.failures.get(key)
        if failure is None:
            failure = Failure(code, operation, path)
            if len(self.failures) < _MOST_FAILURES:
                self.failures[key] = failure
        failure.count += 1
        return failure

    def close_parts(self) -> list[Account]:
        """Add up the parts of all threads, and return their accounts for the metrics."""
        accounts: list[Account] = []
        for part in tuple(self.parts.values()):
            part.context = None  # the thread looks for its part again
            folders, part.folders, part.light = part.folders, {}, Light()
            self.quick += part.quick
            self.quick_spent += part.quick_spent
            self.probed += part.probed
            part.quick = part.quick_spent = part.probed = 0
            for account in folders.values():
                if not account.place.ignored:
                    self._take_account(account)
                    accounts.append(account)
        self.parts = {}
        return accounts

    def _take_account(self, account: Account) -> None:
        total = self._total(account.place.point, account.place.kind, network=account.place.network)
        account.fold()
        total.operations += account.opened + sum(map(sum, account.others.values()))
        total.opened += account.opened + account.of_descriptors
        total.spent += account.spent
        total.read += account.read
        total.written += account.written
        self.sampled = self.sampled or account.estimated
        if account.worst > self.worst[0]:
            self.worst = (account.worst, account.worst_path, account.worst_operation)

    def _total(self, point: str, kind: str, *, network: bool) -> Total:
        total = self.totals.get(point)
        if total is None:
            if len(self.totals) >= _MOST_MOUNTS:
                point, kind = "other", "unknown"
            total = self.totals.setdefault(point, Total(point, kind, network))
        return total

    def take_child(self, child: Book) -> None:
        """Add what a child span summed up."""
        for total in tuple(child.totals.values()):
            self._total(total.point, total.kind, network=total.network).take(total)
        self.quick += child.quick
        self.quick_spent += child.quick_spent
        self.probed += child.probed
        self.failed += child.failed
        self.atomic += child.atomic
        self.wanted += child.wanted
        self.sampled = self.sampled or child.sampled
        self.worst = max(self.worst, child.worst, key=lambda worst: worst[0])
        for key, failure in tuple(child.failures.items()):
            known = self.failures.get(key)
            if known is not None:
                known.count += failure.count
                known.told = known.told or failure.told
            elif len(self.failures) < _MOST_FAILURES:
                self.failures[key] = failure
        for old, (new, outside) in tuple(child.moves.items()):
            self.follow(old, new, outside=outside)
        for path, size in tuple(child.written.items()):
            self.remember_written(path, size)
        for what, paths in tuple(child.noted.items()):
            for path in tuple(paths):
                self.note(what, path)

    def remember_written(self, path: str, size: int) -> None:
        """Remember that a file was written; the oldest is forgotten beyond a bound."""
        self.written[path] = size
        if len(self.written) > _MOST_NOTED * 4:
            self.written.pop(next(iter(self.written)))


class Books:
    """The open books by span, and the one for what happens outside every span."""

    def __init__(self, spans_per_trace: int, on_open: Callable[[Any, Book], bool], span_key: str) -> None:
        self._spans_per_trace = spans_per_trace
        self._on_open = on_open
        self._span_key = span_key
        self._by_span: dict[int, Book] = {}
        self._budgets: dict[int, list[int]] = {}
        self.outside = Book(0, 0, "", [spans_per_trace])

    def _new(self, span_id: int, trace_id: int, name: str) -> Book:
        budget = self._budgets.get(trace_id)
        if budget is None:
            if len(self._budgets) >= _MOST_BOOKS:
                self._budgets.pop(next(iter(self._budgets)))
            budget = self._budgets[trace_id] = [self._spans_per_trace]
        return Book(span_id, trace_id, name, budget)

    def part_in(self, context: Any) -> Part:
        """Return this thread's part in the book of the span that is current in `context`."""
        book = self.book_in(context)
        thread = threading.get_ident()
        part = book.parts.get(thread)
        if part is None:
            part = book.parts[thread] = Part(book, context)
        part.context = context
        return part

    def book_in(self, context: Any) -> Book:
        """Return the book of the current span of `context`, opened if need be."""
        span = context.get(self._span_key) if context else None
        if span is None or not span.is_recording():
            return self.outside
        own = span.get_span_context()
        book = self._by_span.get(own.span_id)
        if book is None:
            book = self._new(own.span_id, own.trace_id, getattr(span, "name", ""))
            if not self._on_open(span, book):
                return self.outside
            if len(self._by_span) >= _MOST_BOOKS:  # spans that nobody ends
                self._by_span.pop(next(iter(self._by_span)))
            self._by_span[own.span_id] = book
        return book

    def of_span(self, span_id: int) -> Book | None:
        """Return the book of an open span, if it has one."""
        return self._by_span.get(span_id)

    def leave(self, book: Book) -> None:
        """Forget the book of a span that ended."""
        book.ended = True
        self._by_span.pop(book.span_id, None)

    def renew_outside(self, carry: Callable[[Book, Book], None]) -> Book:
        """Put a fresh book in place of the one for what is outside every span; return the old one.

        carry: what hands on from the old one to the new one, before that is used.
        """
        fresh = Book(0, 0, "", [self._spans_per_trace])
        old = self.outside
        carry(old, fresh)
        self.outside = fresh
        old.ended = True
        return old

    def close_all(self) -> None:
        """Let no thread go on counting in the books that are open."""
        for book in (self.outside, *tuple(self._by_span.values())):
            for part in tuple(book.parts.values()):
                part.context = None

    def forget(self) -> None:
        """Drop every book: in a forked child they are the parent's."""
        self._by_span.clear()
        self._budgets.clear()
        self.outside = Book(0, 0, "", [self._spans_per_trace])
