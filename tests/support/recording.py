"""A started clientobs, as a fixture for tests that record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import clientobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.runtime.runtime import Runtime

__all__ = ["runtime"]


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """Start recording into this test's home."""
    started = clientobs.init("test-tool", version="1.0")
    assert started.running, started.reason
    yield started
    clientobs.shutdown()
