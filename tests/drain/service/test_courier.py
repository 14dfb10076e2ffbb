from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from clientobs.drain.batch import Batch, Outcome
from clientobs.drain.service.courier import Courier

if TYPE_CHECKING:
    from clientobs._guarded import Faults

DONE = Outcome(verdict="delivered", settled=1)
BATCH = Batch(signal="logs", items=())


class Slow:
    """A sender that answers when it is allowed to."""

    def __init__(self) -> None:
        self.allowed = threading.Event()
        self.closed = threading.Event()

    def send(self, batch: Batch) -> Outcome:
        assert self.allowed.wait(10)
        return DONE

    def close(self) -> None:
        self.closed.set()


class Broken(Slow):
    def send(self, batch: Batch) -> Outcome:
        raise RuntimeError("a fault of ours")


def test_a_batch_is_carried_beside_the_service_which_is_woken() -> None:
    sender, woken = Slow(), threading.Event()
    courier = Courier("logs", sender, woken.set)
    courier.hand(BATCH)
    assert (courier.busy, courier.outcome()) == (True, None)
    sender.allowed.set()
    assert woken.wait(10)
    assert courier.outcome() == DONE
    assert not courier.busy
    courier.close(10)
    assert sender.closed.is_set()


def test_a_fault_of_ours_does_not_end_the_delivery_of_a_signal(lenient_faults: Faults) -> None:
    woken = threading.Event()
    courier = Courier("logs", Broken(), woken.set)
    courier.hand(BATCH)
    assert woken.wait(10)
    outcome = courier.outcome()
    assert outcome is not None
    assert (outcome.verdict, outcome.settled) == ("retry", 0)
    assert outcome.wait > 0
    assert lenient_faults.counts() == {"drain.send": 1}
    courier.close(10)


def test_closing_does_not_wait_for_an_endpoint_that_hangs() -> None:
    sender = Slow()
    courier = Courier("logs", sender, lambda: None)
    courier.hand(BATCH)
    courier.close(0.01)
    assert courier.busy
    sender.allowed.set()
