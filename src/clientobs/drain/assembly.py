"""Put a drain together: its service from configuration, home and destination, and the life that it leads.

What is composed here is the same for a drain that a host started, `clientobs drain` and `thread` mode.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from clientobs._loss import LossLedger
from clientobs.config import environment
from clientobs.drain.life import Life, Place
from clientobs.drain.lock import drain_folder
from clientobs.drain.metrics.turn import MachineTurn
from clientobs.drain.otlp.poison import PoisonShelf
from clientobs.drain.otlp.senders import open_senders
from clientobs.drain.runs.registry import Registry
from clientobs.drain.service.service import Service
from clientobs.journal.runs import header_of, list_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.config.model import Config
    from clientobs.drain.life import Steward
    from clientobs.drain.logfiles.following import LogFiles
    from clientobs.journal.home import Home
    from clientobs.journal.runs import RunFolder

__all__ = ["has_work", "life_of"]

_NOWHERE: Final = "none"
"""Stands for the empty destination in file names."""


def life_of(
    config: Config,
    home: Home,
    destination: str,
    *,
    idle_seconds: float,
    steward: Steward = "host",
    on_start: Callable[[], object] = lambda: None,
) -> Life:
    """Return the life of the drain of `home` and `destination`; `on_start` is called under its lock."""
    place = Place(home=home.path, destination=destination or _NOWHERE, steward=steward)

    def build() -> Service:
        on_start()
        loss = LossLedger()
        shelf = PoisonShelf(os.path.join(drain_folder(home.path), "poison"))
        return Service(
            home=home,
            config=config,
            destination=destination,
            senders=open_senders(config.delivery, shelf=shelf, loss=loss),
            loss=loss,
            # Recorded before any endpoint was configured: they belong to whoever delivers first.
            adopt=("",) if destination else (),
            turn=MachineTurn(),
            log_files=_log_files(config, home, destination),
        )

    return Life(place, build, lambda: has_work(home, destination), idle_seconds=idle_seconds)


def _log_files(config: Config, home: Home, destination: str) -> LogFiles | None:
    if not config.log_files:
        return None
    from clientobs.drain.logfiles.following import LogFiles  # noqa: PLC0415  # only where a tool's files are read

    return LogFiles(config, home, destination, environ=environment.current())


def has_work(home: Home, destination: str) -> bool:
    """Look whether a run of `destination` is alive, or has records that have not arrived. Changes nothing."""
    registry = Registry(home, destination, LossLedger())
    registry.refresh(forget=lambda _run: None)
    return registry.any_alive or not registry.settled or any(map(_begins, list_runs(home)))


def _begins(run: RunFolder) -> bool:
    """Say whether a run is alive and has not told yet where it belongs: it may be ours."""
    return run.is_alive and header_of(run.path) is None
