"""Which runs there are, and which of them are this drain's.

A run belongs to one destination (its header says which), and only the drain of that destination has the
credential for it. Runs of others are left alone; where nobody has their credential they wait, and `status`
shows them from `elsewhere`.

A folder that is done costs one dictionary look-up from then on: a farm machine has a thousand of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from clientobs.drain.lock import drain_folder
from clientobs.drain.runs.run_tail import RunTail, is_done
from clientobs.errors import JournalError
from clientobs.journal.format import FILE_MAGIC
from clientobs.journal.lock import RunLock
from clientobs.journal.runs import RunFolder, header_of, read_run, run_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from clientobs._loss import LossLedger
    from clientobs.journal.home import Home

__all__ = ["Registry"]

UNKNOWN: Final = "?"
"""Stands for the destination of a run whose headers are all damaged."""

ADOPTION_LOCK: Final = "adoption.lock"

NEWER: Final = "another format"
"""Stands for that of a run whose segments a newer clientobs wrote: left to its drain."""


class Registry:
    """The runs of one home, for one destination.

    `adopt` are further destinations whose runs are delivered here too: "" for runs that were recorded before
    any endpoint was configured. They have no owner, so whoever holds the adoption lock takes them in: two
    drains of one home would otherwise both deliver them.
    """

    def __init__(
        self, home: Home, destination: str, loss: LossLedger, *, adopt: Collection[str] = ()
    ) -> None:
        self.runs: dict[str, RunTail] = {}
        self.home = home
        self._destination = destination
        self._adopt = frozenset(adopt) - {destination}
        self._adoption: RunLock | None = None
        self._loss = loss
        self._done: set[str] = set()
        self._elsewhere: dict[str, str] = {}

    def refresh(self, *, forget: Callable[[str], None]) -> None:
        """Look for new runs and new segments, and for runs that have died; `forget` is told of these."""
        names = run_names(self.home.runs)
        for name in names:
            if name not in self._done and name not in self._elsewhere:
                self._look_at(read_run(os.path.join(self.home.runs, name)), forget)
        present = set(names)
        self._done &= present
        self._elsewhere = {run: where for run, where in self._elsewhere.items() if run in present}
        for name in [name for name in self.runs if name not in present]:
            del self.runs[name]

    def _look_at(self, folder: RunFolder, forget: Callable[[str], None]) -> None:
        run = self.runs.get(folder.run) or self._meet(folder)
        if run is None:
            return
        was_alive = run.alive
        run.refresh(folder)
        if was_alive and not run.alive:
            forget(run.run)

    def _meet(self, folder: RunFolder) -> RunTail | None:
        if any(_is_foreign(segment.path) for segment in folder.segments):
            self._elsewhere[folder.run] = NEWER
            return None
        header = header_of(folder.path)
        if header is None:
            if not folder.is_alive and folder.segments:
                self._elsewhere[folder.run] = UNKNOWN
            return None
        if header.destination != self._destination and not self._adopts(header.destination):
            self._elsewhere[folder.run] = header.destination
            return None
        if is_done(folder):
            self._done.add(folder.run)
            return None
        self.runs[folder.run] = RunTail(folder, header, self._loss)
        return self.runs[folder.run]

    def _adopts(self, destination: str) -> bool:
        if destination not in self._adopt:
            return False
        if self._adoption is None:
            try:
                self._adoption = RunLock.acquire(os.path.join(drain_folder(self.home.path), ADOPTION_LOCK))
            except (JournalError, OSError):
                return False
        return True

    def close(self) -> None:
        """Let another drain adopt."""
        if self._adoption is not None:
            self._adoption.release(closed=True)
            self._adoption = None

    def release_done(self) -> None:
        """Let go of dead runs of which everything has arrived."""
        for name in [name for name, run in self.runs.items() if run.done]:
            self._done.add(name)
            del self.runs[name]

    @property
    def any_alive(self) -> bool:
        """Whether a host still records for this destination; a drain does not stay for what it reads itself."""
        return any(run.is_of_live_host for run in self.runs.values())

    @property
    def settled(self) -> bool:
        """Whether all that was found has been read and has arrived."""
        return all(run.settled for run in self.runs.values())

    def names(self) -> set[str]:
        """Return all runs of this destination, those that are done included."""
        return self._done | self.runs.keys()

    def elsewhere(self) -> dict[str, dict[str, Any]]:
        """Return runs, live runs and bytes by foreign destination. It looks into each of them: ask seldom."""
        found: dict[str, dict[str, Any]] = {}
        for name, destination in self._elsewhere.items():
            folder = read_run(os.path.join(self.home.runs, name))
            if not is_done(folder):
                entry = found.setdefault(destination, {"runs": 0, "alive": 0, "bytes": 0})
                entry["runs"] += 1
                entry["alive"] += folder.is_alive
                entry["bytes"] += folder.size
        # The drain that adopts may be gone: what has no owner is looked at anew.
        self._elsewhere = {run: where for run, where in self._elsewhere.items() if where not in self._adopt}
        return found


def _is_foreign(path: str) -> bool:
    """Say whether a segment is of another format major. A damaged magic is damage, not a version."""
    try:
        with open(path, "rb") as file:
            magic = file.read(len(FILE_MAGIC))
    except OSError:
        return False
    return magic[:-1] == FILE_MAGIC[:-1] and magic != FILE_MAGIC
