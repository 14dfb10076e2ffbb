"""Metrics of all runs of a machine, added up: ops pay for machines, not for processes.

A farm machine runs a thousand short processes a day. Each with series of its own would be a thousand new
series per metric; here their deltas become one cumulative series per metric and attributes, at most
SERIES_LIMIT a machine (a histogram costs its buckets, as it does at the back end). What exceeds the bound is
added to one series of its metric that says `otel.metric.overflow`, so that totals stay right; a share of the
bound is kept free for these. Where even that is full, points are dropped and counted.

The resource of a series is what belongs to service and machine; process, run and version are left out. A
series that nothing has touched in a day of the drain's own time is given up; the wall clock has no say in it.

Sending is in two steps, since an endpoint may refuse: `collect` gives totals with a mark, `confirm(mark)`
says that they arrived, and what has not changed since is left out until the next full export.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from clientobs.drain.metrics.series import Point, Series, new_series, restored_series
from clientobs.semconv import (
    APP_INSTALLATION_ID,
    CONTAINER_ID,
    DEPLOYMENT_ENVIRONMENT_NAME,
    HOST_NAME,
    METRIC_OVERFLOW,
    OS_TYPE,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_NAMESPACE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from clientobs._loss import LossLedger
    from clientobs.journal.records import Attributes, ContextRecord

__all__ = ["SERIES_LIMIT", "Aggregator", "Export", "Scope", "machine_resource"]

SERIES_LIMIT: Final = 300
_FOR_OVERFLOW: Final = 0.2
_STALE_NS: Final = 24 * 3600 * 10**9
_KEPT: Final = frozenset(
    {
        APP_INSTALLATION_ID,
        DEPLOYMENT_ENVIRONMENT_NAME,
        SERVICE_NAME,
        SERVICE_NAMESPACE,
        OS_TYPE,
        CONTAINER_ID,
    }
)
_KEPT_PREFIXES: Final = ("host.", "telemetry.")

Key: TypeAlias = tuple[Any, ...]
Scope: TypeAlias = tuple[str, str]
"""Name and version of an instrumentation scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Totals of one metric, ready to be encoded: `metric` is a tuple of MetricsRecord with scope number 1."""

    resource: Attributes
    scope: Scope
    metric: tuple[Any, ...]


@dataclass(slots=True)
class _Metric:
    """A metric of one resource and scope: what all its series share."""

    resource: Attributes
    scope: Scope
    name: str
    unit: str
    description: str
    kind: str
    monotonic: bool
    series: dict[Key, _Line] = field(default_factory=dict)


@dataclass(slots=True)
class _Line:
    """One series with its attributes, and when it last changed."""

    attributes: Attributes
    series: Series
    revision: int
    touched_mono: int


class Aggregator:
    """The metrics of one machine, for one destination.

    >>> from clientobs._loss import LossLedger
    >>> machine = Aggregator(loss=LossLedger())
    >>> delta = (0, "frames", "{frame}", "", "sum", True, (({}, 2, 5, 9, ()),))
    >>> machine.add("run-a", {"service.name": "render"}, (delta,), {})
    >>> machine.add("run-b", {"service.name": "render"}, (delta,), {})
    >>> exports, mark = machine.collect(now_ns=100)
    >>> exports[0].metric[6]
    (({}, 4, 5, 100, ()),)
    """

    def __init__(
        self,
        *,
        loss: LossLedger,
        destination: str = "",
        limit: int = SERIES_LIMIT,
        mono: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._loss = loss
        self._mono = mono
        self._destination = destination
        self._limit = limit
        self._metrics: dict[Key, _Metric] = {}
        self._cost = 0
        self._revision = 0
        self._confirmed = 0

    @property
    def cost(self) -> int:
        """Series in use, as the back end counts them."""
        return self._cost

    def add(
        self,
        run: str,
        resource: Attributes,
        metrics: tuple[tuple[Any, ...], ...],
        contexts: Mapping[int, ContextRecord],
    ) -> None:
        """Add the deltas of one collection of one run."""
        self._revision += 1
        kept = machine_resource(resource, self._destination)
        for entry in metrics:
            self._add_entry(run, kept, entry, contexts)

    def _add_entry(
        self, run: str, resource: Attributes, entry: tuple[Any, ...], contexts: Mapping[int, ContextRecord]
    ) -> None:
        try:
            scope_number, name, unit, text, kind, monotonic, points = entry[:7]
            scope = _scope_of(contexts.get(scope_number))
            metric = self._metric(resource, scope, name, unit, text, kind, bool(monotonic))
            for point in points:
                self._add_point(metric, run, point)
        except (TypeError, ValueError, IndexError):
            self._loss.add("malformed")

    def _metric(
        self, resource: Attributes, scope: Scope, name: str, unit: str, text: str, kind: str, monotonic: bool
    ) -> _Metric:
        key = (_freeze(resource), scope, name, unit, kind, monotonic)
        metric = self._metrics.get(key)
        if metric is None:
            metric = _Metric(resource, scope, name, unit, text, kind, monotonic)
            self._metrics[key] = metric
        return metric

    def _add_point(self, metric: _Metric, run: str, point: Point) -> None:
        line = metric.series.get(_freeze(point[0])) or self._open(metric, point)
        if line is None:
            self._loss.add("series_limit")
        elif line.series.add(run, point):
            line.revision, line.touched_mono = self._revision, self._mono()
        else:
            self._loss.add("metric_conflict")

    def _open(self, metric: _Metric, point: Point) -> _Line | None:
        """Return a new series, or the overflow series where there is no room, or None."""
        attributes: Attributes = point[0]
        series = new_series(metric.kind, metric.monotonic, point)
        if self._cost + series.cost > self._limit * (1 - _FOR_OVERFLOW):
            attributes = {METRIC_OVERFLOW: True}
            present = metric.series.get(_freeze(attributes))
            if present is not None or self._cost + series.cost > self._limit:
                return present
        return self._insert(metric, attributes, series)

    def _insert(self, metric: _Metric, attributes: Attributes, series: Series, idle_ns: int = 0) -> _Line:
        line = _Line(dict(attributes), series, self._revision, self._mono() - idle_ns)
        metric.series[_freeze(attributes)] = line
        self._cost += series.cost
        return line

    def forget(self, run: str) -> None:
        """Take out what a run held at the moment (up-down counters), because it is dead."""
        self._revision += 1
        for metric in self._metrics.values():
            for line in metric.series.values():
                if line.series.forget(run):
                    line.revision = self._revision

    def forget_all_but(self, runs: Iterable[str]) -> None:
        """Take out what all other runs held at the moment."""
        lines = [line for metric in self._metrics.values() for line in metric.series.values()]
        for run in {run for line in lines for run in line.series.holders()} - set(runs):
            self.forget(run)

    def collect(self, now_ns: int, *, full: bool = False) -> tuple[list[Export], int]:
        """Return the totals that changed since the last confirmed ones (`full`: all), and their mark."""
        self._give_up_stale()
        since = 0 if full else self._confirmed
        exports = []
        for metric in self._metrics.values():
            points = tuple(_point(line, now_ns) for line in metric.series.values() if line.revision > since)
            if points:
                head = (1, metric.name, metric.unit, metric.description, metric.kind, metric.monotonic)
                exports.append(Export(resource=metric.resource, scope=metric.scope, metric=(*head, points)))
        return exports, self._revision

    def confirm(self, mark: int) -> None:
        """Say that all totals up to `mark` arrived."""
        self._confirmed = max(self._confirmed, mark)

    def _give_up_stale(self) -> None:
        oldest = self._mono() - _STALE_NS
        for key, metric in list(self._metrics.items()):
            for attributes, line in list(metric.series.items()):
                if line.touched_mono < oldest:
                    del metric.series[attributes]
                    self._cost -= line.series.cost
            if not metric.series:
                del self._metrics[key]

    def dump(self) -> list[Any]:
        """Return all totals as plain values, for `load` in the next drain."""
        now = self._mono()
        return [
            [
                [m.resource, list(m.scope), m.name, m.unit, m.description, m.kind, m.monotonic],
                [
                    [line.attributes, now - line.touched_mono, line.series.dump()]
                    for line in m.series.values()
                ],
            ]
            for m in self._metrics.values()
        ]

    def load(self, state: list[Any]) -> None:
        """Go on from a `dump`; the totals count as not yet sent. ValueError or TypeError on nonsense."""
        self._revision += 1
        for (resource, scope, name, unit, text, kind, monotonic), lines in state:
            metric = self._metric(resource, (scope[0], scope[1]), name, unit, text, kind, monotonic)
            for attributes, idle_ns, totals in lines:
                series = restored_series(kind, monotonic, totals)
                if self._cost + series.cost <= self._limit:
                    self._insert(metric, attributes, series, idle_ns)


def machine_resource(resource: Attributes, destination: str) -> Attributes:
    """Return what of a run's resource belongs to service and machine, with an instance id for both.

    The destination is part of that id: two drains of one machine that end at one back end after all (two
    tokens) would otherwise write the same series by turns.
    """
    kept = {key: value for key, value in resource.items() if key in _KEPT or key.startswith(_KEPT_PREFIXES)}
    machine = kept.get(APP_INSTALLATION_ID) or kept.get(HOST_NAME)
    if machine:
        kept[SERVICE_INSTANCE_ID] = f"{machine}-{destination[:8]}" if destination else machine
    return kept


def _scope_of(context: ContextRecord | None) -> Scope:
    if context is None:
        return ("", "")
    return (str(context.values.get("name") or ""), str(context.values.get("version") or ""))


def _point(line: _Line, now_ns: int) -> Point:
    start_ns = min(line.series.start_ns, now_ns)
    return (line.attributes, line.series.value(), start_ns, now_ns, line.series.exemplars())


def _freeze(value: Any) -> Key:
    """Return a hashable key of a value, in which True, 1 and 1.0 differ."""
    if isinstance(value, dict):
        return ("dict", tuple(sorted((name, _freeze(part)) for name, part in value.items())))
    if isinstance(value, (list, tuple)):
        return ("list", tuple(_freeze(part) for part in value))
    return (type(value).__name__, value)
