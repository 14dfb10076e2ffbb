"""The two lanes' open segments, and all that replaces one: size, age, a failure, a pause, the quota.

An ordinary append comes through here for one dict look-up only. One thread at a time opens segments; the
others go on in the segment that they have, or, where there is none, wait for at most a second.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from clientobs.errors import JournalError
from clientobs.journal.segment import NO_ROOM, Segment
from clientobs.journal.shares import LEAST_SEGMENT, Share, first_share

if TYPE_CHECKING:
    from clientobs._loss import LossLedger
    from clientobs.config.model import JournalConfig
    from clientobs.journal.directory import RunDirectory
    from clientobs.journal.format import Lane

__all__ = ["LANES", "Lanes"]

LANES: Final[tuple[Lane, ...]] = ("bulk", "vital")
_PAUSE_NS: Final = 30_000_000_000
_WAIT: Final = (
    1.0  # second, of a thread that has no segment while another opens one: 0.2 ms on a sane machine
)
_HARD_LIMIT: Final = 2  # times the size at which the keeper replaces a segment
_UNSYNCED: Final = 8  # segments left behind whose data may still wait for fdatasync


class Lanes:
    """The current segment of each lane (`current`, read by every append) and its succession.

    `opened` is called with each new segment once other threads can find it: open spans are carried over.
    """

    def __init__(
        self,
        directory: RunDirectory,
        config: JournalConfig,
        loss: LossLedger,
        *,
        mono: Callable[[], int],
        opened: Callable[[Segment], None],
    ) -> None:
        self.directory = directory
        self.current: dict[Lane, Segment | None] = dict.fromkeys(LANES)
        self.starved = False
        """Set when a lane has used half of its share: time for a round of retention."""
        self.hard_bytes: dict[Lane, int] = {}
        """What a segment may grow to while the keeper, which replaces it at half of that, is busy."""
        self._shares: dict[Lane, Share] = {}
        self._segment_bytes = config.segment_bytes
        first = {lane: first_share(config, lane) for lane in LANES}
        self._advances = {lane: share.size for lane, share in first.items()}
        self.grant(first)
        self._age_ns = int(config.segment_seconds * 1e9)
        self._loss = loss
        self._mono = mono
        self._opened = opened
        self._opening = threading.Lock()
        self._locked_out = 0
        self._left = False
        self._opener = 0
        self._leaving: deque[Segment] = deque(maxlen=_UNSYNCED)
        self._pauses: dict[Lane, tuple[int, str]] = {}

    def usable(self, lane: Lane, failed: Segment | None) -> Segment | str:
        """Return a segment other than `failed` to append to, or the reason (for the ledger) for none."""
        until, reason = self._pauses.get(lane, (0, ""))
        if self._mono() < until:
            return reason
        if self._opener == threading.get_ident():
            return "reentrant"  # a signal handler or a __del__, while this very thread opens a segment
        turn = self._take_turn(_WAIT)
        if turn is None:
            return "busy"
        try:
            self._opener = threading.get_ident()
            current = self.current[lane]
            if current is not None and current is not failed and current.failure is None:
                return current  # another thread was here before
            return self._replace_failed(lane, failed)
        finally:
            self._opener = 0
            turn.release()

    def rotate(self, lane: Lane) -> None:
        """Put the lane's next segment in place, unless another thread is opening one."""
        turn = self._take_turn(0)
        if turn is None:
            return
        try:
            self._opener = threading.get_ident()
            old = self.current[lane]
            if old is None or not self._is_due(old):
                return
            if isinstance(self._open(lane), str) and old.size >= self.hard_bytes[lane]:
                self.current[lane] = None  # sealed without a successor: what comes now is counted
            if self.current[lane] is not old and old.failure is None:
                self._leaving.append(old)
        finally:
            self._opener = 0
            turn.release()

    def renew(self) -> None:
        """Replace the segments at once, or at the keeper's next round: their headers no longer say what holds."""
        for lane in LANES:
            segment = self.current[lane]
            if segment is not None:
                segment.opened_mono = self._mono() - self._age_ns
                segment.records = max(segment.records, 1)
                self.rotate(lane)

    def keep(self) -> None:
        """Replace segments that are full, old or unusable, and see to the lock; for the keeper."""
        for lane in LANES:
            segment = self.current[lane]
            if segment is not None and self._is_due(segment):
                self.rotate(lane)
        turn = None if self.directory.is_sound() else self._take_turn(0)
        if turn is not None:
            try:
                self._opener = threading.get_ident()
                self.directory.keep()
            except (OSError, JournalError):
                return  # the next round, or the next segment, tries again
            finally:
                self._opener = 0
                turn.release()

    def sync(self) -> None:
        """Bring what has landed to the disk itself; for the keeper, since it takes 0.1 to 100 ms."""
        while self._leaving:
            self._leaving.popleft().sync()  # and sealed, as its last user lets go of it
        for lane in LANES:
            segment = self.current[lane]
            if segment is not None:
                segment.sync()

    def pause(self, lane: Lane, reason: str) -> str:
        """Append nothing to the lane for 30 s: what stands in the way won't be gone in the next instant."""
        self.current[lane] = None
        self._pauses[lane] = (self._mono() + _PAUSE_NS, reason)
        return reason

    def resume(self) -> None:
        """End all pauses: there is room again."""
        self._pauses.clear()

    def pauses(self) -> dict[str, str]:
        """Return the reason by lane of those that are paused now."""
        now = self._mono()
        return {lane: reason for lane, (until, reason) in self._pauses.items() if now < until}

    def grant(self, shares: Mapping[Lane, Share]) -> None:
        """Set what each lane may add until the next grant, and fit the size of its segments to it."""
        for lane, share in shares.items():
            fitting = max(share.size // 2, LEAST_SEGMENT)
            self.hard_bytes[lane] = min(_HARD_LIMIT * self._segment_bytes, fitting)
            self._shares[lane] = share
        self.starved = False

    def advance(self, lane: Lane) -> None:
        """Let the lane go on while a round decides on its share: by another first share, once in a run."""
        share = self._shares[lane]
        if share.reason == "quota":
            self._shares[lane] = replace(share, size=share.size + self._advances.pop(lane, 0))

    def abandon(self) -> None:
        """Drop the parent's segments in a forked child, without a byte."""
        for segment in [*self.current.values(), *self._leaving]:
            if segment is not None:
                segment.abandon()
        self._drop()  # not `leave`: another thread of the parent may have held the lock when it forked

    def close(self) -> None:
        """Drop all segments and let go of the run; a keeper that is about to take its lock again comes first."""
        turn = None if self._opener == threading.get_ident() else self._take_turn(_WAIT)
        try:
            self.leave()
            self.directory.close()
        finally:
            if turn is not None:
                turn.release()

    def leave(self) -> None:
        """Drop all segments, for good: each is sealed when its last user lets go of it."""
        self._left = True  # for a thread that opens one at this moment
        self._drop()

    def _drop(self) -> None:
        self.current = dict.fromkeys(LANES)
        self._leaving.clear()

    def _take_turn(self, wait: float) -> threading.Lock | None:
        """Return the lock of opening, held, or None where it can't be had within `wait` seconds.

        Ctrl-C may fall between taking the lock and the `try` that gives it back (`with` can't wait with a
        bound). Nobody says then that it is at work: after a second of that, another lock takes its place.
        """
        turn = self._opening
        before = self._mono()
        if turn.acquire(timeout=wait):
            self._locked_out = 0
            return turn
        if self._opener:
            self._locked_out = 0
            return None
        now = self._mono()
        self._locked_out = self._locked_out or before
        if now - self._locked_out < _WAIT * 0.9e9:
            return None
        self._locked_out = 0
        self._opening = turn = threading.Lock()
        return turn if turn.acquire(blocking=False) else None

    def _is_due(self, segment: Segment) -> bool:
        if segment.failure is not None or segment.size * _HARD_LIMIT >= self.hard_bytes[segment.lane]:
            return True
        # One without a record stays: an idle night must not leave a thousand empty segments.
        return segment.records > 0 and self._mono() - segment.opened_mono >= self._age_ns

    def _replace_failed(self, lane: Lane, failed: Segment | None) -> Segment | str:
        failure = None if failed is None else failed.failure
        if failure == "full":
            return self.pause(lane, "disk-full")
        if failed is not None:
            if failure == "deleted":
                self._loss.add("deleted", failed.records)
            # What it was charged with and never used: a host that closes descriptors is no reason to starve.
            unused = max(0, self.hard_bytes[lane] - failed.size)
            self._shares[lane] = replace(self._shares[lane], size=self._shares[lane].size + unused)
        return self._open(lane)

    def _open(self, lane: Lane) -> Segment | str:
        share = self._shares[lane]
        if share.size < min(self.hard_bytes[lane], LEAST_SEGMENT):
            self.starved = True
            return share.reason
        try:
            segment = self.directory.open_segment(lane)
        except OSError as error:
            return self.pause(lane, "disk-full" if error.errno in NO_ROOM else "io")
        except JournalError:
            return self.pause(lane, "home")
        if self._left:
            return "closed"
        left = share.size - self.hard_bytes[lane]
        self.starved = self.starved or left < self.hard_bytes[lane]
        self._shares[lane] = replace(share, size=left)
        self.current[lane] = segment
        self._opened(segment)
        return segment
