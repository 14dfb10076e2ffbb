"""The drain's entry: `start.py` calls `main` once it has let go of the host.

By hand, with the same variables as a host: `python -m clientobs.drain --home HOME --destination KEY`. What
people use is `clientobs drain`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from clientobs._guarded import quiet
from clientobs._version import __version__
from clientobs.drain.assembly import life_of
from clientobs.drain.launch import interpreter, localcopy, manifest
from clientobs.drain.launch.settings import config_from_text
from clientobs.drain.launch.surroundings import CANDIDATES, COPY, IMPORT_PATH, SETTINGS, UNFIT
from clientobs.journal.home import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clientobs.drain.life import Life

__all__ = ["end_by_signal", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Drain one destination of one home until there is nothing left to do; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m clientobs.drain", description=__doc__)
    parser.add_argument("--home", required=True)
    parser.add_argument("--destination", required=True)
    options = parser.parse_args(argv)
    # Taken out: the program of a headers_command, which the drain runs, has no use for them.
    errand = {name: os.environ.pop(name, "") for name in (SETTINGS, UNFIT, CANDIDATES, IMPORT_PATH, COPY)}
    config = config_from_text(errand[SETTINGS] or "{}")
    home = prepare(options.home, uid=os.getuid() if sys.platform != "win32" else None)

    def remember() -> None:
        with quiet("drain.remember"):
            _remember(home.path, json.loads(errand[UNFIT] or "[]"))

    life = life_of(
        config, home, options.destination, idle_seconds=config.drain.idle_seconds, on_start=remember
    )
    end_by_signal(life)
    life.run()
    return 0


def end_by_signal(life: Life) -> None:
    """Let SIGTERM, SIGINT and Windows' Ctrl-Break end a life after its round."""
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda _number, _frame: life.stop())


def _remember(home: str, unfit: list[list[str]]) -> None:
    """Write down that this interpreter works, and clear away copies of the code that nobody uses any more."""
    interpreter.remember(home, __version__, sys.executable, [(path, reason) for path, reason in unfit])
    localcopy.remove_stale(home, keep=manifest.copy_folder(home, __version__))


if __name__ == "__main__":
    sys.exit(main())
