"""What was written is what is shown: real journals, a real kill, no more reading than needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clientobs.config.model import JournalConfig
from clientobs.errors import JournalError
from clientobs.viewer.homes import runs_folder
from clientobs.viewer.recordings import Recordings
from clientobs.viewer.selection import by_id, last_traces
from viewer.recorder import Recorder, record_and_die
from viewer.story import TRACE, log_record, span_record

if TYPE_CHECKING:
    from clientobs.viewer.model import Span, Trace

OTHER = 0x77 << 120


def _recordings(home: Path) -> Recordings:
    return Recordings(runs_folder(str(home)))


def _spans(trace: Trace) -> dict[str, Span]:
    return {span.record.name: span for span in trace.walk()}


def test_a_trace_comes_back_with_its_context_logs_and_resource(tmp_path: Path) -> None:
    run = Recorder(tmp_path / "home")
    context = run.context(production_shot="sh0100")
    run.span(span_record(1, "publish", context=context, attributes={"frames": 24}))
    run.log(log_record("done", span=1, context=context))
    run.close()
    (trace,) = last_traces(_recordings(tmp_path / "home"), 1)
    (root,) = trace.roots
    assert (root.record.name, root.record.attributes, root.state) == ("publish", {"frames": 24}, "ok")
    assert root.context == {"production.shot": "sh0100"}
    assert [log.record.body for log in root.logs] == ["done"]
    assert root.run.text("host.name") == "ws-12"


def test_the_last_trace_is_found_without_reading_older_segments(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for number, trace_id in enumerate((TRACE, OTHER)):
        run = Recorder(home)
        run.span(span_record(number + 1, f"work {number}", trace=trace_id, at=number * 3_600_000))
        run.close()
        _age(home, run.run, seconds=3600 * (2 - number))
    recordings = _recordings(home)
    (trace,) = last_traces(recordings, 1)
    assert list(_spans(trace)) == ["work 1"]
    assert list(recordings.runs) == [run.run]


def _age(home: Path, run: str, *, seconds: int) -> None:
    base = 1_795_000_000 + 7200 - seconds
    for segment in Path(runs_folder(str(home)), run).iterdir():
        os.utime(segment, (base, base))


def test_spans_of_several_runs_and_segments_come_together(tmp_path: Path) -> None:
    home = tmp_path / "home"
    parent, child = Recorder(home), Recorder(home)
    parent.start(span_record(1, "submit", took=None))
    child.span(span_record(2, "task", parent=1, at=5))
    child.close()
    parent.end(span_record(1, "submit", took=60))
    parent.close()
    (trace,) = last_traces(_recordings(home), 1)
    assert set(_spans(trace)) == {"submit", "task"}
    assert [span.record.name for span in trace.roots] == ["submit"]
    assert len(trace.runs) == 2


def test_a_killed_run_leaves_its_open_spans_interrupted_at_its_last_record(tmp_path: Path) -> None:
    home = tmp_path / "home"
    record_and_die(
        home,
        "run.start(span_record(1, 'render', took=None))\n"
        "run.span(span_record(2, 'frame', parent=1, took=3))\n",
    )
    (trace,) = last_traces(_recordings(home), 1)
    spans = _spans(trace)
    assert (spans["render"].state, spans["frame"].state) == ("interrupted", "ok")
    assert spans["render"].end_ns(1 << 62) == max(
        spans["render"].run.last_ns, spans["render"].record.start_ns
    )


def test_a_living_runs_open_span_is_open(tmp_path: Path) -> None:
    run = Recorder(tmp_path / "home")
    run.start(span_record(1, "render", took=None))
    (trace,) = last_traces(_recordings(tmp_path / "home"), 1)
    assert trace.state == "open"
    run.close()


def test_failed_traces_are_found_behind_later_ones_that_went_well(tmp_path: Path) -> None:
    run = Recorder(tmp_path / "home")
    run.span(span_record(1, "bad", status=2, trace=OTHER))
    for number in range(2, 9):
        run.span(span_record(number, "good", trace=number << 100, at=number * 1000))
    run.close()
    (trace,) = last_traces(_recordings(tmp_path / "home"), 3, failed=True)
    assert trace.trace_id == OTHER


def test_an_id_may_be_a_trace_a_session_a_run_or_a_prefix(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run, other = Recorder(home), Recorder(home)
    run.span(span_record(1, "mine"))
    other.span(span_record(2, "theirs", trace=OTHER))
    for recorder in (run, other):
        recorder.close()
    for text in (f"{TRACE:032x}", f"{TRACE:032x}"[:6].upper(), run.run, run.session, run.run[:12]):
        assert [list(_spans(trace)) for trace in by_id(_recordings(home), text)] == [["mine"]], text
    assert by_id(_recordings(home), "fedcba98") == []
    for text in ("xyz", "ab", "", "0" * 33):
        with pytest.raises(JournalError, match="is no id"):
            by_id(_recordings(home), text)


def test_a_session_brings_what_other_processes_added_to_its_traces(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run, other = Recorder(home), Recorder(home)
    run.span(span_record(1, "mine"))
    other.span(span_record(2, "theirs", parent=1))
    for recorder in (run, other):
        recorder.close()
    (trace,) = by_id(_recordings(home), run.session)
    assert set(_spans(trace)) == {"mine", "theirs"}


def test_polling_reads_each_record_once_as_it_lands(tmp_path: Path) -> None:
    run = Recorder(tmp_path / "home")
    recordings = _recordings(tmp_path / "home")
    run.span(span_record(1, "first"))
    first = recordings.poll()
    assert recordings.poll() == 0
    run.span(span_record(2, "second"))
    assert recordings.poll() == 2
    assert first >= 2
    assert set(_spans(recordings.book.trace(TRACE))) == {"first", "second"}
    run.close()


def test_damage_is_counted_and_the_rest_is_shown(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = Recorder(home, config=JournalConfig(free_floor_bytes=0))
    for number in range(1, 4):
        run.span(span_record(number, f"span {number}", at=number))
    run.close()
    segment = next(Path(runs_folder(str(home)), run.run).glob("*.bulk.seg"))
    data = bytearray(segment.read_bytes())
    at = data.rindex(b"span 2")
    data[at] ^= 0xFF
    segment.write_bytes(data)
    recordings = _recordings(home)
    (trace,) = last_traces(recordings, 1)
    assert recordings.damaged == 1
    assert {"span 1", "span 3"} <= set(_spans(trace))


def test_a_segment_that_goes_away_meanwhile_is_passed_over(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = Recorder(home)
    run.span(span_record(1, "gone"))
    run.close()
    recordings = _recordings(home)
    listed = list(recordings.newest_first())
    for _, segment in listed:
        os.unlink(segment.path)
    assert sum(recordings.read(folder, segment) for folder, segment in listed) == 0
