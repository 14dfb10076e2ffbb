"""The drain's entry: `start.py` calls `main` once it has let go of the host.

By hand, with the same variables as a host: `python -m clientobs.drain --home HOME --destination KEY`. What people use
is `clientobs drain`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence

from clientobs._guarded import quiet
from clientobs.config.model import Config
from clientobs.drain import interpreter, localcopy, manifest, shift
from clientobs.drain.life import Life, Place, Reason, take_lock
from clientobs.drain.lock import drain_folder
from clientobs.drain.settings import config_from_text
from clientobs.drain.surroundings import SETTINGS

__all__ = ["main", "run"]

_UNFIT = "CLIENTOBS_DRAIN_UNFIT"


def main(argv: Sequence[str] | None = None) -> int:
    """Drain one destination of one home until there is nothing left to do; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m clientobs.drain", description=__doc__)
    parser.add_argument("--home", required=True)
    parser.add_argument("--destination", required=True)
    options = parser.parse_args(argv)
    # Taken out at once: a headers_command that the drain runs has no need of all its settings.
    config = config_from_text(os.environ.pop(SETTINGS, "{}"))
    place = Place(home=os.path.abspath(options.home), destination=options.destination)
    stop = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda _number, _frame: stop.set())
    run(config, place, stop=stop, idle_seconds=config.drain.idle_seconds)
    return 0


def run(
    config: Config, place: Place, *, stop: threading.Event, idle_seconds: float, once: bool = False
) -> Reason:
    """Take the lock and live until idle, asked, stopped or (`once`) done; "held" where another drain has it."""
    drain_folder(place.home)
    lock = take_lock(place)
    if lock is None:
        return "held"
    with quiet("drain.remember"):
        _remember(place)
    return Life(
        shift.build(config, place.home, place.destination),
        lock,
        place,
        idle_seconds=idle_seconds,
        stop=stop,
        once=once,
    ).run()


def _remember(place: Place) -> None:
    """Write down that this interpreter works, and clear away copies of the code that nobody uses any more."""
    unfit = [(str(path), str(reason)) for path, reason in json.loads(os.environ.pop(_UNFIT, "[]"))]
    if sys.executable and place.steward == "host":
        interpreter.remember(place.home, place.version, sys.executable, unfit)
    localcopy.remove_stale(place.home, keep=manifest.copy_folder(place.home, place.version))


if __name__ == "__main__":
    sys.exit(main())
