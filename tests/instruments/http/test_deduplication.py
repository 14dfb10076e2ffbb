"""One client span a request, also where the official instrumentation of its library is on."""

from __future__ import annotations

import http.client
import importlib
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from opentelemetry import context as context_api
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import clientobs
from clientobs.drain.otlp.connection import Connection, Deadline

pytest.importorskip("opentelemetry.instrumentation.requests", reason="comes with the dependency group `test`")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from instruments.http.conftest import Wire


def ask_requests(url: str) -> None:
    with requests.Session() as session:
        assert session.get(url).content == b"xxxxx"


def ask_urllib3(url: str) -> None:
    with urllib3.PoolManager() as pool:
        assert pool.request("GET", url).data == b"xxxxx"


def ask_urllib(url: str) -> None:
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"xxxxx"


OFFICIAL = {
    "requests": ("requests", "RequestsInstrumentor", ask_requests),
    "urllib3": ("urllib3", "URLLib3Instrumentor", ask_urllib3),
    "urllib": ("urllib", "URLLibInstrumentor", ask_urllib),
}


@pytest.fixture(params=sorted(OFFICIAL))
def official(request: pytest.FixtureRequest, wire: Wire) -> Iterator[tuple[Any, Callable[[str], None]]]:
    module, name, ask = OFFICIAL[request.param]
    found = importlib.import_module(f"opentelemetry.instrumentation.{module}")
    instrumentor = getattr(found, name)()
    yield instrumentor, ask
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


def test_the_official_instrumentation_s_span_is_the_only_one(
    wire: Wire, official: tuple[Any, Callable[[str], None]]
) -> None:
    instrumentor, ask = official
    instrumentor.instrument()
    with clientobs.span("work"):
        ask(wire.url("/size/5"))
    found = wire.recorded()
    (span,) = [one for one in found.spans if one.kind == 2]
    (placed,) = [one for one in found.placed if one.record is span]
    assert str(placed.scope["name"]).startswith("opentelemetry.instrumentation.")


def test_ours_speaks_again_once_the_official_one_is_off(
    wire: Wire, official: tuple[Any, Callable[[str], None]]
) -> None:
    instrumentor, ask = official
    instrumentor.instrument()
    ask(wire.url("/size/5"))
    instrumentor.uninstrument()
    ask(wire.url("/size/5"))
    found = wire.recorded()
    scopes = [one.scope["name"] for one in found.placed if one.record in found.spans]
    assert len(scopes) == 2
    assert scopes[1] == "clientobs.instruments.http"


def test_a_failed_connection_is_told_once_as_well(wire: Wire) -> None:
    found = importlib.import_module("opentelemetry.instrumentation.requests")
    instrumentor = found.RequestsInstrumentor()
    instrumentor.instrument()
    try:
        with pytest.raises(requests.ConnectionError):
            requests.get("https://127.0.0.1:9/")
    finally:
        instrumentor.uninstrument()
    assert len(wire.requests()) == 1


@pytest.mark.parametrize("suppress", [suppress_instrumentation, suppress_http_instrumentation])
def test_a_context_that_suppresses_instrumentation_is_obeyed(wire: Wire, suppress: Any) -> None:
    with suppress():
        ask_urllib(wire.url("/size/5"))
    assert wire.requests() == []


def test_the_export_of_telemetry_is_no_request_of_the_program(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    for path in ("/v1/traces", "/otlp/v1/metrics", "/v1/logs?tenant=1"):
        connection.request("POST", path, b"")
        connection.getresponse().read()
    connection.request("GET", "/v1/traces")
    connection.getresponse().read()
    connection.close()
    assert [span.name for span in wire.requests()] == ["GET"]


def test_the_sdk_s_own_exporter_is_seen_by_nobody(wire: Wire) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=wire.url("/custom/path"))))
    provider.get_tracer("tool").start_span("exported elsewhere").end()
    provider.force_flush()
    provider.shutdown()
    assert [path for _, path, _, _ in wire.web.asked] == ["/custom/path"]
    assert wire.requests() == []


def test_the_drain_in_this_process_is_seen_by_nobody(wire: Wire) -> None:
    connection = Connection("127.0.0.1", wire.port)
    connection.deadline = Deadline(10)
    connection.request("POST", "/custom/path", b"")
    connection.getresponse().read()
    connection.close()
    assert wire.requests() == []


def test_the_context_that_a_request_ran_in_is_left_as_it_was(wire: Wire) -> None:
    before = context_api.get_current()
    ask_urllib(wire.url("/size/5"))
    assert context_api.get_current() is before
