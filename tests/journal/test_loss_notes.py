"""What a run says of its losses: at once, exactly in the end, and no loss of a process twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.journal.format import MAX_PAYLOAD, Kind
from support.journals import contents, make_journal

if TYPE_CHECKING:
    import pytest

    from clientobs._guarded import Faults
    from clientobs._loss import LossLedger
    from clientobs.journal.home import Home


def test_what_was_lost_is_told_at_once_and_whenever_it_has_doubled(place: Home, loss: LossLedger) -> None:
    """By a process that is killed before its keeper comes by: nobody tends this journal."""
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"x", "vital")
    for _ in range(9):
        journal.append(Kind.LOG, bytes(MAX_PAYLOAD + 1))
    loss.add("storm", 5)
    assert contents(place).notes("loss") == [
        *({"oversize": count} for count in (1, 2, 4, 8)),
        {"oversize": 9, "storm": 5},
    ]


def test_a_loss_that_can_not_be_told_at_once_is_no_matter_of_who_counts_it(
    place: Home, loss: LossLedger, lenient_faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"x", "vital")

    def exhausted(*_: object) -> bool:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(type(journal._lanes.current["vital"]), "append", exhausted)
        assert not journal.append(Kind.LOG, b"y", "vital")
    assert loss.totals() == {"fault": 1}
    assert lenient_faults.counts() == {"journal.append": 1, "journal.losses": 1}


def test_the_keeper_has_the_last_word_on_what_was_lost(place: Home, loss: LossLedger) -> None:
    """Two threads may write theirs down in the wrong order."""
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"x", "vital")
    loss.add("storm")
    journal.tend()
    journal.tend()
    assert contents(place).notes("loss") == [{"storm": 1}] * 2


def test_a_run_after_a_close_does_not_tell_again_what_the_run_before_it_has_lost(
    place: Home, loss: LossLedger
) -> None:
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"before", "vital")
    loss.add("storm", 3)
    journal.close("exited", "exec")
    journal.reopen()
    journal.append(Kind.LOG, b"after", "vital")
    loss.add("storm", 2)
    loss.add("quota")
    journal.close("exited", "atexit")
    told = contents(place).notes("loss")
    assert {"storm": 3} in told
    assert {"storm": 2, "quota": 1} in told
    assert max(values["storm"] for values in told) == 3


def test_losses_are_written_down_when_they_change(place: Home, loss: LossLedger) -> None:
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"x")
    loss.add("storm", 5)
    journal.tend()
    journal.tend()
    loss.add("storm", 2)
    journal.close("exited", "")
    assert contents(place).notes("loss") == [{"storm": 5}, {"storm": 7}]
