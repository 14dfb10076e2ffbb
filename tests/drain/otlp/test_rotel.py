"""What a decoder that shares no code with ours makes of our requests, over HTTP and gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clientobs.journal.records import SpanEvent, SpanLink
from support.items import NOW, SESSION, batch, log, metrics, span, spans
from support.otlp_receiver import OtlpReceiver, plain, plain_attributes
from support.rotel_agent import Rotel, available, run_rotel
from support.senders import Address, deliver_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.senders import Delivery

pytestmark = pytest.mark.skipif(
    not available(), reason="rotel's wheel and binary are for CPython 3.11 on Linux alone"
)


@pytest.fixture(scope="module")
def beyond() -> Iterator[OtlpReceiver]:
    """Return the receiver that rotel forwards to."""
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def rotel(beyond: OtlpReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotel]:
    with run_rotel(tmp_path_factory.mktemp("rotel"), beyond.base) as running:
        yield running


@pytest.fixture(params=["http/protobuf", "grpc"])
def delivery(
    request: pytest.FixtureRequest, rotel: Rotel, beyond: OtlpReceiver, tmp_path: Path
) -> Iterator[Delivery]:
    beyond.clear()
    target = Address(rotel.grpc_url) if request.param == "grpc" else rotel
    with deliver_to(target, tmp_path, protocol=request.param) as senders:
        yield senders


def test_spans_mean_the_same_to_another_decoder(delivery: Delivery, beyond: OtlpReceiver) -> None:
    item = span(
        4,
        "écrire \udcff",
        parent_id=9,
        kind=3,
        trace_state="studio=1",
        status=2,
        status_message="disk full",
        attributes={"int": -5, "float": 0.25, "bool": True, "list": ["a", 1], "map": {"k": b"\x00\xff"}},
        links=(SpanLink(21, 22, "a=b", {"why": "submission"}),),
        events=(SpanEvent("retry", NOW + 3, {"attempt": 2}),),
        dropped=(1, 2, 3),
    )
    assert delivery.traces.send(batch("traces", item)).delivered == 1
    beyond.wait_for(beyond.spans)
    (got,) = beyond.spans()
    assert (got.record.name, got.record.kind, got.record.trace_state) == ("écrire \\udcff", 4, "studio=1")
    assert (got.record.status.code, got.record.status.message) == (2, "disk full")
    assert got.attributes == {
        "int": -5,
        "float": 0.25,
        "bool": True,
        "list": ["a", 1],
        "map": {"k": b"\x00\xff"},
        "production.shot": "sh010",
        "session.id": SESSION,
    }
    assert got.record.trace_id == (5).to_bytes(16, "big")
    assert (got.record.start_time_unix_nano, got.record.end_time_unix_nano) == (NOW + 4, NOW + 1004)
    assert plain_attributes(got.record.events[0].attributes) == {"attempt": 2}
    assert plain_attributes(got.record.links[0].attributes) == {"why": "submission"}
    assert (got.resource["service.name"], got.scope) == ("publisher", "clientobs.files")
    assert got.record.dropped_links_count == 3


def test_logs_mean_the_same_to_another_decoder(delivery: Delivery, beyond: OtlpReceiver) -> None:
    item = log(3, {"what": ["saved", 2]}, severity=17, severity_text="ERROR")
    assert delivery.logs.send(batch("logs", item)).delivered == 1
    beyond.wait_for(beyond.logs)
    (got,) = beyond.logs()
    assert (plain(got.record.body), got.record.severity_number) == ({"what": ["saved", 2]}, 17)
    assert got.attributes["log.record.uid"] == item.uid
    assert got.record.span_id == (8).to_bytes(8, "big")


def test_metrics_mean_the_same_to_another_decoder(delivery: Delivery, beyond: OtlpReceiver) -> None:
    histogram: tuple[Any, ...] = ({"op": "open"}, (3, 6.0, 1.0, 3.0, [1.5, 2.5], [1, 1, 1]), NOW, NOW + 1, [])
    item = metrics(
        (2, "saves", "{save}", "Saved.", "sum", True, [({"dcc": "maya"}, 3, NOW, NOW + 1, [])]),
        (2, "open.duration", "s", "", "histogram", False, [histogram]),
    )
    assert delivery.senders["metrics"].send(batch("metrics", item)).delivered == 1
    beyond.wait_for(lambda: len(beyond.metrics()) == 2)
    saves, duration = sorted((got.record for got in beyond.metrics()), key=lambda one: one.name, reverse=True)
    assert (saves.sum.data_points[0].as_int, saves.sum.is_monotonic) == (3, True)
    assert list(duration.histogram.data_points[0].bucket_counts) == [1, 1, 1]


def test_a_thousand_spans_arrive_once_each(delivery: Delivery, beyond: OtlpReceiver) -> None:
    assert delivery.traces.send(spans(1000)).delivered == 1000
    beyond.wait_for(lambda: len(beyond.spans()) >= 1000)
    names = [got.record.name for got in beyond.spans()]
    assert sorted(names) == sorted(f"span {index}" for index in range(1000))


def test_an_empty_request_is_accepted_as_the_control_expects(delivery: Delivery) -> None:
    assert delivery.traces._transport.post(b"").action.value == "accepted"
