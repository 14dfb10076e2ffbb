"""When to try again: the one owner of waiting.

A failure that passes by itself waits with full jitter, 1 s doubling to 5 min: after an outage a studio's
workstations must not come back in step. What needs a person is probed slowly, 30 s doubling to 10 min.
https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientobs._ids import ids

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Backoff"]

_FIRST: Final = 1.0
_CEILING: Final = 300.0
_HOLD_FIRST: Final = 30.0
_HOLD_CEILING: Final = 600.0
_ASKED_SPREAD: Final = 0.2
_MAX_DOUBLINGS: Final = 16


class Backoff:
    """Counts failures in a row and says how many seconds to wait; one per signal.

    >>> backoff = Backoff(fraction=lambda: 0.5)
    >>> [backoff.retry(None), backoff.retry(None), backoff.retry(10.0)]
    [0.5, 1.0, 11.0]
    """

    __slots__ = ("_failures", "_fraction", "_holds")

    def __init__(self, fraction: Callable[[], float] = ids.fraction) -> None:
        self._fraction = fraction
        self._failures = 0
        self._holds = 0

    @property
    def failures(self) -> int:
        """Failures in a row, holds included."""
        return self._failures + self._holds

    def retry(self, retry_after: float | None) -> float:
        """Count a passing failure; return the seconds to wait. `retry_after` is what the server asked for.

        What the server asked for is kept, and up to a fifth is added: it asked all clients alike.
        """
        ceiling = min(_CEILING, _FIRST * 2.0 ** min(self._failures, _MAX_DOUBLINGS))
        self._failures += 1
        if retry_after is not None:
            return retry_after * (1 + _ASKED_SPREAD * self._fraction())
        return ceiling * self._fraction()

    def hold(self) -> float:
        """Count a failure that needs a person; return the seconds until the next probe."""
        wait = min(_HOLD_CEILING, _HOLD_FIRST * 2.0 ** min(self._holds, _MAX_DOUBLINGS))
        self._holds += 1
        return wait * (1 + _ASKED_SPREAD * self._fraction())

    def succeeded(self) -> None:
        """Start anew after an accepted request."""
        self._failures = self._holds = 0
