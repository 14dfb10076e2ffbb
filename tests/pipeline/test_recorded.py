"""Exceptions that are recorded by OpenTelemetry's own `record_exception`, on spans of ours and of others."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import clientobs
from clientobs.pipeline.recorded import watch_record_exception
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clientobs._guarded import Faults
    from clientobs.runtime.runtime import Runtime

OURS, THEIRS = "ours", "the application's"


@pytest.fixture(params=[OURS, THEIRS])
def tracer(request: pytest.FixtureRequest, runtime: Runtime) -> trace.Tracer:
    """Give a tracer of clientobs, and one of a provider that the application has made itself."""
    provider: Any = trace.get_tracer_provider()
    if request.param == THEIRS:
        (processor,) = provider._active_span_processor._span_processors
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
    made: trace.Tracer = provider.get_tracer("studio.publish")
    return made


def read_plate(path: str) -> None:
    raise FileNotFoundError(2, "No such file", path)


def logged_and_recorded(span: Any, path: str, *, record: bool) -> None:
    try:
        read_plate(path)
    except OSError as error:
        if record:
            span.record_exception(error, {"shot": "sh010"})
        else:
            logging.getLogger("studio").exception("no plate")


def events_of(home: Path, name: str) -> list[dict[str, Any]]:
    return [event.attributes for event in seen(home).span(name).events if event.name == "exception"]


def test_it_has_the_fingerprint_that_the_same_fault_has_in_a_log(tracer: trace.Tracer, home: Path) -> None:
    with tracer.start_as_current_span("publish") as span:
        for record in (True, False):
            logged_and_recorded(span, "/plates/a.exr", record=record)
    (event,) = events_of(home, "publish")
    (logged,) = [log for log in seen(home).logs if log.body == "no plate"]
    assert event["exception.fingerprint"] == logged.attributes["exception.fingerprint"] != ""
    assert event["shot"] == "sh010"
    assert (event["exception.type"], event["exception.escaped"]) == ("FileNotFoundError", "False")
    assert "read_plate" in event["exception.stacktrace"]


def test_what_the_program_says_of_an_attribute_holds(tracer: trace.Tracer, home: Path) -> None:
    with tracer.start_as_current_span("publish") as span:
        span.record_exception(
            KeyError("a"), {"exception.fingerprint": "own", "exception.type": "T"}, 77, True
        )
    (event,) = seen(home).span("publish").events
    assert event.time_ns == 77
    assert event.attributes["exception.fingerprint"] == "own"
    assert event.attributes["exception.type"] == "T"
    assert event.attributes["exception.escaped"] == "True"


def test_one_that_leaves_an_open_telemetry_span_has_it_too(tracer: trace.Tracer, home: Path) -> None:
    with pytest.raises(FileNotFoundError), tracer.start_as_current_span("publish"):
        read_plate("/plates/a.exr")
    (event,) = events_of(home, "publish")
    assert event["exception.fingerprint"].startswith("1-")


def test_it_is_of_one_fault_with_the_headline_that_follows(tracer: trace.Tracer, home: Path) -> None:
    def publish() -> None:
        with clientobs.span("outer"), tracer.start_as_current_span("inner") as span:
            try:
                read_plate("/plates/a.exr")
            except OSError as error:
                span.record_exception(error)
                raise

    with pytest.raises(FileNotFoundError):
        publish()
    (headline,) = seen(home).events("exception")
    first = events_of(home, "inner")[0]
    assert first["fault.id"] == headline.attributes["fault.id"]
    assert first["exception.fingerprint"] == headline.attributes["exception.fingerprint"]


def test_nothing_of_span_or_exception_is_kept(tracer: trace.Tracer) -> None:
    def work() -> list[Callable[[], object]]:
        span = tracer.start_span("publish")
        error = type("Missing", (Exception,), {})()
        span.record_exception(error)
        span.end()
        return [weakref.ref(span), weakref.ref(error)]

    gc.disable()
    try:
        assert [alive() for alive in work()] == [None, None]
    finally:
        gc.enable()


def test_a_message_that_raises_stays_out_of_the_host(runtime: Runtime, home: Path) -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with clientobs.span("publish") as span:
        span.record_exception(BrokenError())
    (event,) = events_of(home, "publish")
    assert event["exception.message"] == "(message could not be read: RuntimeError)"


def test_a_fault_of_ours_leaves_the_sdk_s_own_event(lenient_faults: Faults) -> None:
    def breaks(_error: BaseException) -> dict[str, Any]:
        raise ZeroDivisionError

    span: Any = TracerProvider(shutdown_on_exit=False).get_tracer("x").start_span("publish")
    watch_record_exception(span, breaks)
    span.record_exception(KeyError("a"))
    assert [event.attributes["exception.type"] for event in span.events] == ["KeyError"]
    assert lenient_faults.counts() == {"spans.record_exception": 1}


def test_after_the_end_of_recording_a_span_is_the_sdk_s(runtime: Runtime) -> None:
    provider: Any = trace.get_tracer_provider()
    (processor,) = provider._active_span_processor._span_processors
    theirs = TracerProvider(shutdown_on_exit=False)
    theirs.add_span_processor(processor)
    span: Any = theirs.get_tracer("x").start_span("publish")
    clientobs.shutdown()
    span.record_exception(KeyError("a"))
    assert set(span.events[0].attributes) == {
        f"exception.{part}" for part in ("type", "message", "stacktrace", "escaped")
    }
