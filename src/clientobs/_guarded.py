"""The wall between telemetry and the host: no exception of ours passes it.

A guard catches Exception, never BaseException: KeyboardInterrupt and SystemExit are the host's. It counts the
fault under the name of the place, and keeps its last text for `clientobs doctor`. Under tests it re-raises
(`faults.strict = True`). Never put the host's own call into a guard: telemetry and the call that it wraps are
guarded apart.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["Faults", "faults", "guarded", "quiet"]

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")

_MAX_PLACES: Final = 128
_COST_A_RECORD: Final = frozenset(
    {
        "event",
        "farm_task.begin",
        "logs.afterwards",
        "logs.emit",
        "logs.take",
        "logs.write",
        "metrics.record",
        "report_problem",
        "span.enter",
        "spans.end",
    }
)
"""Places at which a fault leaves a record out; at all others it leaves one less rich."""
_UNRECORDED: Final = "recursion.exhausted"


class Faults:
    """Counts of our own faults by place, with the last message of each (text only: no frame is kept)."""

    def __init__(self) -> None:
        self.strict = False
        self.lost: Callable[[str], object] | None = None
        """Counts a record that a fault has cost, by reason; the recorder's, while there is one."""
        self.unrecorded = 0
        """Faults for which not even a call of `record` was left: their place adds one itself."""
        self._lock = threading.RLock()
        self._counts: dict[str, int] = {}
        self._last: dict[str, str] = {}

    def record(self, place: str, error: Exception) -> None:
        """Count one fault; raise it again under tests."""
        text = _text_of(error)  # first: what fails in here is counted by who called, and not twice
        lost = self.lost
        if lost is not None and place in _COST_A_RECORD:
            lost("fault")
        with self._lock:
            if place in self._counts or len(self._counts) < _MAX_PLACES:
                self._counts[place] = self._counts.get(place, 0) + 1
                self._last[place] = text
        if self.strict:
            raise error

    def counts(self) -> dict[str, int]:
        """Return how many faults each place had."""
        with self._lock:
            unrecorded = {_UNRECORDED: self.unrecorded} if self.unrecorded else {}
            return {**self._counts, **unrecorded}

    def messages(self) -> dict[str, str]:
        """Return the last fault of each place as `TypeName: text`, at most 300 characters."""
        with self._lock:
            return dict(self._last)

    def reset(self) -> None:
        """Forget all counts, with a fresh lock: for tests and for the child after fork."""
        self._lock = threading.RLock()
        self._counts = {}
        self._last = {}
        self.unrecorded = 0


def _text_of(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except Exception:  # noqa: BLE001  # an exception whose __str__ raises is still a fault to count
        return type(error).__name__


faults: Final = Faults()
"""The faults of this process. A module-level object: a guard must work before any Runtime exists."""


def guarded(place: str, default: D) -> Callable[[Callable[P, R]], Callable[P, R | D]]:
    """Decorate a function of ours that the host calls: on a fault it returns `default`.

    >>> @guarded("example", default=None)
    ... def broken():
    ...     return 1 / 0
    >>> broken() is None, faults.messages()["example"]
    (True, 'ZeroDivisionError: division by zero')
    >>> faults.reset()
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | D]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R | D:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001  # the wall
                faults.record(place, error)
                return default

        return call

    return decorate


class quiet:  # noqa: N801  # reads as a statement: `with quiet("place"):`
    """Context manager form of `guarded` for a few lines of telemetry."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception):
            faults.record(self._place, error)
            return True
        return False
