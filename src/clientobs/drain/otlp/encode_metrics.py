"""Metrics records as OTLP metrics. What is sent is cumulative: drain/metrics adds the deltas up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.metrics.v1 import metrics_pb2

from clientobs.drain.otlp.attributes import key_values, utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.journal.records import MetricsRecord

__all__ = ["encode_metrics"]

_CUMULATIVE: Final = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
_INT64: Final = range(-(1 << 63), 1 << 63)


def encode_metrics(record: MetricsRecord) -> Iterator[tuple[object, bytes]]:
    """Yield (scope, serialized Metric) for each metric; the shapes are those of MetricsRecord."""
    for scope, name, unit, description, kind, monotonic, points in record.metrics:
        metric = metrics_pb2.Metric(
            name=utf8(name), unit=utf8(unit or ""), description=utf8(description or "")
        )
        if kind == "sum":
            metric.sum.aggregation_temporality = _CUMULATIVE
            metric.sum.is_monotonic = bool(monotonic)
            metric.sum.data_points.extend([_number(point) for point in points])
        elif kind == "gauge":
            metric.gauge.data_points.extend([_number(point) for point in points])
        elif kind == "histogram":
            metric.histogram.aggregation_temporality = _CUMULATIVE
            metric.histogram.data_points.extend([_histogram(point) for point in points])
        else:
            raise ValueError(f"a metric of kind {kind!r}; known are sum, gauge and histogram")
        yield scope, metric.SerializeToString(deterministic=True)


def _number(point: tuple[Any, ...]) -> metrics_pb2.NumberDataPoint:
    attributes, value, start_ns, time_ns, exemplars = point[:5]
    made = metrics_pb2.NumberDataPoint(
        attributes=key_values(attributes),
        start_time_unix_nano=start_ns or 0,
        time_unix_nano=time_ns,
        exemplars=[_exemplar(one) for one in exemplars or ()],
    )
    if isinstance(value, int) and value in _INT64:
        made.as_int = value
    else:
        made.as_double = float(value)
    return made


def _histogram(point: tuple[Any, ...]) -> metrics_pb2.HistogramDataPoint:
    attributes, (count, total, low, high, bounds, buckets), start_ns, time_ns, exemplars = point[:5]
    made = metrics_pb2.HistogramDataPoint(
        attributes=key_values(attributes),
        start_time_unix_nano=start_ns or 0,
        time_unix_nano=time_ns,
        count=count,
        sum=total,
        bucket_counts=buckets,
        explicit_bounds=bounds,
        exemplars=[_exemplar(one) for one in exemplars or ()],
    )
    if count and low is not None and high is not None:
        made.min, made.max = low, high
    return made


def _exemplar(exemplar: tuple[Any, ...]) -> metrics_pb2.Exemplar:
    value, time_ns, trace_id, span_id, attributes = exemplar[:5]
    made = metrics_pb2.Exemplar(
        time_unix_nano=time_ns,
        trace_id=trace_id.to_bytes(16, "big") if trace_id else b"",
        span_id=span_id.to_bytes(8, "big") if span_id else b"",
        filtered_attributes=key_values(attributes or {}),
    )
    if isinstance(value, int) and value in _INT64:
        made.as_int = value
    else:
        made.as_double = float(value)
    return made
