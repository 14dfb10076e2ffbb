"""How much of the journal stays: what is delivered, age, quota, free space.

A round is made by the keeper of each writer and by the drain, one at a time:

1. delivered segments go after 24 h or above 50 MB; till then `clientobs show` has them at the desk;
2. undelivered ones go when older than 30 days, with a day's grace: a clock is set wrong by a day (a date, a
   time zone) more often than a record's last day matters;
3. above its quota a lane loses its oldest undelivered segments, vital and bulk apart;
4. below the floor of free space delivered segments go first, then bulk, then vital.

Never the segment that a live run appends to. (A thread that still holds an older one sees at its next append
that the file is gone, and goes on in the newer.) What goes undelivered is counted before it goes: losses.py.

Writers don't talk to each other. A quarter of each quota is handed out in shares: a writer may add its share
until the next round and starts no segment beyond it, so that all of them together stay within the quota.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from clientobs import _unwatched
from clientobs._dataclass import dataclass
from clientobs._own_folder import list_folder
from clientobs.errors import JournalError
from clientobs.journal.lock import RunLock
from clientobs.journal.losses import add_loss
from clientobs.journal.runs import RunFolder, list_runs, read_run
from clientobs.journal.shares import LEAST_SEGMENT, Share, quota_of
from clientobs.journal.stock import Stored, count_records, take_stock

if TYPE_CHECKING:
    from clientobs.config.model import JournalConfig
    from clientobs.journal.format import Lane
    from clientobs.journal.home import Home

__all__ = ["Round", "enforce"]

_LOCK_FILE: Final = "retention.lock"
_LANES: Final[tuple[Lane, ...]] = ("bulk", "vital")
_HANDED_OUT: Final = 4  # a quarter
_GRACE_NS: Final = 24 * 3600 * 10**9
_SMALL_ROOM: Final = 50  # and the room above the floor at most a fiftieth for each share
_SMALL_DISK: Final = 10  # the floor is at most a tenth of the disk, else a small volume would take nothing

_one_round = threading.Lock()  # the lock file keeps processes apart, not the threads of one


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round left.

    `used` are the bytes of undelivered segments by lane, `lost` the records by reason that went undelivered
    in this round (written to `losses` already).
    """

    used: Mapping[Lane, int]
    shares: Mapping[Lane, Share]
    lost: Mapping[str, int]


def enforce(home: Home, config: JournalConfig, *, now_ns: int | None = None) -> Round:
    """Make a round, or only compute the shares where another process is at it.

    Raises JournalError or OSError where the folder of runs can't be used.
    """
    lock = _only_one(home)
    try:
        # Under the lock: what another round has taken must not be counted once more, as nothing.
        runs = list_runs(home)
        stock = _Stock(home, take_stock(runs))
        writers = max(1, sum(run.is_alive for run in runs))
        if lock is not None:
            _make_room(stock, config, writers, time.time_ns() if now_ns is None else now_ns)
            _remove_ended(runs, stock)
    finally:
        if lock is not None:
            lock.release(closed=False)
            _one_round.release()
    return Round(
        used={lane: stock.used(lane) for lane in _LANES},
        shares={lane: _share(stock, config, lane, writers) for lane in _LANES},
        lost=stock.lost,
    )


class _Stock:
    """The segments that are left, and the accounts while some go."""

    def __init__(self, home: Home, segments: list[Stored]) -> None:
        self.segments = segments
        self.lost: dict[str, int] = {}
        self.free, self.total = _disk(home.runs)
        self._runs = home.runs

    def used(self, lane: Lane) -> int:
        """Return the bytes of a lane that wait for delivery."""
        return sum(one.file.size for one in self.segments if one.file.lane == lane and not one.delivered)

    def removable(self, *lanes: Lane, delivered: bool) -> list[Stored]:
        """Return what of these lanes may go, oldest first."""
        return [
            one
            for one in self.segments
            if one.finished and one.file.lane in lanes and one.delivered == delivered
        ]

    def remove(self, one: Stored, reason: str) -> None:
        """Delete a segment, after what is undelivered in it has been counted."""
        try:
            if not one.delivered:
                count = count_records(one.file.path, one.acked)
                add_loss(self._runs, one.place, reason, count)
                self.lost[reason] = self.lost.get(reason, 0) + count
            os.unlink(one.file.path)
        except FileNotFoundError:
            pass  # deleted by a person
        except OSError:
            return  # Windows: somebody has it open. The next round tries again
        self.segments.remove(one)
        self.free += one.file.size


def _make_room(stock: _Stock, config: JournalConfig, writers: int, now_ns: int) -> None:
    delivered = stock.removable(*_LANES, delivered=True)
    excess = sum(one.file.size for one in delivered) - config.keep_delivered_bytes
    for one in delivered:
        if excess > 0 or now_ns - one.file.mtime_ns > config.keep_delivered_seconds * 1e9:
            stock.remove(one, "")
            excess -= one.file.size
    for one in stock.removable(*_LANES, delivered=False):
        if now_ns - one.file.mtime_ns > config.max_age * 1e9 + _GRACE_NS:
            stock.remove(one, "age")
    for lane in _LANES:
        bound = quota_of(config, lane) * (_HANDED_OUT - 1) // _HANDED_OUT
        for one in stock.removable(lane, delivered=False):
            if stock.used(lane) <= bound:
                break
            stock.remove(one, "quota")
    _keep_floor(stock, config, writers)


def _keep_floor(stock: _Stock, config: JournalConfig, writers: int) -> None:
    """Delete until there is the floor of free space, and some room above it for what comes next."""
    by_quota = quota_of(config, "bulk") // _HANDED_OUT // (2 * writers)
    room = 2 * writers * max(2 * LEAST_SEGMENT, min(by_quota, stock.total // _SMALL_ROOM))
    in_turn: Iterable[Stored] = [
        *stock.removable(*_LANES, delivered=True),
        *stock.removable("bulk", delivered=False),
        *stock.removable("vital", delivered=False),
    ]
    for one in in_turn:
        if stock.free >= _floor(stock, config) + room:
            return
        stock.remove(one, "disk-floor")


def _share(stock: _Stock, config: JournalConfig, lane: Lane, writers: int) -> Share:
    quota = quota_of(config, lane)
    # Half of it for what the writer adds, half for the segment that it has open already.
    by_quota = min(quota // _HANDED_OUT // (2 * writers), (quota - stock.used(lane)) // (2 * writers))
    by_disk = (stock.free - _floor(stock, config)) // (2 * writers)
    if by_disk < by_quota:
        return Share(size=max(0, by_disk), reason="disk-floor")
    return Share(size=max(0, by_quota))


def _floor(stock: _Stock, config: JournalConfig) -> int:
    return min(config.free_floor_bytes, stock.total // _SMALL_DISK)


def _only_one(home: Home) -> RunLock | None:
    if not _one_round.acquire(blocking=False):
        return None
    try:
        return RunLock.acquire(os.path.join(home.runs, _LOCK_FILE))
    except (JournalError, OSError):
        _one_round.release()
        return None


def _remove_ended(runs: list[RunFolder], stock: _Stock) -> None:
    """Delete the folders of ended runs that have no segment left, now: a round over many runs takes seconds."""
    kept = {one.run.run for one in stock.segments}
    for run in runs:
        if not run.is_alive and run.run not in kept:
            found = read_run(run.path)
            if not found.is_alive and not found.segments:
                _remove_run(run.path)


def _remove_run(path: str) -> None:
    try:
        for entry in list_folder(path):
            os.unlink(os.path.join(path, entry.name))
        os.rmdir(path)
        os.unlink(f"{path}.lock")
    except OSError:
        return  # in use on Windows, or something that isn't ours: the next round tries again


def _disk(path: str) -> tuple[int, int]:
    """Return free bytes for this user and total bytes of the file system."""
    if _unwatched.statvfs is not None:
        found = _unwatched.statvfs(path)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    import shutil  # noqa: PLC0415  # Windows only: elsewhere it would load five compression modules

    usage = shutil.disk_usage(path)
    return usage.free, usage.total
