"""The end of a span with file operations under it: its summary, and the failure that ended it.

What is said of a file is looked at once more where that is a local file: C code or another process may have filled
or removed it since, as tempfile does by a function that it took before it could be patched.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from clientobs import _unwatched, semconv
from clientobs.instruments.files.pathtext import text_of
from clientobs.instruments.files.summary import summary_of
from clientobs.instruments.files.telling import code_of
from clientobs.record.endings import before_end

if TYPE_CHECKING:
    from clientobs.instruments.files.books import Book
    from clientobs.instruments.files.desk import Desk

__all__ = ["Endings"]


class Endings:
    """Closes the books of spans that end."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def watch(self, span: Any, book: Book) -> bool:
        """Have the book closed when its span ends."""
        return before_end(span, lambda ending: self._span_ends(ending, book))

    def _span_ends(self, span: Any, book: Book) -> None:
        desk = self._desk
        busy, desk.here.busy = desk.here.busy, True
        began = desk.meter.now()
        try:
            self._tell_what_left(span, book)
            desk.measures.take(book.close_parts())
            desk.books.leave(book)
            publishing = "publish" in book.name.lower() or self._is_publish_context()
            if desk.switch.on:
                if book.noted:
                    book.forget_gone(self._is_gone)
                span.set_attributes(summary_of(book, desk.text, publishing=publishing))
            self._hand_on(span, book)
        finally:
            desk.here.busy = busy
            desk.meter.spend(began)

    def _is_gone(self, what: str, path: str) -> bool:
        """Say whether what was noted of a file no longer holds; no network storage is asked."""
        place = self._desk.places.of(path) if os.path.isabs(path) else None
        if place is None or place.network or not place.point:
            return False
        try:
            found = _unwatched.stat(path)
        except FileNotFoundError:
            return True
        except (OSError, ValueError):
            return False
        return what == "empty" and found.st_size > 0

    def _hand_on(self, span: Any, book: Book) -> None:
        """Give the sums to the parent: the sums of a span are those of all that happened under it.

        The parent is the current span again, as after `with`; or it has a book already, where spans overlap
        or end on another thread. One that has ended, or is another process's, gets nothing more.
        """
        parent = getattr(span, "parent", None)
        if parent is None:
            return
        books = self._desk.books
        outer = books.book_in(self._desk.get_current())
        if outer.span_id != parent.span_id:
            known = books.of_span(parent.span_id)
            if known is None:
                return
            outer = known
        outer.take_child(book)

    def _tell_what_left(self, span: Any, book: Book) -> None:
        """Write the span of a failure that ends the program's own span: probing it was not."""
        status = getattr(span, "status", None)
        if status is None or status.status_code.name != "ERROR":
            return
        error: BaseException | None = sys.exc_info()[1]
        for _ in range(8):
            if error is None:
                return
            if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
                self._tell_cause(span, book, error)
                return
            error = error.__cause__ or error.__context__

    def _tell_cause(self, span: Any, book: Book, error: OSError) -> None:
        text, code = text_of(error.filename), code_of(error)
        names = {text, text_of(error.filename2)}
        same = [one for one in book.failures.values() if one.code == code and text_of(one.path) in names]
        if any(one.told for one in same):
            return
        failure = same[0] if same else book.fail(code, "open" if not same else same[0].operation, text)
        place = self._desk.places.of(text)
        if not place.ignored:
            # The program's span is still open, but no longer current: the failure belongs below it.
            from opentelemetry.context import attach, detach  # noqa: PLC0415  # loaded with the instrument
            from opentelemetry.trace import set_span_in_context  # noqa: PLC0415

            token = attach(set_span_in_context(span))
            try:
                self._desk.teller.failed(book, place, failure, error, 0)
            finally:
                detach(token)

    def _is_publish_context(self) -> bool:
        from clientobs.record import recorder  # noqa: PLC0415  # the one of now

        recording = recorder.active()
        if recording is None:
            return False
        return semconv.PUBLISH_VERSION in recording.contexts.values_of(self._desk.get_current())
