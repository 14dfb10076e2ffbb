"""How many records of one sort are taken in a minute: a call site in a loop must not fill the disk.

Each key has a fixed window: who stays below the limit never waits. What is left out is counted until the next record
that is taken, or until `overdue` asks.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

__all__ = ["FIRST_LEFT_OUT", "LEFT_OUT", "Rates"]

LEFT_OUT: Final = -1
FIRST_LEFT_OUT: Final = -2
"""The first one that is left out since the last that was taken."""
_WINDOW: Final = 60.0
_MOST_KEYS: Final = 4_096


class _Window:
    __slots__ = ("count", "ends", "left_out", "note")

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.count = 0
        self.left_out = 0
        self.note: Any = None


class Rates:
    """Takes `per_minute` of each key and counts the rest.

    >>> rates = Rates(2, now=lambda: 0.0)
    >>> [rates.admit("here") for _ in range(4)]
    [0, 0, -2, -1]
    """

    __slots__ = ("_now", "_per_minute", "_windows", "left_out")

    def __init__(self, per_minute: int, *, now: Callable[[], float] = monotonic) -> None:
        self._per_minute = per_minute
        self._now = now
        self._windows: dict[Hashable, _Window] = {}
        self.left_out = 0
        """How many were left out, of all keys."""

    def admit(self, key: Hashable) -> int:
        """Return a number below 0 for one that is left out, else how many were since the last that was taken."""
        window = self._windows.get(key)
        now = self._now()
        if window is None:
            window = self._begin(key, now)
        elif now >= window.ends:
            window.ends, window.count = now + _WINDOW, 0
        if window.count >= self._per_minute:
            window.left_out += 1
            self.left_out += 1
            return LEFT_OUT if window.left_out > 1 else FIRST_LEFT_OUT
        window.count += 1
        if not window.left_out:
            return 0
        before, window.left_out = window.left_out, 0
        return before

    def remember(self, key: Hashable, note: object) -> None:
        """Keep a plain note on a key that leaves out, for `overdue`; the first one stays."""
        window = self._windows.get(key)
        if window is not None and window.note is None:
            window.note = note

    def overdue(self, *, all_of_them: bool = False) -> Iterator[tuple[Any, int]]:
        """Yield note and count of each key that left something out and takes nothing more; once each."""
        now = self._now()
        for key, window in list(self._windows.items()):
            if now < window.ends and not all_of_them:
                continue
            left_out, window.left_out = window.left_out, 0
            if not all_of_them:
                self._windows.pop(key, None)
            if left_out and window.note is not None:
                yield window.note, left_out

    def forget(self) -> None:
        """Begin anew: in a forked child."""
        self._windows = {}
        self.left_out = 0

    def _begin(self, key: Hashable, now: float) -> _Window:
        if len(self._windows) >= _MOST_KEYS:
            self._windows = {}  # nobody logs from so many places in a minute; who does is counted anew
        window = self._windows[key] = _Window(now + _WINDOW)
        return window
