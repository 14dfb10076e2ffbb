"""What every end-to-end test works with: a real receiver, and a workstation whose processes are real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.otlp_receiver import OtlpReceiver
from support.workstation import Workstation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """Receive OTLP/HTTP on loopback."""
    with OtlpReceiver() as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Workstation]:
    """Return a workstation that delivers to `receiver`; its processes are ended afterwards."""
    with Workstation(tmp_path, receiver.base) as made:
        yield made
        receiver.closing.set()  # lets go of requests that it was told to keep waiting
