"""What one of several drains does for all: measure the machine, and speak for a whole home.

A user has a drain for each destination, a machine may have several users. Who measures is settled by
`MachineTurn`, for the whole machine; who tells what concerns all of a home, by a lock in the home.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from clientobs.drain.lock import drain_folder
from clientobs.errors import JournalError
from clientobs.journal.lock import RunLock

if TYPE_CHECKING:
    from clientobs.drain.metrics.turn import MachineTurn

__all__ = ["Duties"]


class Duties:
    """The duties of one drain. `turn` decides who measures the machine; None: not this drain."""

    def __init__(self, home: str, turn: MachineTurn | None) -> None:
        self._home = home
        self._turn = turn
        self._home_lock: RunLock | None = None
        self.measures = False
        """Whether this drain measured the machine when it was settled last."""

    @property
    def speaks_for_home(self) -> bool:
        """Whether this drain tells what concerns all of the home."""
        return self._home_lock is not None

    def settle(self, *, any_alive: bool) -> None:
        """Take the duties that are free; asked before each reading. `any_alive`: this drain has a live run."""
        self.measures = self._is_to_measure(any_alive=any_alive)

    def close(self) -> None:
        """Leave the duties to others."""
        if self._turn is not None:
            self._turn.close()
        if self._home_lock is not None:
            self._home_lock.release(closed=True)
            self._home_lock = None

    def _is_to_measure(self, *, any_alive: bool) -> bool:
        self._take_home(any_alive=any_alive)
        if self._turn is None:
            return False
        if not any_alive:
            self._turn.give_back()  # to another user's drain, which has one
            return False
        try:
            return self._turn.take()
        except OSError:
            return self.speaks_for_home  # no place where all users meet: one a home, at least

    def _take_home(self, *, any_alive: bool) -> None:
        if self._home_lock is None and any_alive:
            with suppress(JournalError, OSError):  # another drain's; it is asked again at the next reading
                self._home_lock = RunLock.acquire(os.path.join(drain_folder(self._home), "home.lock"))
