"""Global providers: set where none is, joined where one is, honoured where one comes later."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import opentelemetry.trace as trace_api
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once

import clientobs
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _unset_globals() -> Iterator[None]:
    """Leave no provider behind: other tests begin where a fresh interpreter does."""
    yield
    clientobs.shutdown()
    trace_api._TRACER_PROVIDER = None
    trace_api._TRACER_PROVIDER_SET_ONCE = Once()


def _exporting() -> tuple[TracerProvider, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def test_ours_is_set_where_none_is_and_gone_after_shutdown(home: Path) -> None:
    clientobs.init("tool")
    tracer = trace_api.get_tracer("requests")
    with tracer.start_as_current_span("GET"):
        pass
    clientobs.shutdown()
    assert trace_api._TRACER_PROVIDER is None
    assert seen(home).span("GET").end_ns > 0


def test_the_applications_provider_is_joined(home: Path) -> None:
    provider, exporter = _exporting()
    trace_api.set_tracer_provider(provider)
    clientobs.init("tool")
    with clientobs.span("both"):
        pass
    assert trace_api.get_tracer_provider() is provider
    assert [span.name for span in exporter.get_finished_spans()] == ["both"]
    assert seen(home).span("both").trace_id == exporter.get_finished_spans()[0].context.trace_id


def test_a_provider_set_after_ours_is_honoured_and_fed(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    clientobs.init("tool")
    early = trace_api.get_tracer("early")
    provider, exporter = _exporting()
    trace_api.set_tracer_provider(provider)
    assert trace_api.get_tracer_provider() is provider
    with clientobs.span("ours"), trace_api.get_tracer("late").start_as_current_span("theirs"):
        early.start_span("before").end()
    assert [span.name for span in exporter.get_finished_spans()] == ["theirs", "ours"]
    assert sorted(span.name for span in seen(home).spans) == ["before", "ours", "theirs"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_third_provider_is_refused_as_the_api_has_it(caplog: pytest.LogCaptureFixture) -> None:
    clientobs.init("tool")
    first, second = _exporting()[0], _exporting()[0]
    trace_api.set_tracer_provider(first)
    trace_api.set_tracer_provider(second)
    assert trace_api.get_tracer_provider() is first
    assert "Overriding" in caplog.text


def test_after_shutdown_a_joined_processor_is_silent(home: Path) -> None:
    provider, _ = _exporting()
    trace_api.set_tracer_provider(provider)
    clientobs.init("tool")
    clientobs.shutdown()
    with provider.get_tracer("x").start_as_current_span("after"):
        pass
    assert "after" not in [span.name for span in seen(home).spans]
