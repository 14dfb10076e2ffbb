"""One drain at work: the delivery of a destination (service.py) as its life (life.py) sees it."""

from __future__ import annotations

import os

from clientobs._loss import LossLedger
from clientobs.config.model import Config
from clientobs.drain.destination import open_senders
from clientobs.drain.life import Round
from clientobs.drain.lock import drain_folder
from clientobs.drain.poison import PoisonShelf
from clientobs.drain.service import Service
from clientobs.journal.home import prepare

__all__ = ["Shift", "build", "build_service"]


class Shift:
    """Rounds of a Service. The wait between two is here, because an answer that comes back cuts it short."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._read_more = True

    def step(self) -> Round:
        """Wait as long as the last round said, then do one."""
        self._service.rest(self._read_more)
        self._read_more = self._service.step()
        return Round(
            live=self._service.any_alive,
            waiting=not self._service.drained,
            pause=0.0,
            stuck=not self._read_more and self._service.stuck,
        )

    def has_work(self) -> bool:
        """Look without the lock: is there a live run, or anything to deliver?"""
        self._service.look_around()
        return not self._service.idle

    def close(self) -> None:
        """Write the state and let go of connections."""
        self._service.close()


def build_service(config: Config, home: str, destination: str) -> Service:
    """Return the delivery of one destination; raises UnsafeHomeError where the home is refused."""
    prepared = prepare(home, uid=os.getuid() if hasattr(os, "getuid") else None)
    loss = LossLedger()
    shelf = PoisonShelf(os.path.join(drain_folder(prepared.path), "poison"))
    senders = open_senders(config.delivery, shelf=shelf, loss=loss)
    # Runs from before any endpoint was configured ("") belong to whoever delivers.
    return Service(
        home=prepared, config=config, destination=destination, senders=senders, loss=loss, adopt=("",)
    )


def build(config: Config, home: str, destination: str) -> Shift:
    """Return the same, ready for `life.Life`."""
    return Shift(build_service(config, home, destination))
