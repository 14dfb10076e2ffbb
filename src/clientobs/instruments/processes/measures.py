"""Metrics of children: launches, failures, durations, by program and outcome; added up here, written now and then."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.record.metrics import add_distribution, counter

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Measures"]

_MOST_NAMES: Final = 30
"""Programs with series of their own; what else is launched is "other"."""
_OTHER: Final = "other"
_MOST_WAITING: Final = 100_000
"""Ended children between two rounds; some hundred could be."""
_BOUNDS: Final = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds: a tool, a transcode, a simulation."""


class Measures:
    """Counts by program and outcome."""

    def __init__(self) -> None:
        self._ended: deque[tuple[str, str, int]] = deque(maxlen=_MOST_WAITING)
        self._names: set[str] = set()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._ended.clear()

    def take(self, name: str, outcome: str, duration: int) -> None:
        """Add one child; the duration is in nanoseconds."""
        self._ended.append((name, outcome, duration))

    def _counted(self) -> dict[tuple[str, str], list[int]]:
        counts: dict[tuple[str, str], list[int]] = {}
        while self._ended:
            name, outcome, duration = self._ended.popleft()
            if name not in self._names:
                if len(self._names) >= _MOST_NAMES:
                    name = _OTHER
                self._names.add(name)
            bucket = sum(duration / 1e9 > bound for bound in _BOUNDS)
            counts.setdefault((name, outcome), [0] * (len(_BOUNDS) + 1))[bucket] += 1
        return counts

    def write(self) -> None:
        """Hand what has come together to the metrics of now."""
        counts = self._counted()
        if not counts:
            return
        launches = counter(semconv.PROCESS_LAUNCHES, "{process}", "Launches of child processes.")
        failures = counter(semconv.PROCESS_FAILURES, "{process}", "Child processes that failed.")
        durations: list[tuple[dict[str, Any], Sequence[int], float | None]] = []
        for (name, outcome), series in counts.items():
            program = {semconv.PROCESS_EXECUTABLE_NAME: name}
            both = {**program, semconv.PROCESS_OUTCOME: outcome}
            launches.add(sum(series), **program)
            if outcome in ("failed", "not_started"):
                failures.add(sum(series), **both)
            if outcome != "not_started":
                durations.append((both, series, None))
        add_distribution(
            semconv.PROCESS_DURATION, "s", "From launch to exit of child processes.", _BOUNDS, durations
        )
