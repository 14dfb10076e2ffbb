"""Records as OTLP, read back by the official protobuf classes."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from clientobs.drain.otlp.encode import Encoder, assemble
from clientobs.journal.records import LogRecord, MetricsRecord, SpanEvent, SpanLink, SpanRecord
from support.items import CONTEXTS, HEADER, NOW, SESSION, log, metrics, span
from support.otlp_messages import REQUESTS, Signal
from support.otlp_receiver import plain, plain_attributes

if TYPE_CHECKING:
    from clientobs.drain.batch import Item

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.just({}),
    st.just({"a": 1}),
)


def decoded(signal: Signal, *items: Item) -> Any:
    """Return the request of these items as the official class reads it; all must be encodable."""
    encoder = Encoder()
    encoded = [encoder.encode(item) for item in items]
    assert [one.error for one in encoded] == [""] * len(items)
    return REQUESTS[signal].FromString(assemble(encoded))


def only_span(item: Item) -> Span:
    request = decoded("traces", item)
    made: Span = request.resource_spans[0].scope_spans[0].spans[0]
    return made


def test_a_span_arrives_with_all_that_it_has() -> None:
    made = only_span(
        span(
            4,
            "write frame",
            parent_id=9,
            kind=2,
            trace_state="studio=1",
            status=2,
            status_message="disk full",
            attributes={"file.path": "/mnt/x.exr"},
            links=(SpanLink(21, 22, "a=b", {"why": "submission"}),),
            events=(SpanEvent("retry", NOW + 3, {"attempt": 2}),),
            dropped=(1, 2, 3),
        )
    )
    assert (made.trace_id, made.span_id) == ((5).to_bytes(16, "big"), (5).to_bytes(8, "big"))
    assert (made.parent_span_id, made.trace_state, made.flags) == ((9).to_bytes(8, "big"), "studio=1", 1)
    assert (made.name, made.kind) == ("write frame", Span.SPAN_KIND_CLIENT)
    assert (made.start_time_unix_nano, made.end_time_unix_nano) == (NOW + 4, NOW + 1004)
    assert (made.status.code, made.status.message) == (Status.STATUS_CODE_ERROR, "disk full")
    assert (made.events[0].name, made.events[0].time_unix_nano) == ("retry", NOW + 3)
    assert plain_attributes(made.events[0].attributes) == {"attempt": 2}
    assert made.links[0].trace_id == (21).to_bytes(16, "big")
    assert (made.links[0].span_id, made.links[0].trace_state) == ((22).to_bytes(8, "big"), "a=b")
    assert plain_attributes(made.links[0].attributes) == {"why": "submission"}
    counts = (made.dropped_attributes_count, made.dropped_events_count, made.dropped_links_count)
    assert counts == (1, 2, 3)


@pytest.mark.parametrize("kind", range(5))
def test_each_span_kind_is_otlps_own(kind: int) -> None:
    names = ["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
    assert Span.SpanKind.Name(only_span(span(kind=kind)).kind) == f"SPAN_KIND_{names[kind]}"


def test_a_root_span_has_no_parent_at_all() -> None:
    assert only_span(span(parent_id=0)).parent_span_id == b""


def test_context_and_session_are_written_out_on_each_span_and_log() -> None:
    expected = {"production.shot": "sh010", "session.id": SESSION, "index": 0}
    assert plain_attributes(only_span(span()).attributes) == expected
    record = decoded("logs", log()).resource_logs[0].scope_logs[0].log_records[0]
    uid = {"log.record.uid": f"{HEADER.run}-bulk-0"}
    assert plain_attributes(record.attributes) == {**expected, **uid}


def test_the_session_is_there_without_a_context() -> None:
    assert plain_attributes(only_span(span(context=0)).attributes) == {"session.id": SESSION, "index": 0}


def test_a_context_that_is_missing_costs_no_record() -> None:
    made = only_span(span(context=99, scope=98))
    assert plain_attributes(made.attributes) == {"session.id": SESSION, "index": 0}


def test_what_a_record_says_of_itself_wins_over_its_context() -> None:
    made = only_span(span(attributes={"production.shot": "sh999", "session.id": "own"}))
    assert plain_attributes(made.attributes) == {"production.shot": "sh999", "session.id": "own"}


def test_a_log_arrives_with_all_that_it_has() -> None:
    item = log(3, {"what": ["saved", 2]}, event_name="scene.saved", dropped=4)
    record = decoded("logs", item).resource_logs[0].scope_logs[0].log_records[0]
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (NOW + 3, NOW + 8)
    assert (record.severity_number, record.severity_text) == (9, "INFO")
    assert (plain(record.body), record.event_name) == ({"what": ["saved", 2]}, "scene.saved")
    assert (record.trace_id, record.span_id) == ((7).to_bytes(16, "big"), (8).to_bytes(8, "big"))
    assert (record.flags, record.dropped_attributes_count) == (1, 4)


def test_the_uid_of_a_log_is_run_lane_and_sequence() -> None:
    vital = replace(HEADER, lane="vital")
    assert {log(5).uid, log(5, header=vital).uid, log(6).uid} == {
        f"{HEADER.run}-bulk-5",
        f"{HEADER.run}-vital-5",
        f"{HEADER.run}-bulk-6",
    }


def test_records_are_grouped_by_resource_and_scope_and_never_mixed() -> None:
    other = replace(HEADER, run="b2" * 16, resource={"service.name": "loader"})
    request = decoded(
        "traces", span(1), span(2, header=other), span(3), span(4, scope=0), span(5, header=other)
    )
    found = [
        (plain_attributes(group.resource.attributes)["service.name"], scoped.scope.name, one.name)
        for group in request.resource_spans
        for scoped in group.scope_spans
        for one in scoped.spans
    ]
    assert found == [
        ("publisher", "clientobs.files", "span 1"),
        ("publisher", "clientobs.files", "span 3"),
        ("publisher", "", "span 4"),
        ("loader", "clientobs.files", "span 2"),
        ("loader", "clientobs.files", "span 5"),
    ]


def test_a_run_whose_resource_changed_between_segments_keeps_both() -> None:
    later = replace(HEADER, number=2, resource={"service.name": "renamed"})
    request = decoded("traces", span(1), span(2, header=later))
    names = [plain_attributes(group.resource.attributes)["service.name"] for group in request.resource_spans]
    assert names == ["publisher", "renamed"]


def test_a_scope_arrives_whole() -> None:
    scoped = decoded("traces", span()).resource_spans[0].scope_spans[0]
    assert (scoped.scope.name, scoped.scope.version) == ("clientobs.files", "1.2")
    assert plain_attributes(scoped.scope.attributes) == {"part": "instrument"}
    assert scoped.schema_url == "https://schemas.example/1"


def test_the_same_number_in_another_segment_is_another_context() -> None:
    encoder = Encoder()
    other = {number: replace(record, values=dict(record.values)) for number, record in CONTEXTS.items()}
    other[2].values["name"] = "clientobs.http"
    encoded = [encoder.encode(span(1)), encoder.encode(replace(span(2), contexts=other))]
    request = REQUESTS["traces"].FromString(assemble(encoded))
    names = [scoped.scope.name for scoped in request.resource_spans[0].scope_spans]
    assert names == ["clientobs.files", "clientobs.http"]


def test_the_same_items_make_the_same_bytes_also_from_another_process() -> None:
    items = [span(1), log(2), span(3, attributes={"z": 1, "a": {"y": 1, "x": 2}})]
    first, second = Encoder(), Encoder()
    for item in items:
        first.encode(item)
    assert assemble([first.encode(item) for item in items]) == assemble(
        [second.encode(item) for item in items]
    )


def metric_of(shape: tuple[Any, ...]) -> metrics_pb2.Metric:
    request = decoded("metrics", metrics(shape))
    made: metrics_pb2.Metric = request.resource_metrics[0].scope_metrics[0].metrics[0]
    return made


def test_a_sum_arrives_cumulative_with_its_exemplars() -> None:
    exemplar = (3, NOW, 21, 22, {"file": "a"})
    made = metric_of(
        (2, "saves", "{save}", "Saved.", "sum", True, [({"dcc": "maya"}, 3, NOW, NOW + 1, [exemplar])])
    )
    point = made.sum.data_points[0]
    assert (made.name, made.unit, made.description) == ("saves", "{save}", "Saved.")
    assert (made.sum.is_monotonic, made.sum.aggregation_temporality) == (
        True,
        metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE,
    )
    assert (point.as_int, point.start_time_unix_nano, point.time_unix_nano) == (3, NOW, NOW + 1)
    assert plain_attributes(point.attributes) == {"dcc": "maya"}
    assert (point.exemplars[0].as_int, point.exemplars[0].trace_id) == (3, (21).to_bytes(16, "big"))
    assert plain_attributes(point.exemplars[0].filtered_attributes) == {"file": "a"}


def test_a_gauge_and_a_value_beyond_64_bits_arrive_as_numbers() -> None:
    made = metric_of((0, "load", "1", "", "gauge", False, [({}, 0.5, 0, NOW, []), ({}, 1 << 70, 0, NOW, [])]))
    assert [point.as_double for point in made.gauge.data_points] == [0.5, float(1 << 70)]


def test_a_histogram_arrives_with_its_buckets() -> None:
    point: tuple[Any, ...] = ({}, (3, 6.0, 1.0, 3.0, [1.5, 2.5], [1, 1, 1]), NOW, NOW + 1, [])
    made = metric_of((2, "duration", "s", "", "histogram", False, [point])).histogram
    (got,) = made.data_points
    assert (got.count, got.sum, got.min, got.max) == (3, 6.0, 1.0, 3.0)
    assert (list(got.explicit_bounds), list(got.bucket_counts)) == ([1.5, 2.5], [1, 1, 1])
    assert made.aggregation_temporality == metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE


def test_metrics_of_two_scopes_in_one_record_stay_apart() -> None:
    point: list[Any] = [({}, 1, NOW, NOW, [])]
    item = metrics((2, "a", "", "", "sum", True, point), ("vitals", "b", "", "", "sum", True, point))
    request = decoded("metrics", item)
    found = [
        (scoped.scope.name, scoped.metrics[0].name) for scoped in request.resource_metrics[0].scope_metrics
    ]
    assert found == [("clientobs.files", "a"), ("vitals", "b")]


@pytest.mark.parametrize(
    "item", [span(trace_id=0), span(span_id=0), metrics((0, "x", "", "", "sketch", False, []))]
)
def test_what_otlp_cannot_hold_is_said_and_leaves_the_others_alone(item: Item) -> None:
    encoder = Encoder()
    broken, sound = encoder.encode(item), encoder.encode(span(1))
    assert broken.error.startswith("cannot be encoded")
    assert assemble([broken, sound]) == assemble([sound])


@given(st.data())
def test_a_record_of_any_content_never_raises(data: st.DataObject) -> None:
    """Each field may hold anything at all; what is encoded must be readable by the official classes."""
    kinds: list[tuple[Signal, Item]] = [("traces", span()), ("logs", log()), ("metrics", metrics())]
    signal, item = data.draw(st.sampled_from(kinds))
    record = item.record
    assert isinstance(record, SpanRecord | LogRecord | MetricsRecord)
    names = st.lists(st.sampled_from([one.name for one in fields(record)]), min_size=1, max_size=4)
    changed = replace(record, **{name: data.draw(ODD) for name in data.draw(names)})
    encoded = Encoder().encode(replace(item, record=changed))
    REQUESTS[signal].FromString(assemble([encoded]))
