"""Threads to look at, which are let go of when the test is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.standing_threads import StandingThreads

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stage() -> Iterator[StandingThreads]:
    made = StandingThreads()
    yield made
    made.gate.set()
    for thread in made.threads:
        thread.join(10)
        assert not thread.is_alive()
