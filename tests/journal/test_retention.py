"""Faults 14 and 15: the quota holds over all writers, the oldest go first, and what goes is counted."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from clientobs.config.model import JournalConfig
from clientobs.journal import retention
from clientobs.journal.acks import ALL, append_acks
from clientobs.journal.format import Kind, Lane
from clientobs.journal.lock import RunLock
from clientobs.journal.losses import add_loss, read_losses
from clientobs.journal.retention import enforce
from clientobs.journal.runs import list_runs
from clientobs.journal.stock import count_records
from support.journals import contents, make_journal, python

if TYPE_CHECKING:
    from clientobs._loss import LossLedger
    from clientobs.journal.home import Home
    from clientobs.journal.runs import RunFolder

KIB = 1 << 10
DAY = 24 * 3600 * 10**9
NOW = 1_800_000_000 * 10**9


def limits(**changes: float) -> JournalConfig:
    return JournalConfig(**{"free_floor_bytes": 0, **changes})  # type: ignore[arg-type]  # numbers by name


def ended_run(home: Home, *, segments: int = 4, lane: Lane = "bulk", age_days: float = 0) -> RunFolder:
    """Return a closed run of so many full segments, last written so long before NOW."""
    journal = make_journal(home, segment_bytes=32 * KIB, bulk_bytes=1 << 30, vital_bytes=1 << 30)
    number = 0
    while True:
        if sum(len(run.lane(lane)) for run in list_runs(home) if run.run == journal.run) == segments:
            break
        for _ in range(50):
            assert journal.append(Kind.LOG, b"%d " % number + bytes(300), lane)
            number += 1
        journal.tend()
    journal.close("exited", "")
    set_age(journal.path, age_days)
    return next(run for run in list_runs(home) if run.run == journal.run)


def set_age(path: str, days: float) -> None:
    for index, name in enumerate(sorted(os.listdir(path))):
        time = int(NOW - days * DAY) + index
        os.utime(os.path.join(path, name), ns=(time, time))


def acknowledge(run: RunFolder, *, end: bool = True) -> None:
    append_acks(run.path, [(segment.lane, segment.number, ALL, segment.size) for segment in run.segments])
    if end:
        append_acks(run.path, [("vital", 0, ALL, 1)])


def names(home: Home) -> list[str]:
    return [os.path.basename(segment.path) for run in list_runs(home) for segment in run.segments]


def records(run: RunFolder, *, first: int) -> int:
    return sum(count_records(segment.path, 0) for segment in run.lane("bulk")[:first])


def test_nothing_goes_while_there_is_room(place: Home) -> None:
    ended_run(place)
    before = names(place)
    made = enforce(place, limits(), now_ns=NOW)
    assert names(place) == before
    assert (made.lost, read_losses(place.runs)) == ({}, {})


def test_above_its_quota_a_lane_loses_its_oldest_segments_and_counts_them(place: Home) -> None:
    run = ended_run(place, segments=8)
    expected = records(run, first=2)
    sizes = [segment.size for segment in run.lane("bulk")]
    made = enforce(place, limits(bulk_bytes=sum(sizes[2:]) * 4 // 3 + 4), now_ns=NOW)
    assert [segment.number for segment in list_runs(place)[0].lane("bulk")] == [3, 4, 5, 6, 7, 8]
    assert made.lost == read_losses(place.runs) == {"quota": expected}
    assert made.used["bulk"] == sum(sizes[2:])


def test_a_storm_in_bulk_never_evicts_what_is_vital(place: Home) -> None:
    vital = ended_run(place, segments=2, lane="vital", age_days=3)
    ended_run(place, segments=6)
    enforce(place, limits(bulk_bytes=64 * KIB), now_ns=NOW)
    assert len(next(run for run in list_runs(place) if run.run == vital.run).lane("vital")) == 2


def test_the_segment_that_a_live_run_writes_is_never_taken(place: Home) -> None:
    journal = make_journal(place)
    journal.append(Kind.LOG, bytes(1000))
    enforce(
        place, limits(bulk_bytes=1, vital_bytes=1, max_age=0, keep_delivered_bytes=0), now_ns=NOW + 60 * DAY
    )
    assert len(names(place)) == 1
    assert journal.append(Kind.LOG, b"goes on")


def test_delivered_segments_stay_for_a_day_or_fifty_megabytes(place: Home) -> None:
    old, new = ended_run(place, age_days=2), ended_run(place, age_days=0.5)
    acknowledge(old)
    acknowledge(new)
    made = enforce(place, limits(), now_ns=NOW)
    assert [run.run for run in list_runs(place)] == [new.run]
    assert made.lost == {}
    enforce(place, limits(keep_delivered_bytes=2 * new.segments[0].size), now_ns=NOW)
    assert 1 <= len(names(place)) <= 2
    enforce(place, limits(keep_delivered_bytes=0), now_ns=NOW)
    assert os.listdir(place.runs) == [retention._LOCK_FILE]
    assert read_losses(place.runs) == {}


def test_a_dead_run_waits_for_its_recovery_though_all_its_records_have_arrived(place: Home) -> None:
    """What recovery makes of its end, the interrupted spans, is made from these segments."""
    run = ended_run(place, age_days=2)
    acknowledge(run, end=False)
    enforce(place, limits(), now_ns=NOW)
    assert len(names(place)) == len(run.segments)


def test_undelivered_records_expire_after_their_age_and_are_counted(place: Home) -> None:
    old = ended_run(place, age_days=32)
    ended_run(place, age_days=29)
    expected = records(old, first=99)
    assert enforce(place, limits(), now_ns=NOW).lost == {"age": expected}
    assert old.run not in {run.run for run in list_runs(place)}


@pytest.mark.parametrize("jump", [-400, -1, 1])
def test_a_clock_that_is_a_day_wrong_expires_nothing_early(place: Home, jump: int) -> None:
    ended_run(place, age_days=29.9)
    before = names(place)
    enforce(place, limits(), now_ns=NOW + jump * DAY)
    assert names(place) == before


def test_a_clock_set_back_does_not_turn_the_order_of_a_run_around(place: Home) -> None:
    run = ended_run(place, segments=6)
    for segment in run.lane("bulk")[3:]:
        time = NOW - 5 * DAY + segment.number
        os.utime(segment.path, ns=(time, time))
    size = sum(segment.size for segment in run.lane("bulk")[2:])
    enforce(place, limits(bulk_bytes=size * 4 // 3 + 4), now_ns=NOW)
    assert [segment.number for segment in list_runs(place)[0].lane("bulk")] == [3, 4, 5, 6]


def test_only_one_round_is_made_at_a_time(place: Home) -> None:
    ended_run(place)
    lock = RunLock.acquire(os.path.join(place.runs, retention._LOCK_FILE))
    made = enforce(place, limits(bulk_bytes=1), now_ns=NOW)
    assert len(names(place)) > 1
    assert made.shares["bulk"].size == 0
    lock.release(closed=False)
    enforce(place, limits(bulk_bytes=1), now_ns=NOW)
    assert [name for name in names(place) if "bulk" in name] == []


def test_an_eviction_that_was_cut_short_is_counted_once(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the count and the deletion: the next round deletes, and the entry is the same."""
    run = ended_run(place, segments=2)
    expected = records(run, first=99)
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", _Killed())
        with pytest.raises(KeyboardInterrupt):
            enforce(place, limits(bulk_bytes=1), now_ns=NOW)
    enforce(place, limits(bulk_bytes=1), now_ns=NOW)
    assert read_losses(place.runs) == {"quota": expected}


class _Killed:
    def __call__(self, path: str) -> None:
        raise KeyboardInterrupt


def test_the_account_of_losses_stays_small_and_right(place: Home) -> None:
    for number in range(3000):
        add_loss(place.runs, f"{number:032x}/000001.bulk.seg", "quota" if number % 2 else "age", 3)
    assert read_losses(place.runs) == {"quota": 4500, "age": 4500}
    assert os.stat(os.path.join(place.runs, "losses")).st_size < 128 * KIB


def test_damage_to_the_account_costs_only_what_it_hit(place: Home) -> None:
    for number in range(10):
        add_loss(place.runs, f"{number:032x}/000001.bulk.seg", "quota", 1)
    path = os.path.join(place.runs, "losses")
    with open(path, "r+b") as file:
        file.seek(200)
        file.write(b"\xff")
    assert read_losses(place.runs) == {"quota": 9}


def test_a_burst_beyond_the_share_takes_another_and_is_not_lost(place: Home, loss: LossLedger) -> None:
    """Without a keeper, too: a forked child has none."""
    journal = make_journal(place, loss=loss, segment_bytes=64 * KIB, bulk_bytes=64 << 20)
    for number in range(8000):
        assert journal.append(Kind.LOG, b"%d " % number + bytes(1000)), loss.totals()
    assert loss.totals() == {}


WRITER = """
import sys, time
from pathlib import Path
from clientobs.journal.format import Kind, Lane
from support.journals import LossLedger, make_home, make_journal
loss = LossLedger()
quota, count, size = map(int, sys.argv[2:5])
journal = make_journal(make_home(Path(sys.argv[1])), loss=loss, bulk_bytes=quota)
for number in range(count):
    journal.append(Kind.LOG, b"%d " % number + bytes(size))
    if number % 20 == 0:
        journal.tend()
        time.sleep(0.001)
journal.close("exited", "")
print(sum(loss.totals().values()))
"""


def check_quota(place: Home, *, writers: int, quota: int, count: int, size: int) -> None:
    arguments = (place.path, str(quota), str(count), str(size))
    processes = [python(WRITER, *arguments, stdout=subprocess.PIPE) for _ in range(writers)]
    most = 0
    while any(process.poll() is None for process in processes):
        most = max(most, bytes_in(place))
    dropped = sum(int(process.communicate(timeout=60)[0]) for process in processes)
    assert [process.returncode for process in processes] == [0] * writers
    assert most <= quota
    assert most > quota // 3, "a quota that is never used is none"
    found = contents(place)
    evicted = sum(read_losses(place.runs).values())
    assert evicted > 0
    assert len(found.logs()) + dropped + evicted == writers * count
    assert (found.torn, found.damaged) == (0, 0)


def bytes_in(place: Home) -> int:
    total = 0
    for folder, _, files in os.walk(place.runs):
        for name in files:
            try:
                total += os.stat(os.path.join(folder, name)).st_size if "bulk" in name else 0
            except FileNotFoundError:
                continue  # evicted in this moment
    return total


def test_many_writers_without_a_drain_stay_within_the_quota_together(place: Home) -> None:
    check_quota(place, writers=8, quota=4 << 20, count=1500, size=900)


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_fifty_writers_without_a_drain_stay_within_the_quota_together(place: Home) -> None:
    check_quota(place, writers=50, quota=32 << 20, count=3000, size=900)
