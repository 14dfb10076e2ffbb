"""The writer's end of a run on disk: its lock, its folder, and the next segment in it.

The lock is taken before the folder is made, so that nobody ever finds the folder of a live run with a free
lock. Whatever somebody deletes or closes under a running host is made again at the next segment.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from clientobs._dataclass import dataclass
from clientobs.errors import JournalError, UnsafeHomeError
from clientobs.journal.home import Home, make_private, prepare
from clientobs.journal.lock import RunLock
from clientobs.journal.process import boot_id, process_start
from clientobs.journal.records import LATE_ROLE
from clientobs.journal.segment import Segment, open_segment

if TYPE_CHECKING:
    from clientobs._libc import Libc
    from clientobs.journal.format import Lane

__all__ = ["RunDirectory", "RunIdentity"]

_LOCK_TRIES: Final = 20
_LOCK_PAUSE: Final = 0.002  # seconds: somebody looks at the lock this very moment


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """Who writes: the fields of `records.Header` that are the same in all segments of a run."""

    run: str
    """32 lower-case hex digits; names the folder."""
    session: str
    role: str = "main"
    destination: str = ""
    version: str = ""
    resource: Mapping[str, Any] = field(default_factory=dict)
    """Redacted resource attributes."""


class RunDirectory:
    """`<home>/v1/<run>/` and `<home>/v1/<run>.lock` of this process."""

    def __init__(
        self,
        home: Home,
        identity: RunIdentity,
        *,
        libc: Libc | None,
        sequence: Iterator[int],
        mono: Callable[[], int],
        wall: Callable[[], int],
    ) -> None:
        self.home = home
        self.identity = identity
        self.path = os.path.join(home.runs, identity.run)
        self._libc = libc
        self._sequence = sequence
        self._mono = mono
        self._wall = wall
        self.has_begun = False
        """Whether this run has anything on disk yet."""
        self._lock: RunLock | None = None
        self._ended = False
        self._numbers = {"bulk": itertools.count(1), "vital": itertools.count(1)}
        pid = os.getpid()
        self._process = {"pid": pid, "pid_start": process_start(pid), "boot_id": boot_id()}

    def open_segment(self, lane: Lane) -> Segment:
        """Create the lane's next segment; make lock and folder first, or again, where they are missing.

        Raises OSError or JournalError.
        """
        self.keep()
        try:
            segment = self._open(lane)
        except FileNotFoundError:
            self._establish()
            segment = self._open(lane)
        self.has_begun = True
        return segment

    def keep(self) -> None:
        """Take the lock, or take it again: hosts close descriptors that aren't theirs, people delete folders.

        Raises OSError or JournalError, the latter too once the run is closed.
        """
        if self._ended:
            raise JournalError(f"The run in {self.path} is closed; nothing can be added to it.")
        if not self.is_sound():
            self._establish()

    def close(self) -> None:
        """Let go of the lock and leave the mark of a clean close. Raises as `keep`."""
        if self.has_begun:
            self.keep()
        self._ended = True
        self._release(closed=True)

    def abandon(self) -> None:
        """Drop the parent's lock in a forked child, which never held it."""
        self._release(closed=False)

    def _release(self, *, closed: bool) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release(closed=closed)

    def is_sound(self) -> bool:
        """Say whether the lock is held, and by its name."""
        return self._lock is not None and self._lock.is_held()

    def _open(self, lane: Lane) -> Segment:
        header = {
            "run": self.identity.run,
            "session": self.identity.session,
            "lane": lane,
            "number": next(self._numbers[lane]),
            "role": self.identity.role,
            **self._process,
            "wall_ns": self._wall(),
            "mono_ns": self._mono(),
            "destination": self.identity.destination,
            "version": self.identity.version,
            "resource": dict(self.identity.resource),
        }
        return open_segment(self.path, header, libc=self._libc, sequence=self._sequence, mono=self._mono)

    def _establish(self) -> None:
        try:
            self._take_lock()
        except FileNotFoundError:
            # The whole home is gone. It is checked again like a new one: in /var/tmp another user may
            # have taken its name meanwhile.
            prepare(self.home.path, uid=self.home.uid)
            self._take_lock()
        make_private(self.path, uid=self.home.uid)

    def _take_lock(self) -> None:
        if self.is_sound():
            return
        self._release(closed=False)
        tries = _LOCK_TRIES
        while self._lock is None:
            try:
                self._lock = RunLock.acquire(f"{self.path}.lock")
            except UnsafeHomeError:
                raise
            except JournalError:
                tries -= 1
                if not tries:
                    raise
                time.sleep(_LOCK_PAUSE)
        if self.identity.role == LATE_ROLE:
            self._lock.mark_closed()  # nobody is left to do it at the end
        if self._ended:
            # The keeper was looking after the lock while the run was closed: kept by it, the run would seem to
            # live until its host ends.
            self._release(closed=True)
            raise JournalError(f"{self.path} is closed.")
