"""A prepared home, and journals that are closed after the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clientobs._loss import LossLedger
from support.journals import make_home

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.journal.home import Home


@pytest.fixture
def place(tmp_path: Path) -> Home:
    """Return the prepared journal home of this test."""
    return make_home(tmp_path / "home")


@pytest.fixture
def loss() -> LossLedger:
    """Return the ledger to hand to a journal."""
    return LossLedger()
