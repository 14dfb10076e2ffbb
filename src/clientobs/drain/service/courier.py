"""One thread per signal that does nothing but send, so that an endpoint that hangs holds up only its signal.

The service hands a courier one batch, goes on reading, and picks up the outcome later; all state of runs
and acknowledgements stays with the service's own thread.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final, Protocol

from clientobs._guarded import faults
from clientobs.drain.batch import Batch, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.config.model import Signal

__all__ = ["Courier", "Sends"]

_AFTER_FAULT: Final = 30.0


class Sends(Protocol):
    """What a courier needs of `deliver.Sender`."""

    def send(self, batch: Batch) -> Outcome:
        """Send a batch and say what became of it."""

    def close(self) -> None:
        """Close the connection."""


class Courier:
    """Carries batches of one signal, one at a time, and calls `wake` when one is done."""

    def __init__(self, signal: Signal, sender: Sends, wake: Callable[[], object]) -> None:
        self.signal = signal
        self.busy = False
        self._sender = sender
        self._wake = wake
        self._batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"clientobs-send-{signal}", daemon=True)
        self._thread.start()

    def hand(self, batch: Batch) -> None:
        """Give it a batch; only when it is not busy."""
        self.busy = True
        self._batches.put(batch)

    def outcome(self) -> Outcome | None:
        """Return the outcome of the batch in hand, None while there is none."""
        try:
            outcome = self._outcomes.get_nowait()
        except queue.Empty:
            return None
        self.busy = False
        return outcome

    def close(self, timeout: float) -> None:
        """Let it finish, at most `timeout` seconds; the thread is a daemon and holds up no exit."""
        self._batches.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._outcomes.put(self._send(batch))
            self._wake()
        self._sender.close()

    def _send(self, batch: Batch) -> Outcome:
        try:
            return self._sender.send(batch)
        except Exception as error:  # noqa: BLE001  # a fault of ours must not end this signal's delivery
            faults.record("drain.send", error)
            return Outcome(
                verdict="retry", settled=0, wait=_AFTER_FAULT, reason=f"{type(error).__name__}: {error}"
            )
