"""Who learns of whom: children and farm tasks of the trace and the shot, HTTP servers of neither show nor shot."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_inbox import Inbox, Telemetry
    from support.workstation import Workstation

CLIENT = """
    import urllib.request
    from opentelemetry import propagate, trace
    clientobs.init("tool")
    clientobs.set_context(project="secret-show")
    with clientobs.context(sequence="sq010", shot="secret-shot"), clientobs.span("request"):
        # As the instrumentations of requests, urllib3, httpx and aiohttp do it.
        headers = {}
        propagate.inject(headers)
        request = urllib.request.Request(sys.argv[1], headers=headers)
        urllib.request.urlopen(request).close()
"""
PARENT = """
    import subprocess
    clientobs.init("parent")
    with clientobs.context(project="demo", shot="sq010_sh020"), clientobs.span("submit"):
        environ = {**os.environ, **clientobs.carrier()}
        children = [
            subprocess.Popen(command, env={**environ, **variables})
            for variables, command in json.loads(sys.argv[1])
        ]
        assert [child.wait() for child in children] == [0] * len(children)
"""
CHILD = """
    clientobs.init(sys.argv[1])
    with clientobs.span("work"), clientobs.span("step"):
        clientobs.event("child.event")
"""
FARM_VARIABLES = ("CUE_FRAME_ID", "DEADLINE_SESSIONACTION_ID", "TR_ENV_JID", "SLURM_JOB_ID")


class _Service(ThreadingHTTPServer):
    daemon_threads = True
    seen: list[dict[str, str]]


class _Handler(BaseHTTPRequestHandler):
    server: _Service

    def do_GET(self) -> None:
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[_Service]:
    """Serve HTTP, and keep the headers of each request."""
    with _Service(("127.0.0.1", 0), _Handler) as opened:
        opened.seen = []
        thread = Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield opened
        opened.shutdown()


def test_no_http_request_carries_the_production_context(
    desk: Workstation, receiver: Inbox, service: _Service
) -> None:
    desk.run(CLIENT, f"http://127.0.0.1:{service.server_address[1]}/")
    (headers,) = service.seen
    assert "baggage" not in headers
    assert "secret" not in json.dumps(headers)
    receiver.wait_for(receiver.spans, 30)
    spans = receiver.spans()
    assert {span.attributes["production.shot"] for span in spans} == {
        "secret-shot"
    }  # it was there to be carried


def run_children(desk: Workstation, receiver: Inbox, *names: str) -> dict[tuple[str, str], Telemetry]:
    """Run a child for each name below a parent's span, with that variable set; return all spans by service and name.

    The parent has a span for each child, which hands on the parent's own carrier: it was given one.
    """
    children = [({name: "1"} if name.isupper() else {}, desk.command(CHILD, name)) for name in names]
    desk.run(PARENT, json.dumps(children))
    wanted = {("parent", "submit"), *((name, span) for name in names for span in ("work", "step"))}

    def found() -> dict[tuple[str, str], Telemetry]:
        return {(one.resource["service.name"], one.record.name): one for one in receiver.spans()}

    receiver.wait_for(lambda: wanted <= set(found()), 30)
    return found()


def test_a_plain_child_joins_the_trace_and_the_context_of_its_parent(
    desk: Workstation, receiver: Inbox
) -> None:
    spans = run_children(desk, receiver, "child")
    submit, work, step = spans["parent", "submit"], spans["child", "work"], spans["child", "step"]
    assert work.record.trace_id == step.record.trace_id == submit.record.trace_id
    assert work.record.parent_span_id == submit.record.span_id
    assert step.record.parent_span_id == work.record.span_id
    assert not work.record.links
    assert_in_context(work, step, submit)
    assert work.attributes["session.id"] != submit.attributes["session.id"]


def test_a_farm_task_opens_a_trace_of_its_own_and_links_to_the_submission(
    desk: Workstation, receiver: Inbox
) -> None:
    spans = run_children(desk, receiver, *FARM_VARIABLES)
    submit = spans["parent", "submit"].record
    traces = {submit.trace_id}
    for name in FARM_VARIABLES:
        work, step = spans[name, "work"], spans[name, "step"]
        traces.add(work.record.trace_id)
        assert work.record.trace_id == step.record.trace_id
        assert work.record.parent_span_id == b""
        (link,) = work.record.links
        assert (link.trace_id, link.span_id) == (submit.trace_id, submit.span_id)
        assert not step.record.links
        assert_in_context(work, step)
    assert len(traces) == 1 + len(FARM_VARIABLES)


def assert_in_context(*spans: Telemetry) -> None:
    for span in spans:
        assert span.attributes["production.project"] == "demo"
        assert span.attributes["production.shot"] == "sq010_sh020"
