"""The drain is killed at each step: nothing may be missing, and at most one batch a signal comes twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from support.drain_process import run_drain
from support.recorder import Recorder

if TYPE_CHECKING:
    from support.otlp_receiver import OtlpReceiver

BATCH = 1000


@pytest.mark.parametrize("step", ["taken", "sent", "acked"])
def test_a_drain_killed_at_any_step_loses_nothing_and_repeats_one_batch_at_most(
    home: Path, receiver: OtlpReceiver, step: str
) -> None:
    with Recorder(home, segment_bytes=64 << 10) as host:
        host.tell("log", body="line", count=2500)
        host.tell("span", name="work", count=1500)
        host.end()
    assert run_drain(home, receiver.base, "--kill-at", step, "--at-batch", "2") == -9
    assert run_drain(home, receiver.base) == 0
    lines = Counter(log.record.body.string_value for log in receiver.logs() if not log.record.event_name)
    spans = Counter(span.record.span_id for span in receiver.spans())
    assert lines.keys() == {f"line-{number}" for number in range(2500)}
    assert len(spans) == 1500
    assert (lines.total() - 2500, spans.total() - 1500) <= (BATCH, BATCH)
    twice = dict(Counter(log.attributes["log.record.uid"] for log in receiver.logs()).items())
    assert set(twice.values()) <= {1, 2}


def test_after_an_acknowledgement_nothing_comes_twice(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="line", count=100)
        host.kill()
    assert run_drain(home, receiver.base, "--kill-at", "acked") == -9
    assert receiver.logs()
    assert run_drain(home, receiver.base) == 0
    assert len(receiver.logs()) == 101


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_the_end_of_a_dead_run_is_sent_again_byte_for_byte(
    home: Path, receiver: OtlpReceiver, signal: Literal["traces", "logs"]
) -> None:
    with Recorder(home) as host:
        host.tell("start", name="open")
        host.tell("start", name="open too")
        host.kill()
    for _ in range(2):
        assert run_drain(home, receiver.base, "--kill-at", "sent", "--only", signal) == -9
    assert run_drain(home, receiver.base) == 0
    requests = receiver.accepted(signal)
    assert len(requests) == 3
    assert len({got.raw for got in requests}) == 1


@pytest.mark.parametrize("step", ["taken", "sent", "booked", "acked"])
def test_counters_are_right_whenever_the_drain_dies(home: Path, receiver: OtlpReceiver, step: str) -> None:
    with Recorder(home) as host:
        for _ in range(5):
            host.tell("count", name="frames", value=2)
        host.kill()
    assert run_drain(home, receiver.base, "--kill-at", step, "--only", "metrics") == -9
    assert run_drain(home, receiver.base) == 0
    with Recorder(home) as host:
        host.tell("count", name="frames", value=1)
        host.kill()
    assert run_drain(home, receiver.base) == 0
    points = [
        metric.record.sum.data_points[0].as_int
        for metric in receiver.metrics()
        if metric.record.name == "frames"
    ]
    assert points[-1] == 11
    assert points == sorted(points)
