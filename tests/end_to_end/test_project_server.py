"""The project server fails: what an endpoint receives of it, from an unchanged shotgun_api3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.otlp_inbox import plain_attributes
from support.web import WebServer

pytest.importorskip("shotgun_api3", reason="comes with the dependency group `test`")

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox, Telemetry
    from support.workstation import Workstation

TOOL = """
    import clientobs, sys, urllib.request
    clientobs.init("version-browser", version="2.3.0")
    import shotgun_api3
    server = sys.argv[1]

    def find_versions(tracker):
        for attempt in range(3):
            try:
                return tracker.find("Version", [["code", "is", "sh020_v012"]], ["code", "image"])
            except Exception as error:
                print(type(error).__name__)
        return None

    with clientobs.context(project="demo", shot="sq010_sh020"), clientobs.span("list versions"):
        tracker = shotgun_api3.Shotgun(server, script_name="browser", api_key="hunter2hunter2", connect=False)
        tracker.config.timeout_secs = 0.5
        assert find_versions(tracker) is None
        urllib.request.urlopen(server + "/size/7?X-Amz-Signature=hunter2hunter2&v=12").read()
"""


@pytest.fixture
def told(desk: Workstation, receiver: Inbox) -> list[Telemetry]:
    """Run the tool against a server that answers 500 and then keeps silent; return its spans in order."""
    with WebServer() as tracker:
        tracker.turns += [500, 0, 0]
        done = desk.run(TOOL, tracker.url(""))
    assert done.stdout.split() == ["ProtocolError", "TimeoutError", "TimeoutError"]
    assert [path for _, path, _, _ in tracker.asked[:3]] == ["/api3/json"] * 3
    carried = {name for _, _, headers, _ in tracker.asked for name in headers}
    assert not carried & {"traceparent", "tracestate", "baggage"}
    receiver.wait_for(lambda: len(receiver.spans()) == 5, 30)
    return sorted(receiver.spans(), key=lambda one: one.record.start_time_unix_nano)


@pytest.mark.diagnosis("failing-server")
def test_a_server_that_answers_500_and_then_nothing_can_be_told_from_what_arrives(
    told: list[Telemetry], desk: Workstation
) -> None:
    work, *attempts, thumbnail = told
    assert work.record.name == "list versions"
    for number, span in enumerate(attempts):
        assert span.record.name == "POST"
        assert span.record.kind == 3  # CLIENT, as OTLP counts
        assert span.record.parent_span_id == work.record.span_id
        assert span.record.trace_id == work.record.trace_id
        assert span.attributes["url.full"].endswith("/api3/json")
        assert span.attributes["server.address"] == "127.0.0.1"
        assert span.attributes.get("http.request.resend_count", 0) == number
        production = {"project": "demo", "shot": "sq010_sh020"}
        assert_always(span, desk, service=("version-browser", "2.3.0"), production=production)
        assert span.attributes["http.request.body.size"] > 10
        assert span.record.status.code == 2
    assert thumbnail.attributes["url.full"].endswith("/size/7?X-Amz-Signature=[redacted]&v=12")
    assert thumbnail.record.status.code == 0
    answered, silent, again = attempts
    assert answered.attributes["http.response.status_code"] == 500
    assert answered.attributes["error.type"] == "500"
    for span in (silent, again):
        assert "http.response.status_code" not in span.attributes
        assert span.attributes["error.type"] == "TimeoutError"
        assert "timed out" in span.record.status.message
        assert span.record.end_time_unix_nano - span.record.start_time_unix_nano >= 500_000_000


def test_the_requests_are_counted_by_outcome(told: list[Telemetry], receiver: Inbox) -> None:
    def found() -> set[str]:
        return {
            plain_attributes(point.attributes).get("error.type", "")
            for one in receiver.metrics()
            if one.record.name == "http.client.request.duration"
            for point in one.record.histogram.data_points
        }

    assert told
    try:
        receiver.wait_for(lambda: found() >= {"", "500", "TimeoutError"}, 60)
    except AssertionError:
        pytest.fail(f"only {found()} arrived")


def test_no_credential_is_in_what_arrives(told: list[Telemetry], receiver: Inbox) -> None:
    assert told
    assert not any(b"hunter2" in got.raw for got in receiver.requests)
