"""The SDK's metrics, made to end in the journal. Importing this module imports them: 37 ms, see metrics.py.

Exemplars come from reservoirs that draw from our own generator; the SDK's draw from the global `random`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import (
    AlignedHistogramBucketExemplarReservoir,
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    ObservableUpDownCounter,
    SimpleFixedSizeExemplarReservoir,
    TraceBasedExemplarFilter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics._internal.exemplar.exemplar_reservoir import BucketIndexError
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader
from opentelemetry.sdk.metrics.view import View

from clientobs._guarded import faults
from clientobs._ids import ids
from clientobs.pipeline.forks import renew_locks

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource

__all__ = ["JournalReader", "QuietMeterProvider", "build"]

_SUMMED = (Counter, Histogram, ObservableCounter, ObservableUpDownCounter, UpDownCounter)


class QuietMeterProvider(MeterProvider):
    """The SDK's meter provider, whose look-up a signal handler may make inside another's on the same thread.

    What it does at a fork is in pipeline/forks.py.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._meter_lock: Any = threading.RLock()

    def _handle_fork(self) -> None:
        renew_locks(self, "_lock")
        self._meter_lock = threading.RLock()


class JournalReader(MetricReader):
    """Hands each collection to `write`; collected by the runtime's keeper and at exit."""

    def __init__(self, write: Callable[[MetricsData], None]) -> None:
        super().__init__(preferred_temporality=dict.fromkeys(_SUMMED, AggregationTemporality.DELTA))
        self._write = write

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        del timeout_millis, kwargs
        try:
            if metrics_data is not None:
                self._write(metrics_data)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("metrics.write", error)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Do nothing: the journal belongs to the runtime."""
        del timeout_millis, kwargs


class PrivateReservoir(SimpleFixedSizeExemplarReservoir):
    """The SDK's uniform reservoir, drawing from our generator."""

    def _find_bucket_index(self, *_measurement: Any, **_named: Any) -> int:
        seen: int = self._measurements_seen
        self._measurements_seen = seen + 1
        index = seen if seen < self._size else ids.below(seen + 1)
        if index < self._size:
            return index
        raise BucketIndexError("not drawn")


def build(write: Callable[[MetricsData], None], resource: Resource) -> tuple[MeterProvider, JournalReader]:
    """Return a provider, and the reader that asks it for what was measured."""
    reader = JournalReader(write)
    settings: dict[str, Any] = {
        "metric_readers": [reader],
        "resource": resource,
        "shutdown_on_exit": False,
        "views": [View(instrument_name="*", exemplar_reservoir_factory=_reservoir_for)],
    }
    try:
        return QuietMeterProvider(**settings), reader
    except ValueError:  # OTEL_METRICS_EXEMPLAR_FILTER is none that the SDK knows: its default holds
        return QuietMeterProvider(exemplar_filter=TraceBasedExemplarFilter(), **settings), reader


def _reservoir_for(aggregation: type) -> Callable[..., Any]:
    if "ExplicitBucket" in aggregation.__name__:
        return AlignedHistogramBucketExemplarReservoir
    return PrivateReservoir
