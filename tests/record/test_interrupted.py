"""Ctrl-C, signal handlers and finalizers in the middle of our own steps."""

from __future__ import annotations

import marshal
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import get_current

import clientobs
from clientobs.pipeline import metrics as pipeline_metrics
from clientobs.pipeline import spans as pipeline_spans
from clientobs.pipeline.turns import OwnTurns
from clientobs.record import span as span_module
from clientobs.record.recorder import active
from support.programs import answer_of
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime


def interrupting(function: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """Return `function` with a Ctrl-C before or after its first call."""
    pending = [KeyboardInterrupt()]

    def call(*arguments: Any) -> Any:
        if not after and pending:
            raise pending.pop()
        result = function(*arguments)
        if pending:
            raise pending.pop()
        return result

    return call


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["_attach", "_reset"])
def test_ctrl_c_inside_our_steps_leaves_no_span_current_and_none_open(
    step: str, after: bool, runtime: Runtime, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = get_current()
    monkeypatch.setattr(span_module, step, interrupting(getattr(span_module, step), after=after))
    with pytest.raises(KeyboardInterrupt), clientobs.span("interrupted"):
        pass
    assert get_current() is before
    with clientobs.span("later"):
        pass
    assert runtime.journal is not None
    assert runtime.journal.stats()["open_spans"] == 0
    assert not seen(home).span("later").parent_id


def test_ctrl_c_while_the_end_is_written_loses_no_ended_span(
    runtime: Runtime, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runtime.journal is not None
    with pytest.raises(KeyboardInterrupt), clientobs.span("ended"):  # the end is what raises
        monkeypatch.setattr(pipeline_spans, "dumps", interrupting(marshal.dumps, after=False))
    assert seen(home).span("ended").end_ns


def test_ctrl_c_inside_a_context_leaves_none_behind(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = get_current()
    monkeypatch.setattr(span_module, "_attach", interrupting(span_module._attach, after=True))
    with pytest.raises(KeyboardInterrupt), clientobs.context(shot="sh010"):
        pass
    assert get_current() is before
    monkeypatch.setattr(span_module, "_reset", interrupting(span_module._reset, after=False))
    with pytest.raises(KeyboardInterrupt), clientobs.context(shot="sh010"):
        pass
    assert get_current() is before


@pytest.mark.skipif(os.name != "posix", reason="Windows has no timer signals")
def test_a_signal_handler_may_record_while_the_same_thread_records() -> None:
    """The SDK's locks are not re-entrant: each of these calls once waited for itself for ever."""
    answer = answer_of(
        """
        import json, signal, time
        import clientobs
        clientobs.init("tool")
        current, handled = None, 0
        counter = clientobs.counter("c")

        def handler(*_):
            global handled
            handled += 1
            if current is not None:
                current.set_attribute("from.handler", 1)
                current.add_event("handled", {"a": 1})
            counter.add(1)
            clientobs.counter(f"own{handled % 7}").add(1)
            clientobs.event("handled")

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.004, 0.004)
        while handled < 120:
            with clientobs.span("work") as current:
                for _ in range(10):
                    current.set_attribute("x", [1, 2, 3])
                    current.add_event("y", {"a": 1})
                    counter.add(1, k="v")
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(handled))
        """
    )
    assert answer >= 120


def test_a_handler_may_measure_while_its_thread_makes_the_first_meter(
    runtime: Runtime, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK takes two locks there that are not re-entrant, one of them common to all providers of a process."""
    build = pipeline_metrics._build

    def interrupted(*arguments: Any) -> tuple[Any, Any]:
        clientobs.counter("within").add(1)
        provider, reader = build(*arguments)
        clientobs.counter("within").add(1)
        for _ in range(2):
            assert provider._meter_lock.acquire(blocking=False), "would wait for itself"
        return provider, reader

    # A provider that has made no meter yet: the runtime's may have, for instruments from before init().
    recorder = active()
    assert recorder is not None
    old: Any = recorder.voice._meters
    fresh = pipeline_metrics.LazyMeterProvider(old._sink, old._resource, runtime.loss)
    monkeypatch.setattr(recorder.voice, "_meters", fresh)
    monkeypatch.setattr(recorder.voice, "_meter", None)
    monkeypatch.setattr(pipeline_metrics, "_build", interrupted)
    clientobs.counter("frames").add(1)
    clientobs.counter("within").add(5)
    assert runtime.loss.totals() == {"reentrant": 2}
    fresh.collect()
    records = seen(home)
    assert [point[1] for point in records.points("frames")] == [1]
    assert [point[1] for point in records.points("within")] == [5]


def test_what_is_measured_inside_a_measurement_is_taken_after_it() -> None:
    taken: list[str] = []
    turns = OwnTurns()

    class Consumer:
        lock = threading.Lock()

        def consume_measurement(self, measurement: str) -> None:
            assert self.lock.acquire(blocking=False), "would wait for itself"
            if measurement == "outer":
                turns.consume("inner")
                assert turns.collect() is None
            taken.append(measurement)
            self.lock.release()

        def collect(self) -> str:
            return "collected"

    class Reader:
        def _set_collect_callback(self, collect: Callable[[], Any]) -> None:
            self.collect = collect

    consumer, reader = Consumer(), Reader()
    turns.watch(consumer, reader)
    turns.consume("outer")
    assert taken == ["outer", "inner"]
    assert reader.collect() == "collected"


@pytest.fixture(autouse=True)
def _no_alarm_left() -> Iterator[None]:
    yield
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
