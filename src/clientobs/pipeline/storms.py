"""Which spans and events came too fast, and how many were left out: counted by name, and told once a minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry._logs import SeverityNumber

from clientobs import semconv

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Storms"]

_MOST_NAMES: Final = 64
_OTHERS: Final = "(other names)"
_EVERY: Final = 60.0


class Storms:
    """Counts by name of `what` ("spans", "events"); `tell` emits an event for each name.

    Each of which more was left out since it was told last.
    """

    def __init__(self, what: str = "spans", mono: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._mono = mono
        self._counts: dict[str, int] = {}
        self._told: dict[str, tuple[int, float]] = {}

    def add(self, name: str) -> None:
        """Count one that was left out. Races cost a count, never an error."""
        counts = self._counts
        if name not in counts and len(counts) >= _MOST_NAMES:
            name = _OTHERS
        counts[name] = counts.get(name, 0) + 1

    def tell(self, logger: Any, *, all_of_them: bool = False) -> None:
        """Say how many were left out; of each name once a minute, unless it is for the last time."""
        now = self._mono()
        for name, count in tuple(self._counts.items()):
            told, when = self._told.get(name, (0, now - _EVERY))
            if count > told and (all_of_them or now - when >= _EVERY):
                self._told[name] = count, now
                logger.emit(
                    severity_number=SeverityNumber.INFO,
                    severity_text="INFO",
                    body=f"{count - told} {self._what} named {name!r} were left out: they came too fast",
                    attributes={semconv.STORM_SPAN_NAME: name, semconv.STORM_DROPPED: count - told},
                    event_name=semconv.STORM,
                )

    def after_fork_in_child(self) -> None:
        """Forget what the parent has counted, and tells."""
        self._counts = {}
        self._told = {}
