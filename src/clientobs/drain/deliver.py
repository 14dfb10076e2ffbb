"""Send batches to one endpoint: split, bisect, set poison aside, hold, and say what became of each.

    outcome = sender.send(batch)
    acknowledge(batch.items[: outcome.settled])      # only now may the journal let go of them
    batch = batch.rest(outcome)                      # to be handed in again after outcome.wait seconds

`send` never sleeps and never raises for what an endpoint does; a request takes at most the endpoint's
timeout. Ranges are sent from left to right, so what is settled is always a row from the left.

A record is only blamed after a control: an empty request, which an OTLP endpoint must accept. Where that is
refused with the same code the endpoint refuses everything (a gateway with a broken rule), nothing is the
record's fault, and the signal is held instead of emptying a weekend's journal onto the shelf.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from clientobs._loss import LossLedger
from clientobs.config.model import Signal
from clientobs.drain.answers import Action, Answer
from clientobs.drain.batch import Batch, Outcome
from clientobs.drain.encode import Encoded, Encoder, assemble
from clientobs.drain.poison import PoisonShelf
from clientobs.drain.retry import Backoff

__all__ = ["MAX_REQUESTS", "MAX_REQUEST_BYTES", "Sender", "Transport"]

MAX_REQUEST_BYTES: Final = 3 << 20
"""Bytes of one request before compression; gRPC receivers refuse messages over 4 MiB by default."""

MAX_REQUESTS: Final = 64
"""Requests of one `send`: a thousand poison records must not keep a crash report of another signal waiting."""

_REJECTED: Final = "rejected"
_POISON: Final = "poison"


class Transport(Protocol):
    """One signal's way to its endpoint (otlp_http.py, otlp_grpc.py)."""

    def post(self, body: bytes) -> Answer:
        """Send one serialized request and return the answer; never raises for what the network does."""

    def close(self) -> None:
        """Close the connection; a later `post` opens another."""


@dataclass(slots=True)
class _Tally:
    """What has become of a batch so far."""

    settled: int = 0
    delivered: int = 0
    rejected: int = 0
    poisoned: int = 0
    requests: int = 0
    reason: str = ""

    def outcome(self, verdict: Verdict, wait: float = 0.0, reason: str | None = None) -> Outcome:
        return Outcome(
            verdict=verdict,
            settled=self.settled,
            delivered=self.delivered,
            rejected=self.rejected,
            poisoned=self.poisoned,
            requests=self.requests,
            wait=wait,
            reason=self.reason if reason is None else reason,
        )
