"""The file calls of the other threads, for known work whose main thread waits for one of them.

A save that is written by a thread, and a storage that went away: the main thread waits for that thread, in a way that
can't always be followed, and stands in no call on a file itself. That the process as a whole has moved nothing for
long is known by then (standing.py). A thread counts if it has stood in one and the same call on a file all the while,
and is the work's: it began after the work did, or moved on since the work was first seen. A listener that has stood
at its pipe since long before isn't, though the system may wake it for a moment now and then.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs import _procfs
from clientobs._own_folder import list_folder

if TYPE_CHECKING:
    from clientobs._procfs import FileCall

__all__ = ["OtherThreads"]

_MOST: Final = 500
_WOKEN: Final = 200_000
"""Nanoseconds: who has run for less and stands in the same call was woken for nothing."""


class _Place(NamedTuple):
    """The call that a thread is in, "" where it is in none, and how long it has run so far ("": not told)."""

    call: str
    ran: str

    def has_left(self, before: _Place) -> bool:
        """Say whether the thread has moved on since it stood there."""
        if self.call != before.call:
            return True
        return self.ran.isdigit() and before.ran.isdigit() and int(self.ran) - int(before.ran) >= _WOKEN


class OtherThreads:
    """Looks at the other threads of this process, once a second while known work is suspicious."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what was: another span has begun, or ended."""
        self._first: dict[int, _Place] | None = None
        self._last: dict[int, _Place] = {}
        self._since: dict[int, int] = {}

    def look_first(self, now: int) -> None:
        """Look, when the work has just begun."""
        if self._first is None:
            self.look(now)

    def look(self, now: int) -> None:
        """Note in which calls they stand, on the monotonic clock."""
        threads = _others()
        if threads is None:
            return
        found = {thread: _place_of(thread) for thread in threads}
        self._since = {
            thread: self._since[thread] if place.call and self._last.get(thread) == place else now
            for thread, place in found.items()
        }
        self._last = found
        if self._first is None:
            self._first = found

    def stuck(self, began: int, now: int, patience: int) -> FileCall | None:
        """Return the call on a file of a thread of the work that began then, if it has stood in it for so long."""
        for thread, place in self._last.items():
            if not place.call or now - self._since[thread] < patience:
                continue
            first = (self._first or {}).get(thread)
            is_its_own = first is None or place.has_left(first) or _started_after(thread, began, now)
            call = _procfs.file_call("self", place.call) if is_its_own else None
            if call is not None:
                return call
        return None


def _others() -> list[int] | None:
    """Return the other threads, None where the system doesn't tell them now."""
    apart = {threading.main_thread().native_id, threading.get_native_id()}
    try:
        found = [int(entry.name) for entry in list_folder("/proc/self/task", _MOST)]
    except (OSError, ValueError):
        return None
    return [thread for thread in found if thread not in apart]


def _place_of(thread: int) -> _Place:
    return _Place(_procfs.raw_call("self", thread), _procfs.has_run("self", thread))


def _started_after(thread: int, began: int, now: int) -> bool:
    started = _procfs.started_seconds("self", thread)
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if started is None or clock is None:
        return False
    return (
        started >= time.clock_gettime(clock) - (now - began) / 1e9 - 0.02
    )  # the system counts in hundredths
