from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.drains import config_for, drain_once, make_service, running
from support.otlp_receiver import OtlpReceiver
from support.recorder import Recorder


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as found:
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def names(receiver: OtlpReceiver) -> list[str]:
    return sorted(span.record.name for span in receiver.spans())


def test_live_records_are_at_the_endpoint_within_five_seconds(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host, running(make_service(home, config_for(receiver.base))):
        host.tell("span", name="first")
        receiver.wait_for(lambda: names(receiver) == ["first"], timeout=5)
        host.tell("span", name="second")
        host.tell("log", body="hello")
        host.tell("log", body="bad", lane="vital", event="app.crash")
        host.tell("count", name="frames", value=3)
        receiver.wait_for(lambda: names(receiver) == ["first", "second"], timeout=5)
        receiver.wait_for(lambda: len(receiver.logs()) == 2, timeout=5)
        receiver.wait_for(lambda: "frames" in [one.record.name for one in receiver.metrics()], timeout=5)


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
