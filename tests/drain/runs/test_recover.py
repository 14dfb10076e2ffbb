from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from clientobs._beat import Beat
from clientobs.drain.deaths.findings import Findings
from clientobs.drain.runs.evidence import Evidence
from clientobs.drain.runs.recover import RunEnd
from clientobs.journal.format import Kind, encode_payload
from clientobs.journal.reader import Frame
from clientobs.journal.records import Header, LogRecord, SpanRecord

if TYPE_CHECKING:
    from clientobs.drain.batch import Item

SECOND = 10**9
WALL = 1_700_000_000 * SECOND


def header(number: int = 1, *, lane: str = "bulk", mono_s: int = 0, **changes: Any) -> Header:
    values: dict[str, Any] = {"run": "r" * 32, "session": "s" * 32, "pid": 7, "boot_id": "boot"}
    wall_ns, mono_ns = WALL + mono_s * SECOND, mono_s * SECOND
    return Header(
        **{**values, "lane": lane, "number": number, "wall_ns": wall_ns, "mono_ns": mono_ns, **changes}
    )


class Run:
    """Writes frames with one sequence over all segments, as a journal does."""

    def __init__(self) -> None:
        self.end = RunEnd()
        self.sequence = 0

    def frame(self, kind: int, value: Any, mono_s: float) -> None:
        self.sequence += 1
        self.end.feed(Frame(kind, self.sequence, int(mono_s * SECOND), encode_payload(value), 0, 1))

    def start(self, span: int, mono_s: float, context: int = 0) -> None:
        mono = int(mono_s * SECOND)
        head = (1, span, 0, f"span-{span}", 0, 1, "", context, 0, WALL + mono, mono, {"a": 1}, ())
        self.frame(Kind.SPAN_STARTED, head, mono_s)

    def finish(self, span: int, mono_s: float) -> None:
        tail = (WALL, 0, "", (), (0, 0, 0))
        head: tuple[Any, ...] = (1, span, 0, f"span-{span}", 0, 1, "", 0, 0, WALL, 0, {}, ())
        self.frame(Kind.SPAN_ENDED, (*head, *tail), mono_s)

    def log(self, mono_s: float, event: str = "") -> None:
        self.frame(Kind.LOG, (0, 0, 9, "", "body", event, {}, 0, 0, 0, 0, 0), mono_s)

    def note(self, kind: str, values: dict[str, Any], mono_s: float) -> None:
        self.frame(Kind.NOTE, (kind, values), mono_s)


@pytest.fixture
def run() -> Run:
    made = Run()
    made.end.begin(header())
    return made


def spans(items: Iterable[Item]) -> list[SpanRecord]:
    return [item.record for item in items if isinstance(item.record, SpanRecord)]


def events(items: Iterable[Item]) -> dict[str, LogRecord]:
    return {item.record.event_name: item.record for item in items if isinstance(item.record, LogRecord)}


def test_open_spans_end_with_the_last_record_and_ended_ones_are_left_alone(run: Run) -> None:
    run.start(1, 2)
    run.start(2, 3)
    run.finish(1, 4)
    run.log(9)
    (span,) = spans(run.end.items(Evidence()))
    assert (span.span_id, span.end_ns - span.start_ns, span.status) == (2, 6 * SECOND, 2)
    assert span.attributes == {"a": 1, "clientobs.interrupted": True, "error.type": "interrupted"}


def test_a_run_that_fell_silent_lasts_until_its_last_beat_and_so_do_its_spans(run: Run) -> None:
    run.start(1, 2)
    items = run.end.items(Evidence(beat=Beat(at=32 * SECOND)))
    end = events(items)["session.end"]
    assert (end.time_ns, end.attributes["session.duration"]) == (WALL + 32 * SECOND, 32.0)
    assert end.attributes["session.open_spans"] == ["span-1 (30.0 s)"]
    assert spans(items)[0].end_ns == WALL + 32 * SECOND


@pytest.mark.parametrize(("lived", "status"), [(50, "crashed"), (70, "unknown")])
def test_a_fault_that_the_beats_have_outlived_was_no_crash(run: Run, lived: int, status: str) -> None:
    run.note("survived", {}, 1)
    evidence = Evidence(fatal="Aborted", beat=Beat(at=lived * SECOND))
    assert events(run.end.items(evidence))["session.end"].attributes["session.status"] == status


@pytest.mark.parametrize(("watch", "kind"), [("loop", "killed"), ("span", "unknown"), ("", "unknown")])
def test_a_host_whose_event_loop_went_round_was_at_work(run: Run, watch: str, kind: str) -> None:
    run.note("watched", {"faults": True, "exits": True}, 1)
    evidence = Evidence(marked=True, beat=Beat(at=9 * SECOND, watch=watch))
    assert events(run.end.items(evidence))["session.end"].attributes["session.ending"] == kind


def test_the_newest_word_on_the_watch_counts(run: Run) -> None:
    run.start(1, 1)
    run.note("watched", {"faults": True, "exits": True}, 1)
    run.note("watched", {"faults": False, "exits": True, "file": "/own.txt", "size": 12}, 2)
    evidence = Evidence(marked=True, beat=Beat(at=9 * SECOND))
    assert events(run.end.items(evidence))["session.end"].attributes["session.ending"] == "unknown"
    death = run.end.death(evidence, rebooted=False)
    assert death is not None
    assert death.fault_file == ("/own.txt", 12, WALL / SECOND + 8)


def test_an_end_by_os_exit_that_wrote_no_session_end_is_named_all_the_same(run: Run) -> None:
    run.note("closed", {"status": "exited", "detail": "os._exit 3"}, 5)
    end = events(run.end.items(Evidence()))["session.end"]
    assert (end.attributes["session.status"], end.attributes["session.ending"]) == ("exited", "os._exit")
    assert end.body == "The application ended."


def test_a_span_carried_over_fifty_segments_is_told_once(run: Run) -> None:
    for number in range(2, 52):
        run.end.begin(header(number, mono_s=number))
        run.start(1, 1)
        run.log(number)
    (span,) = spans(run.end.items(Evidence()))
    assert span.end_ns == WALL + 51 * SECOND


def test_a_start_carried_over_after_its_end_does_not_reopen_the_span(run: Run) -> None:
    run.start(1, 1)
    run.finish(1, 2)
    run.end.begin(header(2, mono_s=3))
    run.start(1, 1)
    assert spans(run.end.items(Evidence())) == []


def test_an_end_in_the_vital_lane_closes_a_span_of_the_bulk_lane(run: Run) -> None:
    run.start(1, 1)
    run.end.begin(header(1, lane="vital", mono_s=2))
    run.finish(1, 3)
    assert spans(run.end.items(Evidence())) == []


def test_a_note_that_a_span_ended_stands_for_an_end_whose_segment_is_gone(run: Run) -> None:
    run.start(1, 1)
    run.note("ended", {"key": (1, 1)}, 2)
    assert spans(run.end.items(Evidence())) == []


def test_the_last_record_is_the_one_with_the_highest_sequence_whatever_the_clock_did(run: Run) -> None:
    run.start(1, 1)
    run.end.begin(header(1, lane="vital", mono_s=3, wall_ns=WALL - 86_400 * SECOND))
    run.log(5)
    items = run.end.items(Evidence())
    assert spans(items)[0].end_ns == WALL + 5 * SECOND
    assert events(items)["session.end"].time_ns == WALL - 86_400 * SECOND + 2 * SECOND


def test_a_new_anchor_after_sleep_dates_the_end(run: Run) -> None:
    run.note("anchor", {"wall_ns": WALL + 3600 * SECOND, "mono_ns": 4 * SECOND}, 4)
    run.log(5)
    assert events(run.end.items(Evidence()))["session.end"].time_ns == WALL + 3601 * SECOND


@pytest.mark.parametrize(
    ("evidence", "status", "severity"),
    [
        (Evidence(), "unknown", "WARN"),
        (Evidence(found=Findings(rebooted=True)), "abnormal", "WARN"),
        (Evidence(exit_status=-9), "abnormal", "WARN"),
        (Evidence(exit_status=3), "exited", "INFO"),
        (Evidence(exit_status=-11), "crashed", "FATAL"),
        (Evidence(exit_status=0xC0000005), "crashed", "FATAL"),
        (Evidence(exit_status=0xC000013A), "abnormal", "WARN"),
        (Evidence(fatal="Segmentation fault"), "crashed", "FATAL"),
        (Evidence(fatal="Segmentation fault", closed=True), "exited", "INFO"),
    ],
)
def test_the_end_of_a_session_rests_on_evidence(
    run: Run, evidence: Evidence, status: str, severity: str
) -> None:
    run.log(5)
    found = events(run.end.items(evidence))
    end = found["session.end"]
    assert (end.attributes["session.status"], end.severity_text) == (status, severity)
    assert end.attributes["session.id"] == "s" * 32
    assert end.attributes["session.duration"] == 5.0
    assert ("app.crash" in found) == (status == "crashed")


def test_a_clean_close_is_an_exit_whatever_fault_txt_says(run: Run) -> None:
    run.note("closed", {"status": "exited", "detail": "os._exit"}, 5)
    found = events(run.end.items(Evidence(fatal="Segmentation fault", exit_status=-11)))
    assert found.keys() == {"session.end"}
    assert found["session.end"].attributes["session.status"] == "exited"


def test_a_host_that_wrote_its_own_session_end_gets_no_second_one(run: Run) -> None:
    run.end.begin(header(1, lane="vital"))
    run.log(5, "session.end")
    run.note("closed", {"detail": ""}, 5)
    assert run.end.items(Evidence()) == []


def test_a_clean_close_whose_session_end_may_be_deleted_gets_no_second_one(run: Run) -> None:
    run.end.begin(header(4, lane="vital"))
    run.note("closed", {"detail": ""}, 5)
    assert run.end.items(Evidence()) == []


def test_a_forked_child_has_spans_and_its_own_crash_but_no_session(run: Run) -> None:
    run.end.begin(header(2, role="child"))
    run.start(1, 1)
    assert events(run.end.items(Evidence())) == {}
    items = run.end.items(Evidence(fatal="Aborted"))
    assert (len(spans(items)), set(events(items))) == (1, {"app.crash"})


def test_the_end_is_the_same_however_often_it_is_told() -> None:
    ends = []
    for _ in range(2):
        run = Run()
        run.end.begin(header())
        order = random.Random(4)
        for span in range(200):
            run.start(span + 1, span)
            if order.random() < 0.5:
                run.finish(span + 1, span)
        ends.append(run.end.items(Evidence()))
    assert [(item.uid, item.record) for item in ends[0]] == [(item.uid, item.record) for item in ends[1]]


def test_a_run_without_a_readable_segment_tells_nothing() -> None:
    assert RunEnd().items(Evidence()) == []


def test_a_run_that_leaks_spans_is_bounded_and_counted(run: Run) -> None:
    for span in range(10_005):
        run.start(span + 1, 1)
    assert len(spans(run.end.items(Evidence()))) == 10_000
    assert run.end.overflowed == 5
