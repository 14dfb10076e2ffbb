"""Whether a thread computes, from what the system counts: also on a machine that has no time for it."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from clientobs import _procfs
from clientobs.guard.hang import standing
from clientobs.guard.hang.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("cpu", "wanted", "computes"),
    [
        (1.0, 1.0, True),
        (0.25, None, True),
        (0.1, 1.0, True),
        (0.1, None, False),
        (0.1, 0.6, False),
        (0.001, 1.0, False),
        (0.0, 0.0, False),
    ],
    ids=[
        "alone",
        "among others",
        "starved by others",
        "where nobody tells of waiting",
        "one that sleeps in between",
        "one that waits for something else",
        "asleep",
    ],
)
def test_a_thread_computes_if_it_runs_or_would_all_the_time(
    monkeypatch: pytest.MonkeyPatch, cpu: float, wanted: float | None, computes: bool
) -> None:
    at = {"second": 1}

    def growing(share: float | None) -> Callable[..., float | None]:
        return lambda *_: None if share is None else share * at["second"]

    monkeypatch.setattr(standing, "_thread_cpu", growing(cpu))
    monkeypatch.setattr(_procfs, "wanted_seconds", growing(wanted))
    looks = Standing()
    looks.begin(SECOND)
    for _ in range(3):
        at["second"] += 1
        facts = looks.look(at["second"] * SECOND)
    assert bool(facts.computing_ns) is computes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux tells of threads")
def test_the_time_that_a_thread_wanted_is_at_least_what_it_got() -> None:
    before = _procfs.wanted_seconds("self", os.getpid())
    if before is None:
        pytest.skip("this kernel does not count how long threads wait for a processor")
    began = time.thread_time()
    while time.thread_time() - began < 0.2:
        sum(range(10_000))
    after = _procfs.wanted_seconds("self", os.getpid())
    assert after is not None
    assert after - before >= 0.15
