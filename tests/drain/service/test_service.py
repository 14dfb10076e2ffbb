"""A drain beside live runs: what it sends first, and what holds up what."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from clientobs.drain.runs.flush import flush
from clientobs.drain.service.state import read_states
from support.drains import config_for, drain_once, make_service, running
from support.otlp_receiver import Answer, OtlpReceiver
from support.readings import names, raw
from support.recorder import Recorder


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


def test_offline_records_arrive_later_with_their_own_times_and_in_order(
    home: Path, receiver: OtlpReceiver
) -> None:
    before = time.time_ns()
    with Recorder(home, segment_bytes=16 << 10) as host:
        host.tell("log", body="line", count=500)
        receiver.answer(503, times=2)
        assert not drain_once(home, config_for(receiver.base))
        after = time.time_ns()
        assert receiver.logs() == []
        host.tell("log", body="later")
        assert drain_once(home, config_for(receiver.base))
    lines = receiver.logs()
    assert [line.record.body.string_value for line in lines][:500] == [f"line-{n}" for n in range(500)]
    assert all(before <= line.record.time_unix_nano <= after for line in lines[:500])


def test_a_signal_that_is_refused_holds_up_no_other_and_is_told(home: Path, receiver: OtlpReceiver) -> None:
    receiver.answer_if(lambda got: Answer(status=401) if got.signal == "traces" else None)
    with Recorder(home) as host:
        host.tell("span", name="secret", count=10)
        host.tell("log", body="line", count=10)
        host.kill()
    for _ in range(2):
        assert not drain_once(home, config_for(receiver.base))
    (state,) = read_states(str(home))
    assert state.signals["traces"].verdict == "hold"
    assert "401" in state.signals["traces"].reason
    assert state.signals["traces"].retry_ns > time.time_ns()
    assert state.queue_records == 10
    assert len(receiver.logs()) == 11
    receiver.answer_if(None)
    assert drain_once(home, config_for(receiver.base))
    assert len(receiver.spans()) == 10
    assert len(receiver.logs()) == 11


def test_an_endpoint_that_hangs_holds_up_only_its_signal(home: Path, receiver: OtlpReceiver) -> None:
    receiver.answer_if(lambda got: Answer(hang=True) if got.signal == "traces" else None)
    with Recorder(home) as host, running(make_service(home, config_for(receiver.base))):
        host.tell("span", name="stuck")
        receiver.wait_for(lambda: [got for got in receiver.requests if got.signal == "traces"])
        host.tell("log", body="through")
        receiver.wait_for(lambda: len(receiver.logs()) == 1, timeout=1.9)


def test_flush_returns_when_all_that_was_recorded_has_arrived(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host, running(make_service(home, config_for(receiver.base))):
        host.tell("span", name="work", count=20)
        host.tell("log", body="line", count=20)
        host.tell("count", name="frames")
        host.tell("start", name="open")
        assert flush(str(host.folder), timeout=5)
        assert (len(receiver.spans()), len(receiver.logs())) == (20, 20)
        assert "frames" in [one.record.name for one in receiver.metrics()]
        assert not (host.folder / "flush").exists()


def test_flush_waits_neither_for_company_nor_for_the_end_of_a_pause(
    home: Path, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder(home) as host, running(make_service(home, config_for(receiver.base))):
        receiver.answer(503, headers=(("retry-after", "600"),))
        host.tell("log", body="urgent", lane="vital")
        receiver.wait_for(lambda: receiver.requests)
        monkeypatch.setattr("clientobs.drain.service.lines.LINGER", 3600.0)
        host.tell("span", name="work")
        assert flush(str(host.folder), timeout=10)
        assert (len(receiver.spans()), len(receiver.logs())) == (1, 1)


def test_flush_gives_up_in_time_where_nothing_answers(home: Path) -> None:
    with Recorder(home) as host:
        host.tell("span", name="work")
        assert not flush(str(host.folder), timeout=0.1)


@pytest.mark.parametrize("live_turn", [True, False])
def test_urgent_records_go_before_what_is_live_and_before_the_backlog(
    home: Path, receiver: OtlpReceiver, live_turn: bool
) -> None:
    with Recorder(home, segment_bytes=64 << 10) as host:
        host.tell("log", body="late", count=3000)
        host.kill()
    with Recorder(home) as host:
        host.tell("log", body="crashed", lane="vital", event="app.crash")
        host.kill()
    with Recorder(home) as host:
        host.tell("log", body="live", count=3000)
        service = make_service(home, config_for(receiver.base))
        service._logs._dispatch._live_turn = live_turn
        assert service.once(timeout=20)
        service.close()
    first = next(got for got in receiver.accepted("logs") if raw(got))
    assert b"app.crash" in raw(first)


def test_the_drain_leaves_when_nothing_records_and_nothing_waits(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("span", name="work")
        host.end()
    service = make_service(home, config_for(receiver.base))
    assert service.run(threading.Event(), idle_seconds=0.1) == "idle"
    service.close()
    assert names(receiver) == ["work"]
    (state,) = read_states(str(home))
    assert (state.phase, state.pid, state.runs_alive) == ("left", os.getpid(), 0)


def test_the_drain_stays_while_an_endpoint_is_away(home: Path, receiver: OtlpReceiver) -> None:
    receiver.answer_if(lambda got: Answer(status=503))
    with Recorder(home) as host:
        host.tell("span", name="work")
        host.end()
    service = make_service(home, config_for(receiver.base))
    service.step(eager=True)
    receiver.wait_for(lambda: receiver.requests)
    assert not service.idle
    service.close()


def test_live_records_and_a_backlog_take_turns_and_do_not_mix(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home, segment_bytes=64 << 10) as host:
        host.tell("log", body="late", count=5000)
        host.kill()
    with Recorder(home) as host:
        host.tell("log", body="live", count=10)
        assert drain_once(home, config_for(receiver.base))
    kinds = [
        {
            log.body.string_value[:4]
            for group in got.message.resource_logs
            for scoped in group.scope_logs
            for log in scoped.log_records
            if not log.event_name
        }
        for got in receiver.accepted("logs")
    ]
    assert all(len(kind) <= 1 for kind in kinds)
    assert {"live"} in kinds[:3]
    assert len(receiver.logs()) == 5011
