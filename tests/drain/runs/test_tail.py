from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.runs.tail import SegmentTail
from clientobs.journal.acks import ALL
from clientobs.journal.records import LogRecord, NoteRecord, SpanRecord
from support.recorder import Host

if TYPE_CHECKING:
    from clientobs.journal.format import Lane

RUN = "a" * 32


@pytest.fixture
def host(home: Path) -> Host:
    return Host({"home": str(home), "run": RUN, "session": "b" * 32, "destination": "d" * 32})


def tail_of(home: Path, lane: Lane = "bulk", acked: Mapping[str, int] | None = None) -> SegmentTail:
    path = home / "v1" / RUN / f"000001.{lane}.seg"
    return SegmentTail(str(path), RUN, lane, 1, acked or {})


def ignore(note: NoteRecord) -> None:
    """Take no note."""


def bodies(tail: SegmentTail, count: int = 100, room: int = 1 << 20) -> list[str]:
    return [
        taken.item.record.body
        for taken in tail.take("log", count, room)
        if taken.item is not None and isinstance(taken.item.record, LogRecord)
    ]


def test_ranks_are_taken_apart_and_in_order(host: Host, home: Path) -> None:
    for number in range(3):
        host.log(f"line-{number}")
        host.span(f"span-{number}")
    tail = tail_of(home)
    assert tail.scan(live=True, note=ignore)
    assert (tail.waiting("log"), tail.waiting("trace"), tail.waiting("metric")) == (3, 3, 0)
    assert bodies(tail) == ["line-0", "line-1", "line-2"]
    spans = [taken.item.record for taken in tail.take("trace", 9, 1 << 20) if taken.item]
    assert [span.name for span in spans if isinstance(span, SpanRecord)] == ["span-0", "span-1", "span-2"]


def test_reading_goes_on_where_it_stopped(host: Host, home: Path) -> None:
    tail = tail_of(home)
    host.log("one")
    assert tail.scan(live=True, note=ignore)
    assert not tail.scan(live=True, note=ignore)
    host.log("two")
    assert tail.scan(live=True, note=ignore)
    assert bodies(tail) == ["one", "two"]


def test_what_is_put_back_is_taken_again(host: Host, home: Path) -> None:
    host.log("line", count=5)
    tail = tail_of(home)
    tail.scan(live=True, note=ignore)
    first = bodies(tail, 3)
    tail.settle("log", 1)
    tail.untake("log", 2)
    assert (first, bodies(tail)) == (["line-0", "line-1", "line-2"], [f"line-{n}" for n in range(1, 5)])


def test_marks_move_by_rank_until_all_is_settled(host: Host, home: Path) -> None:
    host.log("line", count=2)
    host.span("span")
    tail = tail_of(home)
    tail.scan(live=True, note=ignore)
    tail.take("log", 1, 1 << 20)
    tail.settle("log", 1)
    ((rank, first),) = tail.marks()
    tail.take("log", 1, 1 << 20)
    tail.settle("log", 1)
    tail.take("trace", 1, 1 << 20)
    assert [mark[0] for mark in tail.marks()] == ["log"]
    tail.settle("trace", 1)
    size = os.path.getsize(tail.path)
    assert (rank, list(tail.marks())) == ("log", [(ALL, size)])
    assert 0 < first < size


def test_a_later_drain_starts_behind_each_ranks_mark(host: Host, home: Path) -> None:
    host.log("line", count=3)
    host.span("span")
    tail = tail_of(home)
    tail.scan(live=True, note=ignore)
    tail.take("log", 2, 1 << 20)
    tail.settle("log", 2)
    ((_, offset),) = tail.marks()
    later = tail_of(home, acked={"log": offset})
    later.scan(live=True, note=ignore)
    assert (bodies(later), later.waiting("trace")) == (["line-2"], 1)


def test_contexts_before_the_mark_are_known_behind_it(host: Host, home: Path) -> None:
    host.log("line", count=2)
    tail = tail_of(home)
    tail.scan(live=True, note=ignore)
    tail.take("log", 1, 1 << 20)
    tail.settle("log", 1)
    later = tail_of(home, acked=dict(tail.marks()))
    later.scan(live=True, note=ignore)
    (taken,) = later.take("log", 9, 1 << 20)
    assert taken.item is not None
    assert taken.item.contexts[host.context].values["production.shot"] == "sq010_sh020"


def test_a_batch_has_bounded_bytes_and_at_least_one_record(host: Host, home: Path) -> None:
    host.log("x" * 100_000, count=20)
    tail = tail_of(home)
    tail.scan(live=True, note=ignore)
    assert len(bodies(tail, room=1)) in range(1, 4)
    assert len(bodies(tail, room=500_000)) <= 5


def test_a_record_that_rots_after_the_scan_is_told_as_lost_and_holds_up_nothing(
    host: Host, home: Path
) -> None:
    host.log("line", count=3)
    tail = tail_of(home)
    tail.scan(live=True, note=ignore)
    path = Path(tail.path)
    data = bytearray(path.read_bytes())
    data[data.index(b"line-1")] ^= 1
    path.write_bytes(data)
    assert [taken.item is None for taken in tail.take("log", 9, 1 << 20)] == [False, True, False]


def test_a_segment_that_retention_took_gives_nothing(host: Host, home: Path) -> None:
    host.log("line", count=3)
    tail = tail_of(home)
    tail.scan(live=True, note=ignore)
    os.unlink(tail.path)
    assert tail.take("log", 9, 1 << 20) == []
    assert tail.gone


def test_damage_and_a_torn_end_are_told_until_they_are_acknowledged(host: Host, home: Path) -> None:
    host.log("line", count=4)
    path = home / "v1" / RUN / "000001.bulk.seg"
    data = bytearray(path.read_bytes())
    data[data.index(b"line-1")] ^= 1
    path.write_bytes(data[:-5])
    live, dead = tail_of(home), tail_of(home)
    live.scan(live=True, note=ignore)
    dead.scan(live=False, note=ignore)
    later = tail_of(home, acked={ALL: os.path.getsize(path)})
    later.scan(live=False, note=ignore)
    assert (live.faults, dead.faults, later.faults) == ({"damaged": 1}, {"damaged": 1, "torn": 1}, {})


@pytest.mark.parametrize(
    ("event", "rank"),
    [
        ("app.crash", "crash"),
        ("app.hang", "crash"),
        ("session.start", "session"),
        ("problem.report", "error"),
        ("", "error"),
    ],
)
def test_the_vital_lane_is_ranked_by_its_events(host: Host, home: Path, event: str, rank: str) -> None:
    host.log("line", lane="vital", event=event)
    tail = tail_of(home, "vital")
    tail.scan(live=True, note=ignore)
    assert list(tail.rows) == [rank]
