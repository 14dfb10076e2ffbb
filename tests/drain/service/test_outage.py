"""A studio's workstations after an outage: a simulation of the waiting that retry.py hands out."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from clientobs.drain.otlp.retry import Backoff

CLIENTS = 500


def arrivals(outage: float, *, jitter: bool = True, retry_after: float | None = None) -> list[float]:
    """Return when each client's first request after the outage comes, in seconds after its end."""
    source = random.Random(7)
    found = []
    for _ in range(CLIENTS):
        backoff = Backoff(fraction=source.random if jitter else lambda: 1.0)
        now = 0.0
        while now <= outage:
            now += backoff.retry(retry_after)
        found.append(now - outage)
    return found


@pytest.mark.parametrize("outage", [60.0, 3600.0, 60 * 3600.0])
def test_clients_come_back_spread_out(outage: float) -> None:
    seconds = Counter(int(second) for second in arrivals(outage))
    assert len(seconds) > 20
    assert max(seconds.values()) <= CLIENTS * 0.06


def test_a_retry_after_that_all_were_told_alike_is_spread_as_well() -> None:
    seconds = Counter(int(second) for second in arrivals(600.0, retry_after=60.0))
    assert max(seconds.values()) <= CLIENTS * 0.15


def test_the_simulation_bites() -> None:
    assert max(Counter(int(second) for second in arrivals(3600.0, jitter=False)).values()) == CLIENTS
