"""What an instrument costs its host, and when that is too much.

The parts of an instrument that do more than count time themselves and add it up here. Whenever another 50 ms have
come together, the time that has passed says which share of it they were; a share above the bound, several times in
a row, is more than a recorder may take: the instrument turns itself off and says so.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from clientobs import semconv
from clientobs.record.events import event

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Meter"]

_SLICE: Final = 50_000_000
_IN_A_ROW: Final = 8


class Meter:
    """The cost of one instrument, in nanoseconds of all threads; `too_much` is called once.

    >>> Meter("files", too_much=lambda: None).spent
    0
    """

    __slots__ = ("_excess", "_mark", "_name", "_share", "_since", "_too_much", "now", "spent")

    def __init__(
        self,
        name: str,
        *,
        too_much: Callable[[], None],
        share: float = 0.2,
        now: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._name = name
        self._too_much: Callable[[], None] | None = too_much
        self._share = share
        self.now: Callable[[], int] = now
        self.spent = 0
        self._mark = _SLICE
        self._since = now()
        self._excess = 0

    def spend(self, began: int) -> None:
        """Add the time since `began`, a time of `now()`."""
        now = self.now()
        self.spent += now - began
        if self.spent >= self._mark:
            self._judge(now)

    def _judge(self, now: int) -> None:
        share = (self.spent - self._mark + _SLICE) / max(now - self._since, 1)
        self._mark, self._since = self.spent + _SLICE, now
        self._excess = self._excess + 1 if share > self._share else 0
        if self._excess < _IN_A_ROW or self._too_much is None:
            return
        too_much, self._too_much = self._too_much, None
        too_much()
        attributes = {semconv.PATCH_NAME: self._name, semconv.PATCH_SHARE: round(share, 3)}
        event(
            semconv.PATCH_DISABLED,
            f"The instrument {self._name} took {share:.0%} of the time and turned itself off",
            severity="warn",
            **attributes,
        )
