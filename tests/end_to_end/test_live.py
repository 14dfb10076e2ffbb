"""While the host runs: what it records is at the endpoint, by every way of delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clientobs.drain.service import lines, service
from clientobs.runtime import chores, keeper
from support.otlp_grpc_receiver import OtlpGrpcReceiver
from support.workstation import Workstation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.otlp_inbox import Inbox

RECORD = """
    clientobs.init("publisher", version="1.4.0")
    with clientobs.context(project="demo", shot="sq010_sh020"):
        with clientobs.span("publish", frames=48):
            clientobs.event("asset.published", "It is out")
            clientobs.counter("published").add(1)
    say(None)
    wait()
"""


@pytest.fixture
def grpc_receiver() -> Iterator[OtlpGrpcReceiver]:
    with OtlpGrpcReceiver() as opened:
        yield opened


def assert_all_arrives(inbox: Inbox, desk: Workstation, **environ: str) -> None:
    """Run a host that records one of each, and find all of it while the host still runs."""
    host = desk.start(RECORD, environ=environ)
    host.heard()
    inbox.wait_for(lambda: inbox.spans() and len(inbox.logs_in_order()) == 2, 30)
    (span,) = inbox.spans()
    assert (span.record.name, span.attributes["frames"]) == ("publish", 48)
    assert span.attributes["production.shot"] == "sq010_sh020"
    assert span.resource["service.name"] == "publisher"
    start, event = inbox.logs_in_order()
    assert [start.record.event_name, event.record.event_name] == ["session.start", "asset.published"]
    assert event.record.body.string_value == "It is out"
    assert event.record.span_id == span.record.span_id
    assert event.attributes["session.id"] == span.attributes["session.id"]
    inbox.wait_for(lambda: [one for one in inbox.metrics() if one.record.name == "published"], 30)
    assert host.process.poll() is None
    assert host.end() == 0


def test_a_span_a_log_and_a_metric_arrive_while_the_host_runs(receiver: Inbox, desk: Workstation) -> None:
    assert_all_arrives(receiver, desk)
    (drain,) = desk.drains()
    assert "clientobs" in " ".join(drain.cmdline())


def test_the_waits_on_the_way_of_a_record_add_up_to_less_than_5_seconds() -> None:
    # The limit of the design, held without a clock: each wait is one of these constants.
    by_the_drain = service.POLL + lines.LINGER
    assert by_the_drain <= 5
    assert chores._METRICS_EVERY + keeper._TICK + by_the_drain <= 5


def test_they_arrive_over_grpc_too(tmp_path: Path, grpc_receiver: OtlpGrpcReceiver) -> None:
    with Workstation(tmp_path, grpc_receiver.base, OTEL_EXPORTER_OTLP_PROTOCOL="grpc") as desk:
        assert_all_arrives(grpc_receiver, desk)


def test_they_arrive_by_a_thread_of_the_host(receiver: Inbox, desk: Workstation) -> None:
    assert_all_arrives(receiver, desk, CLIENTOBS_DRAIN="thread")
    assert desk.drains() == []
