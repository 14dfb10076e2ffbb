"""An interpreter lock that is passed around: Python runs, and the keeper of its host does not get to run.

CPython's `take_gil` (Python/ceval_gil.*) waits for the lock in steps of the switch interval, 5 ms, and asks its holder
to give way only if nobody let go of it in a whole step. A thread that lets go of it more often, for next to nothing (a
read from the page cache, a `select` that doesn't wait), has it back before who waits has woken: the convoy effect,
https://bugs.python.org/issue7946. From outside it is told from native code that holds the lock by how often the waiting
thread wakes: each step that runs to its end is one in 5 ms, so more than 200 a second were cut short.

Python goes on meanwhile, so a silent keeper proves nothing. What does, is what the host itself would judge by
(guard/hang/watch.py): the main thread computes all the time and moves nothing. To begin or end a span is to move: it
is written to the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs import _procfs

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs._beat import Beat
    from clientobs._procfs import Turns

__all__ = ["Convoy"]

_SECOND: Final = 1_000_000_000
_WINDOW: Final = 900_000_000
_STEPS: Final = 220
"""In a second of sleep, and one in ten more for those that another thread of the machine cut short. CPython's switch
interval is 5 ms; a host that has set it shorter is judged by the stricter evidence."""

_BUSY: Final = 0.2
_STARVED: Final = 0.02
_ALWAYS: Final = 0.9
"""Shares of a processor, as the host takes them (guard/hang/standing.py)."""


class _Look(NamedTuple):
    """What the system counted at a time; `moved` where that matters."""

    at: int
    main: Turns | None
    keeper: Turns | None
    moved: tuple[int, int] | None


class Convoy:
    """Follows the main thread of one process and its keeper, a second at a time.

    since        since when the main thread has computed without having answered or, where a span is watched, read
                 or written anything; 0 where it doesn't. On the monotonic clock, in nanoseconds
    is_passed    whether the keeper has waited for a lock that others passed around; None: not looked long enough
    """

    def __init__(
        self,
        pid: int,
        turns: Callable[[int, int], Turns | None] = _procfs.turns,
        moved: Callable[[int, int], tuple[int, int] | None] = _procfs.moved,
    ) -> None:
        self._pid = pid
        self._turns = turns
        self._moved = moved
        self.forget()

    def forget(self) -> None:
        """Count nothing of what was."""
        self.since = 0
        self.is_passed: bool | None = None
        self._last: _Look | None = None

    def follow(self, beat: Beat, now: int) -> None:
        """Look, where the host has heard nothing of its main thread for a second."""
        before = self._last
        if now - beat.answered < _SECOND or (before and beat.answered > (self.since or before.at)):
            self.forget()
            return
        if before and now - before.at < _WINDOW:
            return
        last = self._last = _Look(
            now,
            self._turns(self._pid, self._pid),
            self._turns(self._pid, beat.thread) if beat.thread else None,
            self._moved(self._pid, self._pid) if beat.watch == "span" else None,
        )
        if before:
            seconds = (now - before.at) / _SECOND
            moves = beat.watch == "span" and (last.moved is None or last.moved != before.moved)
            computes = not moves and _computes(before.main, last.main, seconds)
            self.since = (self.since or before.at) if computes else 0
            self.is_passed = _is_woken(before.keeper, last.keeper, seconds)


def _computes(before: Turns | None, after: Turns | None, seconds: float) -> bool:
    """Say whether a thread has used a processor, or would have if the machine had had one for it."""
    if before is None or after is None:
        return False
    ran = (after.ran - before.ran) / seconds
    wanted = ran + (after.waited - before.waited) / seconds
    return ran >= _BUSY or (ran >= _STARVED and wanted >= _ALWAYS)


def _is_woken(before: Turns | None, after: Turns | None, seconds: float) -> bool:
    """Say whether a thread wakes more often than one whose steps of waiting all run to their end."""
    if before is None or after is None:
        return False
    awake = after.ran - before.ran + after.waited - before.waited
    return after.times - before.times > _STEPS * max(0.0, seconds - awake)
