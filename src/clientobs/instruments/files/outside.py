"""Failures outside every span: folded over time, and told with their count, though no summary tells of them.

In a DCC most files are touched outside of any span. There the book is a new one every two seconds, so what was told
already is carried from one to the next. A failure that goes on is told again once a minute, with the number of its
equals since. What the budget of the minute had no span for is counted as a loss.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from clientobs.instruments.files.pathtext import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.books import Book
    from clientobs.instruments.files.places import Places
    from clientobs.instruments.files.telling import Teller

__all__ = ["LOSS", "Outside"]

LOSS: Final = "file-spans"
"""The reason under which operations are counted that deserved a span when the budget was used up."""
_MINUTE: Final = 60.0
_FORGOTTEN: Final = 600.0
_MOST_CARRIED: Final = 48
"""Of the 64 that a book keeps: the rest is for what comes new."""


class Outside:
    """Hands what is known of failures outside every span from one book to the next. Times are in seconds."""

    __slots__ = ("_clock", "_count_loss", "_places", "_renewed", "_spans", "_teller")

    def __init__(
        self,
        spans: int,
        teller: Teller,
        places: Places,
        count_loss: Callable[..., object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spans = spans
        self._teller = teller
        self._places = places
        self._count_loss = count_loss
        self._clock = clock
        self._renewed = clock()

    def carry(self, old: Book, new: Book) -> None:
        """Give a new book the budget of the minute, and the failures that were told, or had no span left."""
        now = self._clock()
        is_due = now - self._renewed >= _MINUTE
        self._renewed = now if is_due else self._renewed
        new.budget = [self._spans] if is_due else old.budget
        kept = []
        for key, failure in tuple(old.failures.items()):
            if failure.count != failure.seen:
                failure.seen, failure.seen_at = failure.count, now
            if failure.told and failure.told_at is None:
                failure.told_at = now
            if (failure.told or failure.refused) and now - failure.seen_at < _FORGOTTEN:
                kept.append((key, failure))
        kept.sort(key=lambda pair: pair[1].seen_at)
        new.failures = dict(kept[-_MOST_CARRIED:])

    def tell(self, old: Book, new: Book, *, last: bool = False) -> None:
        """Tell what has folded for a minute, or is to be forgotten, and count what no span was left for."""
        now = self._clock()
        for key, failure in tuple(old.failures.items()):
            goes_on = new.failures.get(key) is failure and not last
            folded = failure.count - failure.told_count if failure.told_at is not None else 0
            if folded and (not goes_on or now - (failure.told_at or 0.0) >= _MINUTE):
                failure.told_count, failure.told_at = failure.count, now
                self._teller.again(self._places.of(text_of(failure.path)), failure, folded)
        wanted, old.wanted = old.wanted, 0
        if wanted:
            self._count_loss(LOSS, wanted)
