"""What the host's threads see of the journal: nothing that hurts, and nothing lost."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from clientobs.journal.format import MAX_PAYLOAD, Kind, encode_payload
from clientobs.journal.records import ContextRecord, decode
from clientobs.journal.runs import list_runs
from clientobs.journal.writer import Journal
from support.journals import FakeTime, contents, make_journal

if TYPE_CHECKING:
    from clientobs._guarded import Faults
    from clientobs._loss import LossLedger
    from clientobs.journal.home import Home

KIB = 1 << 10


def test_nothing_is_on_disk_before_the_first_record(place: Home) -> None:
    journal = make_journal(place)
    journal.tend()
    journal.close("exited", "")
    assert list_runs(place) == []
    assert os.listdir(place.runs) == []


def test_what_was_appended_is_there_without_any_close(place: Home) -> None:
    journal = make_journal(place)
    assert journal.append(Kind.LOG, b"bulk")
    assert journal.append(Kind.LOG, b"vital", "vital")
    (run,) = list_runs(place)
    assert run.state == "alive"
    assert {segment.lane for segment in run.segments} == {"bulk", "vital"}
    assert sorted(contents(place).logs()) == [b"bulk", b"vital"]


def test_a_close_is_told_by_a_note_and_by_the_lock(place: Home, loss: LossLedger) -> None:
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"x")
    journal.close("exited", "atexit")
    journal.close("exited", "again")
    assert not journal.append(Kind.LOG, b"late")
    assert contents(place).notes("closed") == [{"status": "exited", "detail": "atexit"}]
    assert len(contents(place).notes("sealed")) == 2
    assert [run.state for run in list_runs(place)] == ["closed"]
    assert loss.totals() == {"closed": 1}


def test_a_reopened_journal_is_another_run(place: Home) -> None:
    """An exec that failed: the close before it was none."""
    journal = make_journal(place)
    journal.append(Kind.LOG, b"before")
    journal.close("exited", "exec")
    journal.reopen()
    assert journal.append(Kind.LOG, b"after")
    assert sorted(run.state for run in list_runs(place)) == ["alive", "closed"]


def test_sequence_numbers_are_unique_over_both_lanes(place: Home) -> None:
    journal = make_journal(place, segment_bytes=16 * KIB)
    for number in range(200):
        journal.append(Kind.LOG, bytes(500), "vital" if number % 3 else "bulk")
    sequences = [frame.sequence for reading in contents(place).readings.values() for frame in reading.frames]
    assert len(sequences) == len(set(sequences)) >= 200


def test_every_thread_finds_its_records_again(place: Home, loss: LossLedger) -> None:
    """Twelve threads through hundreds of rotations, with the keeper's work going on beside them."""
    journal = make_journal(place, loss=loss, segment_bytes=16 * KIB)
    stop = threading.Event()

    def append(thread: int) -> None:
        for number in range(300):
            journal.append(
                Kind.LOG, b"%d/%d " % (thread, number) + bytes(400), "vital" if thread % 4 == 0 else "bulk"
            )

    def keep() -> None:
        while not stop.wait(0.002):
            journal.tend()

    keeper = threading.Thread(target=keep)
    threads = [threading.Thread(target=append, args=(number,)) for number in range(12)]
    keeper.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    keeper.join()
    journal.close("exited", "")
    found = contents(place)
    assert (found.torn, found.damaged, loss.totals()) == (0, 0, {})
    assert sorted(found.logs()) == sorted(
        b"%d/%d " % (thread, number) + bytes(400) for thread in range(12) for number in range(300)
    )
    assert len(found.readings) >= 4  # while one thread opens a segment, the others go on in the old one
    assert len(found.notes("sealed")) == len(found.readings)


def test_a_seal_is_the_last_record_of_its_segment(place: Home) -> None:
    journal = make_journal(place, segment_bytes=16 * KIB)
    for _ in range(100):
        journal.append(Kind.LOG, bytes(1000))
    journal.close("exited", "")
    for reading in contents(place).readings.values():
        last = reading.frames[-1]
        assert decode(last.kind, last.payload) == decode(Kind.NOTE, encode_payload(("sealed", {})))


def test_a_thread_that_is_late_still_lands_its_record(place: Home) -> None:
    """It holds the segment that was rotated away and released meanwhile."""
    journal = make_journal(place)
    journal.append(Kind.LOG, b"first")
    held = journal._lanes.current["bulk"]
    assert held is not None
    held.size += 1 << 30
    journal.tend()
    assert journal._lanes.current["bulk"] is not held
    assert held.append(Kind.LOG, b"late", 1000, 1)
    path = held.path
    os.unlink(path)  # the drain released it
    assert not held.append(Kind.LOG, b"too late", 1001, 1)
    assert held.failure == "deleted"


# Contexts ------------------------------------------------------------------------------------------


def test_a_context_is_written_once_a_segment_and_before_what_refers_to_it(place: Home) -> None:
    journal = make_journal(place, segment_bytes=16 * KIB)
    numbers = [
        journal.context_number("production", {"production.shot": f"sh{number:03d}"}) for number in range(5)
    ]
    assert len(set(numbers)) == 5
    assert numbers[2] == journal.context_number("production", {"production.shot": "sh002"})
    contexts_of = {}
    for number in range(300):
        payload = b"%d " % number + bytes(400)
        contexts_of[payload] = (numbers[number % 5], numbers[(number * 7) % 5])
        assert journal.append(Kind.LOG, payload, "vital" if number % 9 == 0 else "bulk", contexts_of[payload])
    journal.close("exited", "")
    found = contents(place)
    assert len(found.logs()) == 300
    assert found.unresolved_contexts(contexts_of) == []
    for reading in found.readings.values():
        written = [frame.payload for frame in reading.frames if frame.kind == Kind.CONTEXT]
        assert len(written) == len(set(written))


def test_the_check_of_contexts_notices_a_missing_one(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: contexts are written in the first segment only."""
    journal = make_journal(place, segment_bytes=16 * KIB)
    number = journal.context_number("production", {"production.shot": "sh010"})
    payloads = [b"%d " % index + bytes(400) for index in range(200)]
    journal.append(Kind.LOG, payloads[0], "bulk", (number,))
    monkeypatch.setattr(Journal, "_write_contexts", lambda self, segment, contexts: None)
    for payload in payloads[1:]:
        journal.append(Kind.LOG, payload, "bulk", (number,))
    assert contents(place).unresolved_contexts(dict.fromkeys(payloads, (number,)))


def test_contexts_are_bounded_and_those_in_use_stay(place: Home, loss: LossLedger) -> None:
    journal = make_journal(place, loss=loss)
    early = journal.context_number("production", {"shot": "of the outer span"})
    forgotten = journal.context_number("production", {"shot": "of nobody"})
    journal.span_started("outer", b"outer", (early,))
    for number in range(6000):
        journal.context_number("production", {"shot": number})
    assert len(journal._contexts._payloads) <= 4096
    assert journal.append(Kind.LOG, b"refers to a forgotten one", "bulk", (forgotten,))
    assert loss.totals() == {"context": 1}
    assert journal.span_ended("outer", b"outer", "bulk", (early,))
    assert journal.context_number("production", {"shot": "of the outer span"}) == early


# Open spans ----------------------------------------------------------------------------------------


def open_after(place: Home) -> set[bytes]:
    """Return the starts in the newest bulk segment whose end stands nowhere: what a kill would report."""
    (run,) = list_runs(place)
    readings = contents(place).readings
    newest = readings[f"{run.run}/{os.path.basename(run.lane('bulk')[-1].path)}"]
    ended = {frame.payload for frame in contents(place).frames(Kind.SPAN_ENDED)}
    return {frame.payload for frame in newest.frames if frame.kind == Kind.SPAN_STARTED} - ended


def check_carry_over(place: Home) -> None:
    time = FakeTime()
    journal = make_journal(place, mono=time, segment_bytes=16 * KIB)
    number = journal.context_number("production", {"production.shot": "sh010"})
    journal.span_started(1, b"open all along", (number,))
    journal.span_started(2, b"ended", (number,))
    journal.span_ended(2, b"ended", "bulk", (number,))
    for _ in range(50):
        journal.append(Kind.LOG, bytes(400))
        time.forward(31)
        journal.tend()
    (run,) = list_runs(place)
    assert len(run.lane("bulk")) > 50
    for segment in run.lane("bulk")[:-1]:
        os.unlink(segment.path)  # all shipped and released
    assert open_after(place) == {b"open all along"}
    assert contents(place).unresolved_contexts({b"open all along": (number,)}) == []


def test_a_span_open_across_fifty_released_segments_is_still_known(place: Home) -> None:
    check_carry_over(place)


def test_without_carry_over_it_would_be_forgotten(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: rotation writes no starts again."""
    monkeypatch.setattr(Journal, "_carry_over", lambda self, segment: None)
    with pytest.raises(AssertionError):
        check_carry_over(place)


def test_an_end_in_the_vital_lane_leaves_a_note_beside_its_start(place: Home) -> None:
    journal = make_journal(place)
    journal.span_started(7, b"start")
    journal.span_ended(7, b"end", "vital")
    journal.span_started(8, b"start")
    journal.span_ended(8, b"end", "bulk")
    assert contents(place).notes("ended") == [{"key": 7}]


def test_spans_that_never_end_do_not_grow_without_bound(place: Home, loss: LossLedger) -> None:
    time = FakeTime()
    journal = make_journal(place, loss=loss, mono=time, segment_bytes=64 * KIB)
    for number in range(5000):
        journal.span_started(number, bytes(100))
    assert journal.stats()["open_spans"] <= 4096
    sizes = []
    for _ in range(3):
        journal.append(Kind.LOG, b"x")
        time.forward(31)
        journal.tend()
        (run,) = list_runs(place)
        sizes.append(run.lane("bulk")[-1].size)
    assert max(sizes) < 2 * 64 * KIB
    assert loss.totals()["carry"] > 0


def test_an_idle_run_makes_no_segments(place: Home) -> None:
    time = FakeTime()
    journal = make_journal(place, mono=time)
    journal.span_started(1, b"left open over the weekend")
    for _ in range(20):
        time.forward(60)
        journal.tend()
    (run,) = list_runs(place)
    assert len(run.segments) == 2  # the first, and the one that waits for the next record


# Bad input and bad moments -------------------------------------------------------------------------


def test_an_oversized_record_is_counted_and_spoils_nothing(place: Home, loss: LossLedger) -> None:
    journal = make_journal(place, loss=loss)
    assert not journal.append(Kind.LOG, bytes(MAX_PAYLOAD + 1))
    assert journal.append(Kind.LOG, bytes(MAX_PAYLOAD))
    assert journal.append(Kind.LOG, b"next")
    assert not journal.append(Kind.LOG, bytes(MAX_PAYLOAD + 1))
    assert [len(payload) for payload in contents(place).logs()] == [MAX_PAYLOAD, 4]
    assert loss.totals() == {"oversize": 2}


@pytest.mark.parametrize("payload", [None, "text", 7, ["list"]])
def test_a_payload_of_the_wrong_type_raises_nothing_in_a_host(
    place: Home, loss: LossLedger, lenient_faults: Faults, payload: object
) -> None:
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"before")
    assert not journal.append(Kind.LOG, payload)  # type: ignore[arg-type]  # what a bug of ours would hand in
    assert not journal.append(Kind.LOG, b"", "no such lane")  # type: ignore[arg-type]
    assert not journal.note("odd", {"value": object()})
    assert journal.append(Kind.LOG, b"after")
    assert contents(place).logs() == [b"before", b"after"]
    assert loss.totals() == {"fault": 2}
    assert lenient_faults.counts() == {"journal.append": 3}


def test_the_recursion_limit_is_the_hosts(place: Home, loss: LossLedger, lenient_faults: Faults) -> None:
    """Called at any depth up to the limit, append itself raises nothing; what could not land is counted."""
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"x")
    told: list[bool] = []

    def dive() -> None:
        try:
            told.append(journal.append(Kind.LOG, b"deep"))
            dive()
        except RecursionError:
            if sys.version_info < (3, 11):
                raise
            return

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "setrecursionlimit", sys.setrecursionlimit)
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(len(_frames()) + 120)
        try:
            dive()
        except RecursionError:
            pass
        finally:
            sys.setrecursionlimit(limit)
    journal.tend()
    assert told.count(True) == contents(place).logs().count(b"deep") > 0
    assert sum(loss.totals().values()) == told.count(False)
    assert lenient_faults.counts().get("journal.append", 0) <= told.count(False)


def _frames() -> list[object]:
    frame, frames = sys._getframe(), []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back  # type: ignore[assignment]
    return frames


@pytest.mark.skipif(os.name != "posix", reason="needs setitimer")
def test_a_signal_handler_may_record_in_the_middle_of_an_append(place: Home, loss: LossLedger) -> None:
    journal = make_journal(place, loss=loss, segment_bytes=16 * KIB)
    handled: list[bool] = []
    before = signal.signal(
        signal.SIGALRM, lambda *_: handled.append(journal.append(Kind.LOG, b"from a handler", "vital"))
    )
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0003)
    try:
        appended = 0
        while len(handled) < 200:
            assert journal.append(Kind.LOG, b"ordinary" + bytes(300))
            appended += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    found = contents(place).logs()
    assert found.count(b"from a handler") == handled.count(True)
    assert len(found) == appended + handled.count(True)
    assert handled.count(False) == sum(loss.totals().values())


def test_a_record_from_del_while_a_segment_is_opened_is_counted_not_awaited(
    place: Home, loss: LossLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = make_journal(place, loss=loss)
    directory = journal._lanes.directory
    opened = directory.open_segment

    def open_and_collect(lane: str) -> object:
        assert not journal.append(Kind.LOG, b"from __del__")
        return opened(lane)  # type: ignore[arg-type]

    monkeypatch.setattr(directory, "open_segment", open_and_collect)
    assert journal.append(Kind.LOG, b"first")
    assert loss.totals() == {"reentrant": 1}
    assert contents(place).logs() == [b"first"]


def test_segments_hold_who_wrote_them(place: Home) -> None:
    journal = make_journal(place)
    journal.append(Kind.LOG, b"x")
    ((header),) = [reading.header for reading in contents(place).readings.values()]
    assert header is not None
    assert (header.run, header.session, header.lane, header.number) == (journal.run, "5e" * 16, "bulk", 1)
    assert (header.pid, header.role) == (os.getpid(), "main")
    assert header.pid_start


def test_contexts_decode_to_what_was_registered(place: Home) -> None:
    journal = make_journal(place)
    values = {"production.shot": "sh010", "odd": "\udc80"}
    number = journal.context_number("production", values)
    journal.append(Kind.LOG, b"x", "bulk", (number,))
    (frame,) = contents(place).frames(Kind.CONTEXT)
    assert decode(frame.kind, frame.payload) == ContextRecord(number, "production", values)
