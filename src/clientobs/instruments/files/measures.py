"""Metrics of file operations: histograms by mount, kind and operation, added up here and written now and then.

An OpenTelemetry histogram takes some microseconds for each value, as much as a local open. So the accounts count
by powers of two, and what has come together goes out as one point for each series.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from clientobs import semconv
from clientobs.instruments.files.accounts import BUCKETS
from clientobs.record.metrics import add_distribution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.instruments.files.accounts import Account

__all__ = ["Measures"]

_Series: TypeAlias = tuple[str, str, str, str]
_MOST_SERIES: Final = 100
_FINEST: Final = 12
"""Times below 2**12 ns (4 us) share a bucket; sizes begin at one byte."""


class Measures:
    """Counts by series: (metric, mount, kind, operation). Of bytes the sums are exact, of times by bucket."""

    def __init__(self) -> None:
        # A signal handler or a __del__ may end a span while this very thread holds it.
        self._lock = threading.RLock()
        self._writing = threading.RLock()
        self._counts: dict[_Series, list[int]] = {}
        self._bytes: dict[_Series, int] = {}

    def take(self, accounts: Iterable[Account]) -> None:
        """Add the counts of accounts that are closed."""
        with self._lock:
            for account in accounts:
                place = account.place
                if account.opened:
                    self._add((_DURATION, place.point, place.kind, "open"), account.opens)
                for operation, counts in account.others.items():
                    self._add((_DURATION, place.point, place.kind, operation), counts)
                for direction, counts in account.sizes.items():
                    moved = account.read if direction == "read" else account.written
                    self._add((_SIZE, place.point, place.kind, direction), counts, moved)

    def _add(self, series: _Series, counts: list[int], moved: int = 0) -> None:
        known = self._counts.get(series)
        if known is None:
            if len(self._counts) >= _MOST_SERIES:
                series = (series[0], "other", "unknown", series[3])
            known = self._counts.setdefault(series, [0] * BUCKETS)
        for index, count in enumerate(counts):
            if count:
                known[index] += count
        if moved:
            self._bytes[series] = self._bytes.get(series, 0) + moved

    def write(self) -> None:
        """Hand what has come together to the metrics of now."""
        # Who shuts down waits here for the keeper, which may have taken the counts and not yet written them.
        # A span that ends waits for neither.
        with self._writing:
            with self._lock:
                counts, self._counts = self._counts, {}
                moved, self._bytes = self._bytes, {}
            self._distribute(counts, moved)

    @staticmethod
    def _distribute(counts: dict[_Series, list[int]], moved: dict[_Series, int]) -> None:
        by_metric: dict[str, list[tuple[dict[str, Any], list[int], int | None]]] = {}
        for name, series in counts.items():
            metric, point, kind, operation = name
            attributes = {semconv.STORAGE_KIND: kind, semconv.FILE_OPERATION: operation}
            if point:
                attributes[semconv.STORAGE_MOUNT] = point
            by_metric.setdefault(metric, []).append(
                (attributes, series, moved.get(name, 0) if metric == _SIZE else None)
            )
        for metric, points in by_metric.items():
            finest, scale, unit = (_FINEST, 1e-9, "s") if metric == _DURATION else (0, 1.0, "By")
            bounds = tuple(2**power * scale for power in range(finest, BUCKETS - 1))
            add_distribution(
                metric,
                unit,
                _PURPOSE[metric],
                bounds,
                [(attributes, _fold(series, finest), total) for attributes, series, total in points],
            )


_DURATION: Final = semconv.FILE_OPERATION_DURATION
_SIZE: Final = semconv.FILE_OPERATION_SIZE
_PURPOSE: Final = {_DURATION: "Time of file operations.", _SIZE: "Bytes of files read and written."}


def _fold(counts: list[int], finest: int) -> tuple[int, ...]:
    """Return the counts with the buckets below the finest bound added up."""
    return (sum(counts[: finest + 1]), *counts[finest + 1 :])
