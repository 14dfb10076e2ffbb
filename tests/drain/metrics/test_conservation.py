"""What was produced was delivered, or is counted as lost."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from clientobs.drain.runs.ages import Ages
from clientobs.drain.service.state import read_states
from clientobs.journal.process import boot_id
from support.drains import config_for, drain_once, make_service, running
from support.otlp_receiver import Answer, OtlpReceiver
from support.readings import names, raw, values
from support.recorder import Recorder


def test_what_was_produced_was_delivered_or_is_counted_as_lost(home: Path, receiver: OtlpReceiver) -> None:
    receiver.answer_if(
        lambda got: Answer(status=400) if got.signal == "logs" and b"line-13" in raw(got) else None
    )
    with Recorder(home) as host:
        produced = host.tell("log", body="line", count=50)
        host.tell("lose", reason="storm", count=7)
        host.kill()
    (segment,) = host.folder.glob("*.bulk.seg")
    data = bytearray(segment.read_bytes())
    data[data.index(b"line-25")] ^= 1
    segment.write_bytes(data[: data.rindex(b"line-49")])
    assert drain_once(home, config_for(receiver.base))
    (state,) = read_states(str(home))
    assert state.lost == {"storm": 7, "damaged": 1, "torn": 1, "poison": 1}
    assert state.signals["logs"].delivered == len(receiver.logs())
    ours = state.signals["logs"].delivered - 1
    assert produced == ours + sum(state.lost.values()) - state.lost["storm"]
    assert state.queue_records == 0


def test_losses_are_counted_once_however_often_drains_come_and_go(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="line")
        host.tell("lose", reason="storm", count=7)
        for _ in range(3):
            assert drain_once(home, config_for(receiver.base))
        host.tell("lose", reason="storm", count=2)
        host.kill()
    for _ in range(2):
        assert drain_once(home, config_for(receiver.base))
    (state,) = read_states(str(home))
    assert state.lost == {"storm": 9}
    lost = [one.record for one in receiver.metrics() if one.record.name == "clientobs.records.lost"]
    assert lost[-1].sum.data_points[0].as_int == 9


def test_a_signal_without_endpoint_is_let_go_and_counted(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("span", name="wanted")
        host.tell("log", body="unwanted", count=3)
        host.end()
    assert drain_once(home, config_for(receiver.base, signals="traces"))
    assert names(receiver) == ["wanted"]
    (state,) = read_states(str(home))
    assert state.lost == {"no_endpoint": 4}


def test_old_metrics_expire_long_before_old_logs(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("count", name="frames")
        host.tell("log", body="line")
        host.kill()
    ages = Ages(boot_id=boot_id(), mono=lambda: time.monotonic_ns() + 2 * 3600 * 10**9)
    assert drain_once(home, config_for(receiver.base), ages=ages)
    assert "frames" not in [one.record.name for one in receiver.metrics()]
    assert "line" in [log.record.body.string_value for log in receiver.logs()]
    (state,) = read_states(str(home))
    assert state.lost == {"expired": 1}


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_is_a_day_off_expires_nothing_and_keeps_the_order(
    home: Path, receiver: OtlpReceiver, days: int
) -> None:
    with Recorder(home, clock_shift_s=days * 86_400) as host:
        host.tell("count", name="frames")
        host.tell("log", body="line", count=20)
        host.tell("start", name="open")
        host.kill()
    ages = Ages(boot_id=boot_id(), wall=lambda: time.time_ns() + 40 * days * 86_400 * 10**9)
    assert drain_once(home, config_for(receiver.base), ages=ages)
    assert "frames" in [one.record.name for one in receiver.metrics()]
    lines = [log.record.body.string_value for log in receiver.logs() if not log.record.event_name]
    assert lines == [f"line-{number}" for number in range(20)]
    (span,) = receiver.spans()
    assert span.record.start_time_unix_nano <= span.record.end_time_unix_nano
    (state,) = read_states(str(home))
    assert state.lost == {}


def test_what_a_dead_run_held_at_the_moment_is_taken_out_of_the_total(
    home: Path, receiver: OtlpReceiver
) -> None:
    with Recorder(home) as host:
        host.tell("count", name="open", value=3, monotonic=False)
        with running(make_service(home, config_for(receiver.base))):
            receiver.wait_for(lambda: values(receiver, "open") == [3])
            host.kill()
            with Recorder(home) as other:
                other.tell("count", name="open", value=1, monotonic=False)
                receiver.wait_for(lambda: values(receiver, "open")[-1] == 1)


def test_the_next_drain_tells_the_machine_as_it_is_and_not_twice(home: Path, receiver: OtlpReceiver) -> None:
    for _ in range(2):
        with Recorder(home) as host:
            host.tell("span", name="work")
            assert drain_once(home, config_for(receiver.base))
    assert values(receiver, "system.memory.limit")[-1] == psutil.virtual_memory().total
