"""Drains for tests, in this process; drain_process.py has those that are killed."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clientobs._loss import LossLedger
from clientobs.config.model import Config, DeliveryConfig, EndpointConfig, JournalConfig
from clientobs.drain.metrics.turn import MachineTurn
from clientobs.drain.otlp.poison import PoisonShelf
from clientobs.drain.otlp.senders import open_senders
from clientobs.drain.service.service import Service
from clientobs.journal.home import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

DESTINATION = "d" * 32
ROOT = Path(__file__).resolve().parents[2]


def config_for(
    base: str, *, token: str = "", signals: str = "traces logs metrics", bulk_bytes: int = 256 << 20
) -> Config:
    """Return a configuration that delivers to a receiver, and is not moved by a nearly full disk."""
    headers = (("authorization", token),) if token else ()
    traces, logs, metrics = (
        EndpointConfig(url=f"{base}/v1/{signal}", headers=headers, timeout=2.0)
        if signal in signals.split()
        else None
        for signal in ("traces", "logs", "metrics")
    )
    return Config(
        delivery=DeliveryConfig(traces=traces, logs=logs, metrics=metrics),
        journal=JournalConfig(free_floor_bytes=0, bulk_bytes=bulk_bytes),
    )


def own_turn(home: str) -> MachineTurn:
    """Return the turn at measuring a machine of the test's own: real drains may be at work on this one."""
    return MachineTurn(os.path.join(home, "drain", "machine.lock"))


def make_service(home: Path, config: Config, destination: str = DESTINATION, **options: Any) -> Service:
    """Return a drain for this home; the caller closes it."""
    loss = LossLedger()
    prepared = prepare(str(home), uid=os.getuid() if os.name == "posix" else None)
    shelf = PoisonShelf(os.path.join(prepared.path, "drain", "poison"))
    return Service(
        home=prepared,
        config=config,
        destination=destination,
        senders=open_senders(config.delivery, shelf=shelf, loss=loss, proxies={}),
        loss=loss,
        **{"turn": own_turn(prepared.path), **options},
    )


@contextmanager
def running(service: Service) -> Iterator[Service]:
    """Run a drain in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(stop,), kwargs={"idle_seconds": float("inf")})
    thread.start()
    try:
        yield service
    finally:
        stop.set()
        service.wake()
        thread.join(20)
        service.close()
        assert not thread.is_alive()


def drain_once(
    home: Path, config: Config, destination: str = DESTINATION, *, timeout: float = 20, **options: Any
) -> bool:
    """Deliver what is there, and leave."""
    service = make_service(home, config, destination, **options)
    try:
        return service.once(timeout)
    finally:
        service.close()
