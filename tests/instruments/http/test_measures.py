"""The histogram of durations, its series bounded."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.instruments.http.exchange import Exchange
from clientobs.instruments.http.measures import Measures
from clientobs.instruments.http.target import Target
from clientobs.record import metrics

if TYPE_CHECKING:
    from instruments.http.conftest import Wire

NAME = "http.client.request.duration"


def points_of(wire: Wire) -> list[tuple[dict[str, Any], int]]:
    """Return attributes and count of each series, whatever rounds it was written in."""
    found: Counter[tuple[tuple[str, Any], ...]] = Counter()
    for record in wire.recorded().metrics:
        for row in record.metrics:
            if row[1] == NAME:
                for point in row[6]:
                    found[tuple(sorted(point[0].items()))] += point[1][0]
    return [(dict(series), count) for series, count in found.items()]


def test_requests_are_counted_by_server_and_outcome(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    for path in ("/size/1", "/size/2", "/status/500"):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen("http://127.0.0.1:9/")
    told = points_of(wire)
    server = {"http.request.method": "GET", "server.address": "127.0.0.1", "server.port": wire.port}
    assert ({**server, "http.response.status_code": 200}, 2) in told
    assert ({**server, "http.response.status_code": 500, "error.type": "500"}, 1) in told
    refused = {**server, "server.port": 9, "error.type": "ConnectionRefusedError"}
    assert (refused, 1) in told
    assert len(told) == 3


def test_a_thousand_servers_make_a_bounded_number_of_series(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    monkeypatch.setattr(
        "clientobs.instruments.http.measures.add_distribution", lambda *args: written.extend(args[4])
    )
    measures = Measures()
    for number in range(1000):
        target = Target("GET", f"http://host{number}/", f"host{number}", 80)
        exchange = Exchange(target, None, 0, lambda _exchange: None)
        exchange.ended, exchange.status, exchange.last = True, 200 + number % 300, number
        measures.take(exchange)
    measures.write()
    assert metrics.add_distribution is not None
    assert len(written) <= 70
    assert sum(sum(counts) for _, counts, _ in written) == 1000
    assert {"other"} < {attributes["server.address"] for attributes, *_ in written}
