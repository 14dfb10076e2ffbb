"""What an instrument costs its host, and when that is too much.

The parts of an instrument that do more than count time themselves and add it up here. What a host wants of a
judgement on that: no tax that lasts, and no recorder that is gone for the day because of one big operation. Removing
120,000 files takes a second more and is over; the same share for an hour is not to be borne. So the instrument has an
account: a fifth of the time that passes is paid in, its own time is drawn, and 3 s of credit are the most that can come
together. Who takes the whole processor has used it up in 4 s, who takes 36% in 19 s, and who stays below a fifth
never does. Then the instrument is off, says so, and is on again after a minute; where that was too early the pause is
doubled, up to an hour, so that a host that can't bear it gives 3 s an hour. A stretch as long as the pause that goes
well begins anew.

Whose time it is: a thread that waits for the interpreter in the middle of our code lets wall time pass that others
use, and four threads that wait count it four times. Processor time of the thread tells better and costs a system
call. So wall time draws the upper half of the account alone; the lower half is drawn by processor time, and what
looked like too much and was none fills it up again. Time that our code spends waiting for a disk is the journal's
matter, which writes no more than one record at a time and measures that itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.record.events import event

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Meter"]

_SECOND: Final = 1_000_000_000
_SLICE: Final = 50_000_000
"""Own time between two looks at the account."""
_CREDIT: Final = 3 * _SECOND
_FIRST_PAUSE: Final = 60 * _SECOND
_LONGEST_PAUSE: Final = 3_600 * _SECOND
_APART: Final = 1 << 62
"""Stands between the two clocks: an interval that began by the one and ended by the other is none."""
_used: Final[Callable[[], int]] = getattr(time, "thread_time_ns", time.perf_counter_ns)


class Meter:
    """The cost of one instrument, in nanoseconds of all threads; `too_much` is called each time it is too much.

    `wall` and `used` are clocks, of time that passes and of the processor time of the calling thread.

    >>> Meter("files", too_much=lambda: None).spent
    0
    """

    __slots__ = (
        "_credit",
        "_drawn",
        "_mark",
        "_name",
        "_on_since",
        "_pause",
        "_resting_until",
        "_share",
        "_since",
        "_too_much",
        "_used",
        "_wall",
        "_weighed",
        "now",
        "spent",
    )

    def __init__(
        self,
        name: str,
        *,
        too_much: Callable[[], None],
        share: float = 0.2,
        wall: Callable[[], int] = time.perf_counter_ns,
        used: Callable[[], int] = _used,
    ) -> None:
        self._name = name
        self._too_much = too_much
        self._share = share
        self._wall = wall
        self._used = used
        self._pause = _FIRST_PAUSE
        self._resting_until = 0
        self.spent = 0
        self._begin(wall())

    def _begin(self, wall: int) -> None:
        self.now: Callable[[], int] = self._wall
        self._credit: float = _CREDIT
        self._drawn, self._mark = self.spent, self.spent + _SLICE
        self._since = self._on_since = wall
        self._weighed = (0, 0)
        """Time, and own time, when processor time began to be drawn."""

    def spend(self, began: int) -> None:
        """Add the time since `began`, a time of `now()`."""
        cost = self.now() - began
        if -1 < cost < _APART >> 1:
            self.spent += cost
            if self.spent >= self._mark:
                self._judge()

    def rested(self) -> bool:
        """Say whether a pause is over, once, to whoever is to turn the instrument on again; and tell of it."""
        if not self._resting_until or self._wall() < self._resting_until:
            return False
        self._resting_until = 0
        self._begin(self._wall())
        told: dict[str, Any] = {semconv.PATCH_NAME: self._name}
        event(semconv.PATCH_ENABLED, f"The instrument {self._name} is on again", **told)
        return True

    def _judge(self) -> None:
        wall = self._wall()
        taken, self._drawn, self._mark = self.spent - self._drawn, self.spent, self.spent + _SLICE
        paid, self._since = (wall - self._since) * self._share, wall
        is_full = self._credit + paid >= _CREDIT
        self._credit = min(self._credit + paid, _CREDIT) - taken
        if self.now is self._wall:
            if self._credit < _CREDIT / 2:
                self._credit = _CREDIT / 2
                self._weighed = (wall, self.spent)
                self.now = self._weigh
        elif is_full:
            self.now = self._wall
        elif self._credit < 0 and not self._resting_until:
            self._rest(wall)

    def _weigh(self) -> int:
        return self._used() + _APART

    def _rest(self, wall: int) -> None:
        since, before = self._weighed
        took = wall - since
        share = (self.spent - before) / max(took, 1)
        pause = self._pause if wall - self._on_since < self._pause else _FIRST_PAUSE
        self._pause = min(pause * 2, _LONGEST_PAUSE)
        self._resting_until = wall + pause
        self._too_much()
        attributes = {
            semconv.PATCH_NAME: self._name,
            semconv.PATCH_SHARE: round(share, 3),
            semconv.PATCH_PAUSE: pause / _SECOND,
        }
        event(
            semconv.PATCH_DISABLED,
            f"The instrument {self._name} took {share:.0%} of the time for {took / _SECOND:.0f} s and "
            f"turned itself off for {pause / _SECOND:.0f} s",
            severity="warn",
            **attributes,
        )
