"""Send batches to one endpoint: split, bisect, set poison aside, hold, and say what became of each.

    outcome = sender.send(batch)
    acknowledge(batch.items[: outcome.settled])      # only now may the journal let go of them
    batch.items[outcome.settled :]                   # to be handed in again after outcome.wait seconds

`send` never sleeps and never raises for what an endpoint does; a request takes at most the endpoint's
timeout. Ranges are sent from left to right, so what is settled is always a row from the left.

A record is only blamed after a control: an empty request, which an OTLP endpoint must accept. If that is
refused with the same code, the endpoint refuses everything (a gateway with a broken rule) and the record is not
to blame. The signal is then held, instead of emptying a weekend's journal onto the shelf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from clientobs.drain.batch import Batch, Item, Outcome, Verdict
from clientobs.drain.otlp.answers import Action, Answer
from clientobs.drain.otlp.encode import Encoded, Encoder, assemble
from clientobs.drain.otlp.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clientobs._loss import LossLedger
    from clientobs.config.model import Signal
    from clientobs.drain.otlp.poison import PoisonShelf

__all__ = ["MAX_REQUESTS", "MAX_REQUEST_BYTES", "Sender", "Transport"]

MAX_REQUEST_BYTES: Final = 3 << 20
"""Bytes of one request before compression; gRPC receivers refuse messages over 4 MiB by default."""

MAX_REQUESTS: Final = 64
"""Requests of one `send`: a thousand poison records must not keep a crash report waiting."""

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
    endpoint_proven: bool = False
    """Whether it has accepted anything since this `send` began, or failed in another way when asked alone."""

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


class Sender:
    """Delivers batches of one signal over one transport; for one thread.

    What becomes lost here is counted in `loss`: "rejected" (partial_success) and "poison".
    """

    def __init__(
        self,
        *,
        signal: Signal,
        transport: Transport,
        shelf: PoisonShelf,
        loss: LossLedger,
        backoff: Backoff | None = None,
        max_requests: int = MAX_REQUESTS,
        max_request_bytes: int = MAX_REQUEST_BYTES,
    ) -> None:
        self.signal = signal
        self._transport = transport
        self._shelf = shelf
        self._loss = loss
        self._backoff = backoff or Backoff()
        self._max_requests = max_requests
        self._max_request_bytes = max_request_bytes
        self._encoder = Encoder()

    def send(self, batch: Batch) -> Outcome:
        """Send a batch, in as many requests as it takes, and return what became of it."""
        tally = _Tally()
        while tally.settled < len(batch.items):
            part = self._next_part(batch.items, tally.settled)
            stopped = self._send_part(part, tally)
            if stopped is not None:
                return stopped
        return tally.outcome("delivered")

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _next_part(self, items: Sequence[Item], start: int) -> list[Encoded]:
        """Encode items from `start` on, as many as one request may hold, and at least one."""
        part: list[Encoded] = []
        size = 0
        for index in range(start, len(items)):
            encoded = self._encoder.encode(items[index])
            size += encoded.size
            if part and size > self._max_request_bytes:
                break
            part.append(encoded)
        return part

    def _send_part(self, part: list[Encoded], tally: _Tally) -> Outcome | None:
        """Send a part, cut in two where the endpoint refuses it; return an outcome where that must stop."""
        waiting = [part]
        while waiting:
            current = waiting.pop()
            good = [encoded for encoded in current if not encoded.error]
            if not good:
                self._settle(current, tally)
                continue
            if tally.requests >= self._max_requests:
                return tally.outcome("more")
            answer = self._post(assemble(good), tally)
            if answer.action is Action.ACCEPTED:
                self._accept(len(good), answer, tally)
                self._settle(current, tally)
            elif answer.action in (Action.RETRY, Action.HOLD):
                return self._stop(answer, tally)
            elif len(good) > 1:
                middle = len(current) // 2
                waiting += [current[middle:], current[:middle]]
            elif (stopped := self._cleared(answer, tally)) is not None:
                return stopped
            else:
                self._settle(current, tally, refusal=answer.text)
        return None

    def _post(self, body: bytes, tally: _Tally) -> Answer:
        tally.requests += 1
        return self._transport.post(body)

    def _stop(self, answer: Answer, tally: _Tally) -> Outcome:
        if answer.action is Action.HOLD:
            return tally.outcome("hold", self._backoff.hold(), answer.text)
        return tally.outcome("retry", self._backoff.retry(answer.retry_after), answer.text)

    def _cleared(self, refusal: Answer, tally: _Tally) -> Outcome | None:
        """Clear the endpoint of suspicion before one record is blamed; return an outcome where it fails."""
        if tally.endpoint_proven:
            return None
        control = self._post(b"", tally)
        if control.action in (Action.RETRY, Action.HOLD):
            return self._stop(control, tally)
        if control.action is not Action.ACCEPTED and control.code == refusal.code:
            words = f"{refusal.text} (an empty request is refused too: the fault is the endpoint's)"
            return tally.outcome("hold", self._backoff.hold(), words)
        tally.endpoint_proven = True
        return None

    def _accept(self, count: int, answer: Answer, tally: _Tally) -> None:
        self._backoff.succeeded()
        tally.endpoint_proven = True
        tally.delivered += max(0, count - answer.rejected)
        tally.rejected += min(count, answer.rejected)
        if answer.rejected:
            self._loss.add(_REJECTED, answer.rejected)
        if answer.text != answer.code:
            tally.reason = answer.text

    def _settle(self, part: list[Encoded], tally: _Tally, *, refusal: str = "") -> None:
        """Count the part as done; what can't be encoded is set aside, and with `refusal` all of it."""
        for encoded in part:
            if words := encoded.error or refusal:
                self._shelf.set_aside(encoded.item.uid, self.signal, assemble([encoded]), words)
                self._loss.add(_POISON)
                tally.poisoned += 1
                tally.reason = words
        tally.settled += len(part)
