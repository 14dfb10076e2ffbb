"""Time: durations from the monotonic clock, dates from one wall-clock anchor a run.

A wall clock that ops or NTP set back in the middle of a span must not give it a negative duration, and an
hour of sleep is no work: CLOCK_MONOTONIC (Linux), mach_absolute_time (macOS) and QueryUnbiasedInterruptTime's
cousins stand still or nearly so while the machine sleeps. `Clock.renew` takes a new anchor after that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock"]

_STEP_NS: Final = 2_000_000_000


class Clock:
    """Nanoseconds since the epoch, computed as anchor + monotonic difference.

    >>> clock = Clock(wall=lambda: 1_000_000, mono=lambda: 5)
    >>> clock.wall_at(5)
    1000000
    """

    __slots__ = ("_offset", "_wall", "mono")

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, mono: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall = wall
        self.mono: Callable[[], int] = mono
        self._offset = wall() - mono()

    @property
    def offset(self) -> int:
        """Nanoseconds to add to a monotonic time of this run to get its date."""
        return self._offset

    def wall_at(self, mono_ns: int) -> int:
        """Return the date of a monotonic time, in nanoseconds since the epoch."""
        return mono_ns + self._offset

    def now(self) -> int:
        """Return the date of now, in nanoseconds since the epoch."""
        return self.mono() + self._offset

    def drift_ns(self) -> int:
        """Return how far the wall clock has gone from the anchor (sleep, NTP, a person)."""
        return self._wall() - self.mono() - self._offset

    def renew(self) -> bool:
        """Take a new anchor where the wall clock went more than 2 s away; say whether it was taken."""
        drift = self.drift_ns()
        if abs(drift) <= _STEP_NS:
            return False
        self._offset += drift
        return True
