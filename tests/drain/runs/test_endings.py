"""Runs that ended, told to their end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from support.drains import config_for, drain_once
from support.readings import names
from support.recorder import Recorder

if TYPE_CHECKING:
    from support.otlp_receiver import OtlpReceiver


def test_a_killed_run_is_told_to_its_end(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="started", lane="vital", event="session.start")
        host.tell("span", name="whole")
        host.tell("start", name="open")
        host.kill()
    assert drain_once(home, config_for(receiver.base))
    spans = {span.record.name: span for span in receiver.spans()}
    assert sorted(spans) == ["open", "whole"]
    interrupted = spans["open"]
    assert interrupted.attributes["clientobs.interrupted"] is True
    assert interrupted.attributes["production.shot"] == "sq010_sh020"
    assert interrupted.attributes["session.id"] == host.session
    assert interrupted.record.status.code == 2
    assert "clientobs.interrupted" not in spans["whole"].attributes
    ends = [log for log in receiver.logs() if log.record.event_name == "session.end"]
    assert [end.attributes["session.status"] for end in ends] == ["unknown"]
    assert ends[0].attributes["session.id"] == host.session
    assert ends[0].attributes["production.shot"] == "sq010_sh020"


def test_a_second_drain_finds_nothing_left(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("span", name="whole")
        host.tell("start", name="open")
        host.kill()
    assert drain_once(home, config_for(receiver.base))
    receiver.clear()
    assert drain_once(home, config_for(receiver.base))
    assert (receiver.spans(), receiver.logs()) == ([], [])


def test_a_clean_close_is_never_told_as_a_crash(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="started", lane="vital", event="session.start")
        (host.folder / "fault.txt").write_text("Fatal Python error: Segmentation fault\n")
        host.tell("log", body="ended", lane="vital", event="session.end")
        host.end()
    assert drain_once(home, config_for(receiver.base))
    assert sorted(log.record.event_name for log in receiver.logs()) == ["session.end", "session.start"]


def test_a_clean_close_without_a_word_is_an_exit(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="started", lane="vital", event="session.start")
        host.tell("close", detail="os._exit")
    assert drain_once(home, config_for(receiver.base))
    (end,) = [log for log in receiver.logs() if log.record.event_name == "session.end"]
    assert end.attributes["session.status"] == "exited"


def test_a_fatal_error_in_fault_txt_is_a_crash(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="started", lane="vital", event="session.start")
        (host.folder / "fault.txt").write_text("Fatal Python error: Segmentation fault\n\nThread 1:\n")
        host.kill()
    assert drain_once(home, config_for(receiver.base))
    found = {log.record.event_name: log for log in receiver.logs()}
    assert found.keys() == {"session.start", "app.crash", "session.end"}
    assert found["session.end"].attributes["session.status"] == "crashed"
    assert "Segmentation fault" in found["app.crash"].attributes["session.evidence"]


def test_a_span_open_over_many_shipped_segments_is_interrupted_once(
    home: Path, receiver: OtlpReceiver
) -> None:
    config = config_for(receiver.base)
    with Recorder(home, segment_bytes=2 << 10) as host:
        host.tell("start", name="long")
        for _ in range(50):
            host.tell("span", name="short", count=10)
            host.tell("tend")
        assert drain_once(home, config)
        segments = list(host.folder.glob("*.bulk.seg"))
        assert len(segments) >= 50
        for segment in sorted(segments)[:-1]:
            segment.unlink()
        host.kill()
    assert drain_once(home, config)
    assert names(receiver).count("long") == 1
    assert len(names(receiver)) == 501
