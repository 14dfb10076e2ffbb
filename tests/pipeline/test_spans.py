"""What the span processor writes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import clientobs
from clientobs._clock import Clock
from clientobs.journal.format import Kind
from clientobs.pipeline.lean import LeanSpan
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

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
