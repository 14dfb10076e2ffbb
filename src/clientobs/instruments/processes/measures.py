"""Metrics of children: launches, failures, durations, by program and outcome; added up here, written now and then."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from clientobs import semconv
from clientobs.record.metrics import add_distribution, counter

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Measures"]

_MOST_NAMES: Final = 30
"""Programs with series of their own; what else is launched is "other"."""
_OTHER: Final = "other"
_BOUNDS: Final = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds: a tool, a transcode, a simulation."""


class Measures:
    """Counts by program and outcome."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._names: set[str] = set()
        self._counts: dict[tuple[str, str], list[int]] = {}

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._lock = threading.RLock()
        self._counts = {}

    def take(self, name: str, outcome: str, duration: int) -> None:
        """Add one child; the duration is in nanoseconds."""
        seconds = duration / 1e9
        bucket = sum(seconds > bound for bound in _BOUNDS)
        with self._lock:
            if name not in self._names:
                if len(self._names) >= _MOST_NAMES:
                    name = _OTHER
                self._names.add(name)
            counts = self._counts.setdefault((name, outcome), [0] * (len(_BOUNDS) + 1))
            counts[bucket] += 1

    def write(self) -> None:
        """Hand what has come together to the metrics of now."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        launches = counter(semconv.PROCESS_LAUNCHES, "{process}", "Launches of child processes.")
        failures = counter(semconv.PROCESS_FAILURES, "{process}", "Child processes that failed.")
        durations: list[tuple[dict[str, str], Sequence[int]]] = []
        for (name, outcome), series in counts.items():
            program = {semconv.PROCESS_EXECUTABLE_NAME: name}
            both = {**program, semconv.PROCESS_OUTCOME: outcome}
            launches.add(sum(series), **program)
            if outcome in ("failed", "not_started"):
                failures.add(sum(series), **both)
            if outcome != "not_started":
                durations.append((both, series))
        add_distribution(
            semconv.PROCESS_DURATION, "s", "From launch to exit of child processes.", _BOUNDS, durations
        )
