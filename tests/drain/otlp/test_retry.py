"""Waiting: full jitter that grows, is capped, and keeps a studio's workstations out of step."""

from __future__ import annotations

import random
from collections import Counter

from clientobs.drain.otlp.retry import Backoff


def test_the_bound_of_the_jitter_doubles_from_one_second_to_five_minutes() -> None:
    highest = Backoff(fraction=lambda: 1.0)
    assert [highest.retry(None) for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_the_jitter_is_full() -> None:
    lowest = Backoff(fraction=lambda: 0.0)
    assert [lowest.retry(None) for _ in range(5)] == [0.0] * 5


def test_a_thousand_failures_still_wait_five_minutes_at_most() -> None:
    backoff = Backoff(fraction=lambda: 1.0)
    assert max(backoff.retry(None) for _ in range(2000)) == 300.0


def test_what_the_server_asked_for_is_a_floor_with_some_spread_on_top() -> None:
    assert Backoff(fraction=lambda: 0.0).retry(60.0) == 60.0
    assert Backoff(fraction=lambda: 1.0).retry(60.0) == 72.0


def test_holding_probes_slowly_and_ever_more_so() -> None:
    backoff = Backoff(fraction=lambda: 0.0)
    assert [backoff.hold() for _ in range(6)] == [30, 60, 120, 240, 480, 600]


def test_success_starts_anew() -> None:
    backoff = Backoff(fraction=lambda: 1.0)
    for _ in range(5):
        backoff.retry(None)
    backoff.hold()
    assert backoff.failures == 6
    backoff.succeeded()
    assert (backoff.failures, backoff.retry(None)) == (0, 1.0)


def test_after_an_outage_500_clients_come_back_spread_out() -> None:
    """All fail at the same moments for ten minutes; who comes back when after that is spread out."""
    generator = random.Random(4)
    arrivals: Counter[int] = Counter()
    for _ in range(500):
        backoff = Backoff(fraction=generator.random)
        time = 0.0
        while time < 600.0:
            time += backoff.retry(None)
        arrivals[int(time)] += 1
    assert sum(arrivals.values()) == 500
    assert max(arrivals.values()) <= 15, "a common peak"
    assert max(arrivals) - min(arrivals) > 200, "not spread"
