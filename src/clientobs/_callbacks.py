"""The callbacks that the main thread is in: what a host has called, and waits for.

Kept for the watch over hangs, which asks from another thread. Costs half a microsecond a callback.
"""

from __future__ import annotations

import threading
import time
from threading import get_ident
from typing import Final, NamedTuple

from clientobs._guarded import faults

__all__ = ["Callback", "begin", "end", "under_way"]

_ELSEWHERE: Final = -1


class Callback(NamedTuple):
    """One that has not returned: the thread, its name, and when it began, on the monotonic clock."""

    thread: int
    name: str
    start_mono: int


_entered: list[Callback] = []
"""The outermost first; changed by the main thread alone. A process that another thread has forked has another main
thread, and those of the old one never return in it."""


def begin(name: str) -> int:
    """Say that a callback begins; hand what is returned to `end`."""
    try:
        thread = get_ident()
        if thread != threading.main_thread().ident:
            return _ELSEWHERE
        depth = len(_entered)
        _entered.append(Callback(thread, name, time.monotonic_ns()))
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("callbacks", error)
        return _ELSEWHERE
    return depth


def end(depth: int) -> None:
    """Say that it has ended, and with it all that it had begun."""
    if depth != _ELSEWHERE:
        del _entered[depth:]


def under_way() -> list[Callback]:
    """Return those of the main thread, the outermost first."""
    main = threading.main_thread().ident
    return [one for one in list(_entered) if one.thread == main]
