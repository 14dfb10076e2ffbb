"""Metrics: the SDK's aggregation in the host, deltas into the journal, sums over all runs in the drain.

The SDK's metrics cost 37 ms to import and most tools never make an instrument: the provider below is what is
set as the global one, and becomes the SDK's (meters.py) at the first `get_meter`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics

from clientobs._fork import Loading
from clientobs._guarded import quiet
from clientobs.journal.format import Kind, Lane, encode_payload
from clientobs.pipeline.turns import OwnTurns
from clientobs.privacy.plain import INT_MAX, INT_MIN

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.util.types import Attributes

    from clientobs._loss import LossLedger
    from clientobs.pipeline.scopes import ScopeNumbers
    from clientobs.pipeline.spans import Redacts

__all__ = ["LazyMeterProvider", "MetricsSink"]

Append = Callable[[int, bytes, Lane, tuple[int, ...]], bool]


class MetricsSink:
    """Turn what the SDK collected into one METRICS record; the tuples are those of `MetricsRecord`."""

    def __init__(
        self, append: Append, redactor: Redacts, now: Callable[[], int], scopes: ScopeNumbers
    ) -> None:
        self._append = append
        self._redactor = redactor
        self._now = now
        self._scopes = scopes

    def write(self, data: MetricsData) -> None:
        """Write one collection; an empty one is not written."""
        numbers: set[int] = set()
        rows: list[tuple[Any, ...]] = []
        for resource_metrics in data.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                scope = self._scopes.of(scope_metrics.scope)
                numbers.add(scope)
                rows.extend(self._rows(scope, scope_metrics.metrics))
        if rows:
            self._append(Kind.METRICS, encode_payload((self._now(), tuple(rows))), "bulk", tuple(numbers))

    def add_distribution(
        self,
        scope: Any,
        since: int,
        name: str,
        unit: str,
        description: str,
        bounds: tuple[float, ...],
        series: Sequence[tuple[dict[str, Any], Sequence[int], float | None]],
    ) -> None:
        """Write histograms that were counted elsewhere, since a time in nanoseconds since the epoch."""
        now, number = self._now(), self._scopes.of(scope)
        points = tuple(
            (self._redactor.attributes(attributes), _value_of(bounds, counts, total), since, now, ())
            for attributes, counts, total in series
        )
        row = (number, self._redactor.name(name), unit, description, "histogram", False, points)
        self._append(Kind.METRICS, encode_payload((now, (row,))), "bulk", (number,))

    def add_sum(
        self,
        scope: Any,
        since: int,
        name: str,
        unit: str,
        description: str,
        series: Sequence[tuple[dict[str, Any], int]],
    ) -> None:
        """Write a counter's increments that were added up elsewhere."""
        now, number = self._now(), self._scopes.of(scope)
        points = tuple(
            (self._redactor.attributes(attributes), count, since, now, ()) for attributes, count in series
        )
        row = (number, self._redactor.name(name), unit, description, "sum", True, points)
        self._append(Kind.METRICS, encode_payload((now, (row,))), "bulk", (number,))

    def _rows(self, scope: int, collected: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
        for metric in collected:
            data = metric.data
            points = self._points(data.data_points)
            if points:
                kind = _kind_of(data)
                monotonic = bool(getattr(data, "is_monotonic", False))
                name = self._redactor.name(metric.name)
                unit, description = str(metric.unit or ""), str(metric.description or "")
                yield (scope, name, unit, description, kind, monotonic, points)

    def _points(self, collected: Iterable[Any]) -> tuple[tuple[Any, ...], ...]:
        points: list[tuple[Any, ...]] = []
        for point in collected:
            with quiet("metrics.point"):  # one that can't be written must not take the others with it
                points.append(self._point(point))
        return tuple(points)

    def _point(self, point: Any) -> tuple[Any, ...]:
        value: Any
        if hasattr(point, "bucket_counts"):
            bounds, counts = tuple(point.explicit_bounds), tuple(point.bucket_counts)
            value = (point.count, *map(_plain, (point.sum, point.min, point.max)), bounds, counts)
        else:
            value = _plain(point.value)
        exemplars = tuple(
            (
                _plain(exemplar.value),
                exemplar.time_unix_nano,
                exemplar.trace_id or 0,
                exemplar.span_id or 0,
                self._redactor.attributes(exemplar.filtered_attributes or {}),
            )
            for exemplar in getattr(point, "exemplars", ()) or ()
        )
        attributes = self._redactor.attributes(point.attributes or {})
        return (attributes, value, point.start_time_unix_nano or 0, point.time_unix_nano, exemplars)


def _value_of(bounds: tuple[float, ...], counts: Sequence[int], total: float | None) -> tuple[Any, ...]:
    """Return a histogram's value; its ends are told from the bounds, an unknown sum from the buckets' middles."""
    edges = (0.0, *bounds, bounds[-1] * 2)
    used = [index for index, count in enumerate(counts) if count]
    if total is None:
        total = sum(count * (edges[index] + edges[index + 1]) / 2 for index, count in enumerate(counts))
    least, most = (edges[used[0]], edges[used[-1] + 1]) if used else (None, None)
    return (sum(counts), total, least, most, bounds, tuple(counts))


def _plain(number: Any) -> int | float:
    """Return a host's number as one that can be written: numpy's, Fraction, Decimal, True, an IntEnum's member."""
    if isinstance(number, int) and INT_MIN <= number <= INT_MAX:
        return int(number)
    return float(number)


def _kind_of(data: Any) -> str:
    return {"Sum": "sum", "Gauge": "gauge", "Histogram": "histogram"}.get(type(data).__name__, "gauge")


class LazyMeterProvider(metrics.MeterProvider):
    """The global meter provider: the SDK's, from the first meter on."""

    def __init__(self, sink: MetricsSink, resource: Resource, loss: LossLedger) -> None:
        self._sink = sink
        self._loss = loss
        self._builder = 0
        self._resource = resource
        self._lock = threading.RLock()
        self._provider: Any = None
        self._reader: Any = None
        self._turns = OwnTurns()

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> metrics.Meter:
        """Return a meter of the SDK's provider; the first call imports it.

        Inside that first call, on its own thread (a signal handler, a `__del__`), it is one that measures nothing:
        the SDK's lock of all providers is not re-entrant, and the host would wait for itself for ever.
        """
        with self._lock:
            if self._builder == threading.get_ident():
                self._loss.add("reentrant")
                return metrics.NoOpMeter(name, version, schema_url)
            if self._provider is None:
                self._load()
        meter: metrics.Meter = self._provider.get_meter(name, version, schema_url, attributes)
        # Not re-entrant in the SDK, see turns.py: a signal handler may make its first instrument inside another's.
        if type(getattr(meter, "_instrument_registration_lock", None)) is type(threading.Lock()):
            meter._instrument_registration_lock = threading.RLock()  # type: ignore[attr-defined]  # noqa: SLF001
        return meter

    def _load(self) -> None:
        self._builder = threading.get_ident()
        try:
            with Loading():
                provider, reader = _build(self._sink, self._resource)
            self._turns.watch(provider._measurement_consumer, reader)  # noqa: SLF001
            self._provider, self._reader = provider, reader
        finally:
            self._builder = 0

    def collect(self) -> None:
        """Write the deltas since the last collection; nothing where no meter was ever made."""
        if self._reader is not None:
            with quiet("metrics.collect"):
                self._reader.collect()

    def after_fork_in_child(self) -> None:
        """Begin to measure at zero: what the parent has measured and not yet written, it writes itself."""
        self._lock = threading.RLock()
        self._builder = 0
        self._turns.reset()
        if self._provider is not None:
            # The instruments stay, the application's own too; where they lead is made anew, with its locks, which a
            # thread may have held that doesn't exist here. The names are the SDK's private ones.
            fresh, reader = _build(self._sink, self._resource)
            consumer = self._provider._measurement_consumer  # noqa: SLF001
            storage = fresh._measurement_consumer._reader_storages[reader]  # noqa: SLF001
            consumer._lock = threading.Lock()  # noqa: SLF001
            consumer._reader_storages = {self._reader: storage}  # noqa: SLF001


def _build(sink: MetricsSink, resource: Resource) -> tuple[Any, Any]:
    with Loading():
        from clientobs.pipeline import meters  # noqa: PLC0415  # 37 ms: see the module's docstring

    return meters.build(sink.write, resource)
