"""Somebody is told before a span ends, and spans that nobody asked about pay nothing."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import INVALID_SPAN

import clientobs
from clientobs.record.endings import before_end
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs._guarded import Faults
    from clientobs.runtime.runtime import Runtime


@pytest.fixture
def quiet_runtime(home: Path) -> Any:
    yield clientobs.init("endings", profile="minimal")
    clientobs.shutdown()


def test_attributes_can_still_be_set_and_callbacks_come_once_in_order(
    quiet_runtime: Runtime, home: Path
) -> None:
    calls: list[str] = []

    def first(ending: Any) -> None:
        calls.append("one")
        ending.set_attribute("sum", 3)

    with clientobs.span("work") as span:
        assert before_end(span, first)
        assert before_end(span, lambda _: calls.append("two"))
    span.end()
    assert calls == ["one", "two"]
    clientobs.shutdown()
    assert seen(home).span("work").attributes["sum"] == 3


def test_a_span_of_the_application_s_own_provider_is_heard_too() -> None:
    calls: list[Any] = []
    with TracerProvider().get_tracer("theirs").start_as_current_span("theirs") as span:
        assert before_end(span, calls.append)
    assert calls == [span]
    assert span.end_time is not None  # type: ignore[attr-defined]
    assert "end" not in vars(span)


def test_an_end_time_that_was_given_stays() -> None:
    span = TracerProvider().get_tracer("x").start_span("x", start_time=1)
    before_end(span, lambda _: None)
    span.end(5)
    assert span.end_time == 5  # type: ignore[attr-defined]


def test_a_span_that_is_not_recorded_says_no() -> None:
    assert not before_end(INVALID_SPAN, lambda _: None)


def fail(ending: Any) -> None:
    raise RuntimeError(ending)


def test_a_fault_in_a_callback_ends_no_less(quiet_runtime: Runtime, lenient_faults: Faults) -> None:
    with clientobs.span("work") as span:
        before_end(span, fail)
    assert span.end_time is not None  # type: ignore[union-attr]
    assert lenient_faults.counts() == {"span.before_end": 1}


def test_no_span_is_kept_alive(quiet_runtime: Runtime) -> None:
    with clientobs.span("work") as span:
        before_end(span, lambda _: None)
    gc.disable()
    try:
        gone = weakref.ref(span)
        del span
        assert gone() is None
    finally:
        gc.enable()
