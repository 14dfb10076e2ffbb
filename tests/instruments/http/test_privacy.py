"""What a request carries, and what is kept of its URL."""

from __future__ import annotations

import http.client
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once

import clientobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from instruments.http.conftest import Wire


def ask(wire: Wire, path: str = "/size/5", **headers: str) -> dict[str, str]:
    """Ask the server, and return the headers that it got."""
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", path, headers=headers)
    connection.getresponse().read()
    connection.close()
    return wire.web.asked[-1][2]


def test_no_header_is_added_unless_a_host_is_listed(wire: Wire) -> None:
    with clientobs.context(project="secret_show"), clientobs.span("work"):
        got = ask(wire)
    assert sorted(got) == ["accept-encoding", "host"]


def test_a_listed_host_gets_traceparent_and_nothing_else(start: Callable[..., Wire]) -> None:
    wire = start(privacy={"propagate_to": ["*.studio.example", "127.0.0.*"]})
    token = context.attach(baggage.set_baggage("show", "secret_show"))
    with clientobs.context(project="secret_show"), clientobs.span("work"):
        got = ask(wire)
    context.detach(token)
    span = wire.request()
    assert got.pop("traceparent") == f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.flags:02x}"
    assert sorted(got) == ["accept-encoding", "host"]


def test_a_traceparent_of_the_program_s_own_is_left_alone(start: Callable[..., Wire]) -> None:
    wire = start(privacy={"propagate_to": ["*"]})
    own = f"00-{'1' * 32}-{'2' * 16}-01"
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", "/size/5", headers={"TraceParent": own})
    connection.getresponse().read()
    connection.close()
    assert wire.web.asked[-1][2]["traceparent"] == own


def test_a_host_that_looks_like_a_listed_one_gets_nothing(start: Callable[..., Wire]) -> None:
    wire = start(privacy={"propagate_to": ["27.0.0.1", "*.0.0"]})
    assert "traceparent" not in ask(wire)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/a?access_token=hunter2&page=2", "/a?access_token=[redacted]&page=2"),
        (
            "/b?X-Amz-Credential=hunter2&X-Amz-Signature=hunter2&X-Amz-Security-Token=hunter2",
            "/b?X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]&X-Amz-Security-Token=[redacted]",
        ),
        (
            "/c?AWSAccessKeyId=hunter2&Signature=hunter2&Expires=1",
            "/c?AWSAccessKeyId=[redacted]&Signature=[redacted]&Expires=1",
        ),
        ("/d?sv=2022&sig=hunter2", "/d?sv=2022&sig=[redacted]"),
        ("/e?X-Goog-Signature=hunter2", "/e?X-Goog-Signature=[redacted]"),
        ("/f?api_key=hunter2&author=kim&keyframe=12", "/f?api_key=[redacted]&author=kim&keyframe=12"),
        ("/login/ghp_hunter2hunter2hunter2hunter2", "/login/[redacted]"),
        ("/g?password=hunter2", "/g?password=[redacted]"),
    ],
)
def test_secrets_in_a_url_are_recorded_nowhere(wire: Wire, path: str, kept: str) -> None:
    ask(wire, path.replace("/a?", "/size/1?"))
    span = wire.request()
    assert span.attributes["url.full"] == wire.url(kept.replace("/a?", "/size/1?"))
    for segment in wire.home.glob("v1/*/*.seg"):
        assert b"hunter2" not in segment.read_bytes()


def test_a_login_in_a_url_that_a_proxy_gets_is_not_recorded(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", "http://kim:hunter2@tracker.studio.example:8080/size/5")
    connection.getresponse().read()
    connection.close()
    told = wire.request().attributes
    assert told["url.full"] == "http://[redacted]@tracker.studio.example:8080/size/5"
    assert (told["server.address"], told["server.port"]) == ("tracker.studio.example", 8080)


@pytest.fixture
def _unset_provider() -> Iterator[None]:
    """Leave no provider behind: other tests begin where a fresh interpreter does."""
    yield
    clientobs.shutdown()
    trace._TRACER_PROVIDER = None
    trace._TRACER_PROVIDER_SET_ONCE = Once()


@pytest.mark.usefixtures("_unset_provider")
def test_an_application_s_own_exporter_sees_the_clean_url(wire: Wire) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    ask(wire, "/size/5?token=hunter2")
    (span,) = exporter.get_finished_spans()
    assert "hunter2" not in str(dict(span.attributes or {}))
    assert span.end_time is not None
    assert span.start_time is not None
    assert 0 < span.end_time - span.start_time < 60_000_000_000


def test_no_header_and_no_body_is_recorded(wire: Wire) -> None:
    request = urllib.request.Request(
        wire.url("/size/5"),
        data=b"the body hunter2",
        headers={"Authorization": "Bearer hunter2", "X": "hunter2"},
    )
    urllib.request.urlopen(request).close()
    wire.recorded()
    for segment in wire.home.glob("v1/*/*.seg"):
        assert b"hunter2" not in segment.read_bytes()


@pytest.mark.parametrize("host", ["", "[::1", "a" * 5000, "\x00", "tr\u00e4cker"])
def test_odd_hosts_fail_as_they_do_without_us(wire: Wire, host: str) -> None:
    def attempt() -> tuple[type, str]:
        try:
            connection = http.client.HTTPConnection(host, 9, timeout=1)
            connection.request("GET", "/")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is compared
            return type(error), str(error)
        raise AssertionError("nobody listens there")

    with_us: Any = attempt()
    clientobs.uninstrument("http")
    assert with_us == attempt()
