"""Writers don't talk to each other: what each may add, and what it does before anybody has told it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from clientobs.journal import retention
from clientobs.journal.format import Kind
from support.journals import make_journal

if TYPE_CHECKING:
    import pytest

    from clientobs._loss import LossLedger
    from clientobs.config.model import JournalConfig
    from clientobs.journal.home import Home

KIB = 1 << 10


def test_a_burst_during_a_slow_first_round_is_not_told_that_the_quota_is_used_up(
    place: Home, loss: LossLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside busy threads of the host the keeper's round takes seconds: each of its system calls waits its turn."""
    journal = make_journal(place, loss=loss, vital_bytes=8 << 20, segment_bytes=64 * KIB)
    assert journal.append(Kind.LOG, b"first", "vital")
    begun, go_on, enforce = threading.Event(), threading.Event(), retention.enforce

    def slow(home: Home, config: JournalConfig) -> retention.Round:
        begun.set()
        assert go_on.wait(30)
        return enforce(home, config)

    monkeypatch.setattr(retention, "enforce", slow)
    keeper = threading.Thread(target=journal.tend)
    keeper.start()
    assert begun.wait(30)
    first_share = (8 << 20) // 128
    landed = [journal.append(Kind.LOG, bytes(1000), "vital") for _ in range(3 * first_share // 1000)]
    assert landed.index(False) > 1.7 * first_share / 1028  # and not without bound
    assert loss.totals() == {"quota": landed.count(False)}
    go_on.set()
    keeper.join()
    assert all(journal.append(Kind.LOG, bytes(1000), "vital") for _ in range(300))
    journal.close("exited", "")
