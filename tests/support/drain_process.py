"""A drain as a process of its own, which kills itself with SIGKILL at a chosen step.

    python -m support.drain_process HOME URL --kill-at sent --at-batch 2

Steps: `taken` (before a batch is sent), `sent` (after the 2xx, before the acknowledgement), `acked` (after
it), `booked` (after the books hold the metrics, before their acknowledgement). Without --kill-at it delivers
what is there and leaves.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clientobs.drain.metrics import machine
from clientobs.drain.runs import run_tail
from clientobs.drain.service.courier import Courier
from support.drains import DESTINATION, config_for, drain_once, make_service, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def drain_environment() -> dict[str, str]:
    """Return an environment in which a child finds this project and its test support."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}


class DrainProcess:
    """A drain that stays until it is stopped."""

    def __init__(
        self, home: Path, base: str, destination: str = DESTINATION, adopt: str | None = None
    ) -> None:
        adopting = [] if adopt is None else ["--adopt", adopt]
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "support.drain_process",
                str(home),
                base,
                "--stay",
                "--destination",
                destination,
                *adopting,
            ],
            stdin=subprocess.PIPE,
            env=drain_environment(),
        )

    def stop(self) -> None:
        """Let it finish, and wait for it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(20) == 0


def run_drain(home: Path, base: str, *arguments: str, timeout: float = 30) -> int:
    """Run the program below, and return how it ended (negative: by a signal)."""
    return subprocess.run(
        [sys.executable, "-m", "support.drain_process", str(home), base, *arguments],
        env=drain_environment(),
        timeout=timeout,
        check=False,
    ).returncode


def _die_at(step: str, at_batch: int, only: str) -> None:
    count = 0

    def die_if(now: str) -> None:
        nonlocal count
        count += now == step
        if now == step and count >= at_batch:
            os.kill(os.getpid(), signal.SIGKILL)

    _around_send(die_if, only)
    _before_dying(run_tail, "append_acks", lambda *_: die_if("acked"))
    _before_dying(machine, "write_books", lambda _, books: die_if("booked") if books.marks else None)


def _before_dying(module: ModuleType, name: str, then: Callable[..., object]) -> None:
    """Let `then` follow each call of a module's function, with the same arguments."""
    function = getattr(module, name)

    def call(*arguments: Any) -> None:
        function(*arguments)
        then(*arguments)

    setattr(module, name, call)


def _around_send(die_if: Any, only: str) -> None:
    send = Courier._send

    def dying_send(self: Courier, batch: Any) -> Any:
        if only and self.signal != only:
            return send(self, batch)
        die_if("taken")
        outcome = send(self, batch)
        die_if("sent")
        return outcome

    Courier._send = dying_send  # type: ignore[method-assign]  # the very step at which to die


def main() -> int:
    """Deliver, or die."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("base")
    parser.add_argument("--destination", default=DESTINATION)
    parser.add_argument("--adopt", action="append", default=[])
    parser.add_argument("--kill-at", default="")
    parser.add_argument("--at-batch", type=int, default=1)
    parser.add_argument("--only", default="", help="count batches of this signal alone")
    parser.add_argument("--stay", action="store_true", help="run until stdin ends")
    options = parser.parse_args()
    if options.kill_at:
        _die_at(options.kill_at, options.at_batch, options.only)
    config = config_for(options.base)
    if options.stay:
        with running(make_service(options.home, config, options.destination, adopt=options.adopt)):
            sys.stdin.read()
        return 0
    return 0 if drain_once(options.home, config, options.destination) else 1


if __name__ == "__main__":
    sys.exit(main())
