"""Fixtures of the drain's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.drain_site import site
from support.otlp_receiver import OtlpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["receiver", "site"]


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """Give a real receiver on loopback that takes everything."""
    with OtlpReceiver() as found:
        yield found
