"""Which attempt a request is: told from what came before it on the same thread, in the same trace.

Nothing at this level says "again": libraries and tools send a request a second time each in their own way. So a
request is taken for another attempt when method, URL and body are those of one that failed, or when it goes to
where an answer has just redirected its predecessor. Two calls of one endpoint (all of ShotGrid's go to
`POST /api3/json`) differ in their bodies.
"""

from __future__ import annotations

import threading
from typing import Final, TypeAlias

__all__ = ["Attempts", "Key", "calls_for_another"]

Key: TypeAlias = tuple[int, str, str, int]
"""Trace, method (or REDIRECTED), URL, body."""

REDIRECTED: Final = ""
_AGAIN: Final = frozenset({401, 407, 408, 425, 429})
_SERVER_FAULT: Final = 500
_MOST: Final = 32
_FORGOTTEN: Final = 300_000_000_000
"""Nanoseconds after which the same request is a new one, not another attempt."""


class _Remembered(threading.local):
    def __init__(self) -> None:
        self.failed: dict[Key, tuple[int, int]] = {}


class Attempts:
    """What failed or was redirected lately, by thread; a few requests each."""

    def __init__(self) -> None:
        self._here = _Remembered()

    def number(self, key: Key, now: int) -> int:
        """Return how many attempts came before this request."""
        failed = self._here.failed
        if not failed:
            return 0
        for one in (key, (key[0], REDIRECTED, key[2], 0)):
            known = failed.pop(one, None)
            if known is not None and now - known[1] < _FORGOTTEN:
                return known[0] + 1
        return 0

    def failed(self, key: Key, number: int, now: int) -> None:
        """Remember a request that may be sent again."""
        failed = self._here.failed
        if len(failed) >= _MOST:
            failed.pop(next(iter(failed)), None)
        failed[key] = (number, now)

    def redirected(self, trace: int, url: str, number: int, now: int) -> None:
        """Remember where an answer sends its request."""
        self.failed((trace, REDIRECTED, url, 0), number, now)


def calls_for_another(status: int | None) -> bool:
    """Say whether a client that gets this status may well ask once more."""
    return status is not None and (status >= _SERVER_FAULT or status in _AGAIN)
