"""For how long a thread is without the interpreter lock beside a main thread that lets go of it for moments only.

    for python in python3.10 python3.11 python3.12 python3.13; do $python benchmarks/convoy.py; done

Needs nothing but Python. A thread wants to wake four times a second; the main thread computes for some milliseconds and
lets go of the lock for next to nothing, over and over. On a machine with other work the effect is hardly there: who is
taken off its processor while it holds the lock holds it for longer than a switch interval.
"""

from __future__ import annotations

import argparse
import select
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 0.25
SIZES = (5_000, 20_000, 40_000, 80_000)


def longest_absence(let_go: Callable[[], object], size: int, seconds: float) -> tuple[float, float]:
    """Return the length of one round of the main thread, and the longest time without a turn, in seconds."""
    done = threading.Event()
    late = [0.0]

    def keeper() -> None:
        while not done.is_set():
            wanted = time.monotonic() + EVERY
            done.wait(EVERY)
            late.append(time.monotonic() - wanted)

    thread = threading.Thread(target=keeper)
    thread.start()
    began, rounds = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        sum(range(size))
        let_go()
        rounds += 1
    round_seconds = (time.monotonic() - began) / rounds
    done.set()
    thread.join()
    return round_seconds, max(late)


def main() -> int:
    """Measure, and say it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryFile(buffering=0) as file:

        def read() -> None:
            file.seek(0)
            file.read(16)

        file.write(bytes(16))
        for name, let_go in (("select", lambda: select.select([], [], [], 0)), ("read", read)):
            for size in SIZES:
                each, longest = longest_absence(let_go, size, seconds)
                version = f"{sys.version_info[0]}.{sys.version_info[1]}"
                print(f"{version} {name:6} each {each * 1e3:6.2f} ms: up to {longest:5.2f} s without a turn")
    return 0


if __name__ == "__main__":
    sys.exit(main())
