"""Whose runs a drain delivers, and which it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from clientobs.config.model import Config
from clientobs.drain.service.state import read_states
from clientobs.errors import DeliveryError
from support.drain_process import DrainProcess
from support.drains import config_for, drain_once, make_service
from support.otlp_receiver import OtlpReceiver
from support.readings import names
from support.recorder import Recorder


def test_a_run_of_an_unknown_format_is_left_alone_and_told(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("span", name="new")
        host.kill()
    (segment,) = host.folder.glob("*.bulk.seg")
    data = segment.read_bytes()
    segment.write_bytes(data[:7] + b"\x02" + data[8:])
    before = sorted((path.name, path.stat().st_mtime_ns) for path in host.folder.iterdir())
    assert drain_once(home, config_for(receiver.base))
    assert receiver.requests == []
    assert sorted((path.name, path.stat().st_mtime_ns) for path in host.folder.iterdir()) == before
    (state,) = read_states(str(home))
    assert state.elsewhere == {"another format": {"runs": 1, "alive": 0, "bytes": len(data)}}


def test_two_tools_with_two_endpoints_and_tokens_each_reach_their_own(home: Path) -> None:
    with OtlpReceiver() as one, OtlpReceiver() as two:
        for destination, tool in (("1" * 32, "one"), ("2" * 32, "two"), ("3" * 32, "three")):
            with Recorder(home, destination=destination) as host:
                host.tell("span", name=tool)
                host.kill()
        assert drain_once(home, config_for(one.base, token="Bearer one"), "1" * 32)
        assert drain_once(home, config_for(two.base, token="Bearer two"), "2" * 32)
        assert (names(one), names(two)) == (["one"], ["two"])
        assert {got.headers["authorization"] for got in one.requests} == {"Bearer one"}
        assert {got.headers["authorization"] for got in two.requests} == {"Bearer two"}
    states = {state.destination: state for state in read_states(str(home))}
    waiting = states["2" * 32].elsewhere
    assert {where: entry["runs"] for where, entry in waiting.items()} == {"3" * 32: 1}
    text = "".join(path.read_text(errors="replace") for path in (home / "drain").rglob("*") if path.is_file())
    assert not any(secret in text for secret in ("Bearer", "127.0.0.1"))


def test_runs_from_before_any_endpoint_wait_until_they_are_adopted(
    home: Path, receiver: OtlpReceiver
) -> None:
    with Recorder(home, destination="") as host:
        host.tell("span", name="early")
        host.kill()
    assert drain_once(home, config_for(receiver.base))
    assert receiver.requests == []
    assert drain_once(home, config_for(receiver.base), adopt=("",))
    assert names(receiver) == ["early"]


def test_one_drain_of_a_home_measures_the_machine(home: Path, receiver: OtlpReceiver) -> None:
    with OtlpReceiver() as other:
        with Recorder(home, destination="1" * 32) as one, Recorder(home, destination="2" * 32) as two:
            one.tell("span", name="one")
            two.tell("span", name="two")
            first = DrainProcess(home, receiver.base, "1" * 32)
            receiver.wait_for(lambda: "system.memory.limit" in [m.record.name for m in receiver.metrics()])
            second = DrainProcess(home, other.base, "2" * 32)
            other.wait_for(other.spans)
            first.stop()
            second.stop()
        assert "system.memory.limit" not in [metric.record.name for metric in other.metrics()]
        assert [state.measuring for state in read_states(str(home))] == [True, False]


def test_two_drains_do_not_both_adopt_what_has_no_destination(home: Path) -> None:
    with Recorder(home, destination="") as host:
        host.tell("span", name="early")
        host.kill()
    with OtlpReceiver() as one, OtlpReceiver() as two:
        first = DrainProcess(home, one.base, "1" * 32, adopt="")
        one.wait_for(lambda: names(one) == ["early"])
        with Recorder(home, destination="") as host:
            host.tell("span", name="early too")
            host.kill()
            assert drain_once(home, config_for(two.base), "2" * 32, adopt=("",))
            one.wait_for(lambda: names(one) == ["early", "early too"])
        assert two.requests == []
        first.stop()


def test_a_drain_without_any_endpoint_is_refused(home: Path) -> None:
    with pytest.raises(DeliveryError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        make_service(home, Config())
