"""Durations of requests: one histogram, its series bounded, added up here and written now and then.

The bounds are those that the conventions give `http.client.request.duration`. A process that talks to many servers
has series of its own for the first few of them; the others are `other`.
"""

from __future__ import annotations

import bisect
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from clientobs import semconv
from clientobs.instruments.http.telling import error_type_of
from clientobs.record.metrics import add_distribution

if TYPE_CHECKING:
    from clientobs.instruments.http.exchange import Exchange

__all__ = ["Measures"]

Series: TypeAlias = tuple[str, str, int, int | None, str]
"""Method, server, port, status, error."""

_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_MOST_SERVERS: Final = 16
_MOST_SERIES: Final = 64
_OTHER: Final = "_OTHER"


class Measures:
    """Counts by series since the last time they were written."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler or a __del__ may end a request within the lock
        self._counts: dict[Series, list[int]] = {}
        self._servers: set[tuple[str, int]] = set()
        self._series: set[Series] = set()

    def take(self, exchange: Exchange) -> None:
        """Add one request."""
        target = exchange.target
        method = target.method if target.known else _OTHER
        error = error_type_of(exchange)
        place = bisect.bisect_left(_BOUNDS, (exchange.last - exchange.began) / 1e9)
        with self._lock:
            host, port = self._server(target.host, target.port)
            series = self._bounded((method, host, port, exchange.status, error))
            counts = self._counts.get(series)
            if counts is None:
                counts = self._counts.setdefault(series, [0] * (len(_BOUNDS) + 1))
            counts[place] += 1

    def _server(self, host: str, port: int) -> tuple[str, int]:
        server = (host, port)
        if server not in self._servers:
            if len(self._servers) >= _MOST_SERVERS:
                return "other", 0
            self._servers.add(server)
        return server

    def _bounded(self, series: Series) -> Series:
        if series not in self._series:
            if len(self._series) >= _MOST_SERIES:
                return series[0], "other", 0, None, _OTHER if series[4] else ""
            self._series.add(series)
        return series

    def forget(self) -> None:
        """Drop what is the parent's, in a forked child, with a lock that nobody holds."""
        self._lock = threading.RLock()
        self._counts = {}

    def write(self) -> None:
        """Hand what has come together to the metrics of now."""
        with self._lock:
            counts, self._counts = self._counts, {}
        points = [(_attributes(series), tuple(found), None) for series, found in counts.items()]
        add_distribution(
            semconv.HTTP_CLIENT_REQUEST_DURATION, "s", "Duration of HTTP client requests.", _BOUNDS, points
        )


def _attributes(series: Series) -> dict[str, Any]:
    method, host, port, status, error = series
    told: dict[str, Any] = {semconv.HTTP_REQUEST_METHOD: method, semconv.SERVER_ADDRESS: host}
    if port:
        told[semconv.SERVER_PORT] = port
    if status is not None:
        told[semconv.HTTP_RESPONSE_STATUS_CODE] = status
    if error:
        told[semconv.ERROR_TYPE] = error
    return told
