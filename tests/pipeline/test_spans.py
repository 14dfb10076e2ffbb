"""What the span processor writes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import clientobs
from clientobs._clock import Clock
from clientobs.journal.format import Kind
from clientobs.pipeline.lean import LeanSpan
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from clientobs._guarded import Faults
    from clientobs.runtime.runtime import Runtime


def test_our_spans_are_lean_on_this_release_of_the_sdk(runtime: Runtime) -> None:
    """Fails when an SDK release has other fields: spans are right then, but slow (see lean.py)."""
    with clientobs.span("x") as span:
        assert type(span) is LeanSpan


def test_a_lean_span_is_written_as_the_sdks_own(runtime: Runtime, home: Path) -> None:
    def work(tracer: trace.Tracer, name: str) -> None:
        link = trace.Link(trace.SpanContext(5, 6, is_remote=True), {"why": "test"})
        with tracer.start_as_current_span(
            name, kind=trace.SpanKind.CLIENT, attributes={"a": [1, 2]}, links=[link]
        ) as span:
            span.add_event("half", {"done": 0.5}, timestamp=77)
            span.set_attribute("b", True)
            span.update_name(name + ".renamed")
            span.set_status(trace.StatusCode.ERROR, "because")

    ours = trace.get_tracer_provider()
    theirs = TracerProvider(shutdown_on_exit=False)
    theirs.add_span_processor(ours._active_span_processor._span_processors[0])  # type: ignore[attr-defined]
    work(ours.get_tracer("x"), "lean")
    work(theirs.get_tracer("x"), "sdk")
    records = seen(home)
    lean, sdk = records.span("lean.renamed"), records.span("sdk.renamed")
    for name in ("kind", "attributes", "links", "events", "status", "status_message", "dropped", "flags"):
        assert getattr(lean, name) == getattr(sdk, name), name
    assert lean.attributes == {"a": [1, 2], "b": True}


def test_a_started_span_is_written_before_its_end(runtime: Runtime, home: Path) -> None:
    with clientobs.span("long", shot="sh010"):
        started = [one.record for one in seen(home).of(Kind.SPAN_STARTED)]
        assert {span.name for span in started} == {"long"}
        assert started[0].attributes == {"shot": "sh010"}
        assert started[0].end_ns == 0


def test_explicit_times_stay_and_own_times_are_monotonic(
    runtime: Runtime, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer = trace.get_tracer("x")
    tracer.start_span("given", start_time=1_000_000_000).end(3_000_000_000)
    span = tracer.start_span("own")
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3_600 * 10**9)  # somebody set the clock back
    span.end()
    records = seen(home)
    assert (records.span("given").start_ns, records.span("given").end_ns) == (1_000_000_000, 3_000_000_000)
    own = records.span("own")
    assert 0 <= own.end_ns - own.start_ns < 60 * 10**9


def test_the_clock_takes_a_new_anchor_only_after_a_jump() -> None:
    wall, mono = 10**18, 5
    clock = Clock(wall=lambda: wall, mono=lambda: mono)
    mono += 10**9
    wall += 10**9 + 10**6
    assert not clock.renew()
    wall += 3_600 * 10**9
    assert clock.renew()
    assert clock.now() == wall


def test_span_limits_of_the_specification_hold(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2")
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "1")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    runtime = clientobs.init("tool")
    try:
        with clientobs.span("limited", a="123456", b=2, c=3) as span:
            span.add_event("one")
            span.add_event("two")
        with clientobs.span("plain", a=1, b=2, c=3, d=4):
            pass
        assert runtime.loss.totals()["attributes"] == 1 + 2
    finally:
        clientobs.shutdown()
    limited = seen(home).span("limited")
    assert len(limited.attributes) == 2
    assert [event.name for event in limited.events] == ["two"]
    assert limited.dropped == (1, 1, 0)


def test_a_span_with_huge_events_keeps_the_newest_and_counts_the_rest(runtime: Runtime, home: Path) -> None:
    with clientobs.span("busy") as span:
        for number in range(100):
            span.add_event(f"event {number}", {f"key{key}": "x" * 20_000 for key in range(6)})
    busy = seen(home).span("busy")
    assert 1 <= len(busy.events) < 100
    assert busy.events[-1].name == "event 99"
    assert busy.dropped[1] == 100 - len(busy.events)
    assert "oversize" not in runtime.loss.totals()


def test_a_span_whose_start_could_not_be_written_is_written_at_its_end(
    runtime: Runtime, home: Path, monkeypatch: pytest.MonkeyPatch, lenient_faults: Faults
) -> None:
    processor = trace.get_tracer_provider()._active_span_processor._span_processors[0]  # type: ignore[attr-defined]

    def broken(*_: object) -> None:
        raise MemoryError

    for step in ("_number_in", "_redact", "_started"):
        with monkeypatch.context() as patch:
            patch.setattr(processor, step, broken)
            span = clientobs.span(step, shot="sh010")
            span.__enter__()
        span.__exit__(None, None, None)
    records = seen(home)
    assert lenient_faults.counts() == {"spans.start": 3}
    assert [(one.name, one.attributes) for one in records.spans] == [
        (step, {"shot": "sh010"}) for step in ("_number_in", "_redact", "_started")
    ]
    assert runtime.loss.totals() == {}


def test_a_span_that_is_ended_again_is_written_once(runtime: Runtime, home: Path) -> None:
    processor = trace.get_tracer_provider()._active_span_processor._span_processors[0]  # type: ignore[attr-defined]
    span = trace.get_tracer("x").start_span("once")
    span.end()
    processor.on_end(span)  # as `LeanSpan.end` does where Ctrl-C came in the middle of it
    assert [one.name for one in seen(home).spans] == ["once"]


def test_the_children_of_a_span_that_is_not_recorded_are_counted(runtime: Runtime, home: Path) -> None:
    parent = trace.SpanContext(5, 6, is_remote=True, trace_flags=trace.TraceFlags(0))
    within = trace.set_span_in_context(trace.NonRecordingSpan(parent))
    assert not trace.get_tracer("x").start_span("child", within).is_recording()
    assert runtime.loss.totals() == {"sampling": 1}
    assert seen(home).spans == []


def test_a_span_that_is_left_out_has_the_identity_that_the_sdk_would_give_it(home: Path) -> None:
    clientobs.init("tool", limits={"storm_per_minute": 1})
    ours, sdk = (
        trace.get_tracer("x"),
        TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("x"),
    )
    state = trace.TraceState([("vendor", "1")])
    parent = trace.SpanContext(5, 6, is_remote=True, trace_flags=trace.TraceFlags(3), trace_state=state)
    within = trace.set_span_in_context(trace.NonRecordingSpan(parent))
    for context in (None, within):
        ours.start_span("storm", context)
        found, expected = (one.start_span("storm", context) for one in (ours, sdk))
        assert type(found) is type(expected) is trace.NonRecordingSpan
        mine, theirs = found.get_span_context(), expected.get_span_context()
        assert mine.is_valid
        assert (
            (mine.is_remote, mine.trace_flags & 1) == (theirs.is_remote, theirs.trace_flags & 1) == (False, 0)
        )
        assert (mine.trace_id == 5) is (theirs.trace_id == 5) is (context is within)
        if context is within:
            assert mine.trace_flags == theirs.trace_flags
            assert mine.trace_state == state
    clientobs.shutdown()


def test_a_storm_is_thinned_by_name_and_counted(home: Path) -> None:
    runtime = clientobs.init("tool", limits={"storm_per_minute": 100})
    for _ in range(1000):
        with clientobs.span("storm"):
            pass
    with clientobs.span("calm"):
        pass
    lost = runtime.loss.totals()["storm"]
    clientobs.shutdown()
    records = seen(home)
    kept = sum(span.name == "storm" for span in records.spans)
    assert kept + lost == 1000
    assert 100 <= kept < 200
    assert records.span("calm").status == 0
    assert records.notes("loss")[-1]["storm"] == lost
