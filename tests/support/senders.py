"""Senders to a receiver of the test, with all that they need."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clientobs._loss import LossLedger
from clientobs.config.model import DeliveryConfig, EndpointConfig
from clientobs.drain.otlp.deliver import Sender
from clientobs.drain.otlp.poison import PoisonShelf
from clientobs.drain.otlp.retry import Backoff
from clientobs.drain.otlp.senders import open_senders
from support.items import spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clientobs.config.model import Signal
    from clientobs.drain.batch import Outcome
    from clientobs.drain.otlp.deliver import Transport

__all__ = ["Address", "Delivery", "deliver_through", "deliver_to", "send_one", "shelved"]


class Address:
    """Any URL in a receiver's place, the same for all signals."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, _signal: str) -> str:
        return self._url


@dataclass(frozen=True)
class Delivery:
    """Senders by signal, and where poison and losses show."""

    senders: dict[Signal, Sender]
    shelf: PoisonShelf
    loss: LossLedger

    @property
    def traces(self) -> Sender:
        return self.senders["traces"]

    @property
    def logs(self) -> Sender:
        return self.senders["logs"]


@contextmanager
def deliver_to(
    receiver: Any,
    folder: Path,
    *,
    proxies: Mapping[str, str] | None = None,
    headers_file: str | None = None,
    headers_command: tuple[str, ...] = (),
    **endpoint: Any,
) -> Iterator[Delivery]:
    """Open senders of all signals to `receiver` (something with url(signal)); `endpoint`: EndpointConfig."""
    shelf, loss = PoisonShelf(str(folder / "poison")), LossLedger()
    endpoint = {"timeout": 5.0, **endpoint}
    delivery = DeliveryConfig(
        traces=EndpointConfig(url=receiver.url("traces"), **endpoint),
        logs=EndpointConfig(url=receiver.url("logs"), **endpoint),
        metrics=EndpointConfig(url=receiver.url("metrics"), **endpoint),
        headers_file=headers_file,
        headers_command=headers_command,
    )
    senders = open_senders(delivery, shelf=shelf, loss=loss, proxies=proxies or {})
    try:
        yield Delivery(senders, shelf, loss)
    finally:
        for sender in senders.values():
            sender.close()


def deliver_through(transport: Transport, folder: Path, **options: Any) -> Delivery:
    """Return a sender of traces over a transport of the test's own; its waits have no jitter."""
    shelf, loss = PoisonShelf(str(folder / "poison")), LossLedger()
    sender = Sender(
        signal="traces",
        transport=transport,
        shelf=shelf,
        loss=loss,
        backoff=Backoff(fraction=lambda: 1.0),
        **options,
    )
    return Delivery({"traces": sender}, shelf, loss)


def send_one(receiver: Any, folder: Path, **options: Any) -> Outcome:
    """Send a batch of one span, and return what became of it."""
    with deliver_to(receiver, folder, **options) as delivery:
        return delivery.traces.send(spans(1))


def shelved(shelf: PoisonShelf) -> list[str]:
    """Return `uid.signal` of the records that were set aside, oldest first."""
    try:
        found = sorted(os.scandir(shelf.folder), key=lambda entry: (entry.stat().st_mtime_ns, entry.name))
    except FileNotFoundError:
        return []
    return [entry.name.removesuffix(".txt") for entry in found if entry.name.endswith(".txt")]
