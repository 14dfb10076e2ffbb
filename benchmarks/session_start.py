"""What telling a session's start adds to `clientobs.init()`: `python -m benchmarks.session_start`, half a minute.

Each process calls init() once, on its main thread, with session.start and what is collected for it (machine,
variables, packages), or with both left out. They take turns, and the least of the rounds counts: what the machine
does beside it can only add. The collecting is the keeper's work; what it adds to init() is its share of the
interpreter lock, which is in the time that passes and not in the thread's own processor time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

BUDGET_MS = 5.0
PROGRAM = """
import sys, time
import clientobs
from clientobs.runtime.environment import SessionEnvironment
from clientobs.runtime.session import SessionEvents

if sys.argv[1] == "without":
    SessionEvents.started = SessionEnvironment.look = SessionEnvironment.finish = lambda *_, **__: None
begun, cpu = time.perf_counter(), time.thread_time()
clientobs.init("tool", drain="off", session_kind="interactive")
print((time.perf_counter() - begun) * 1e3, (time.thread_time() - cpu) * 1e3)
"""


def main() -> int:
    """Measure, and say it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.session_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    least: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as bytecode:
        measured("with", bytecode)  # compiled here, and not in the first round
        for _ in range(rounds):
            for which in ("with", "without"):
                found = measured(which, bytecode)
                least[which] = [min(pair) for pair in zip(least.get(which, found), found, strict=True)]
    told, untold = least["with"], least["without"]
    added, own = told[0] - untold[0], told[1] - untold[1]
    print("ms                            passed   own CPU")
    print(f"init() with session.start     {told[0]:6.1f}   {told[1]:6.1f}")
    print(f"init() without session.start  {untold[0]:6.1f}   {untold[1]:6.1f}")
    print(f"added                         {added:6.1f}   {own:6.1f} (budget: {BUDGET_MS} ms)")
    return 0 if added <= BUDGET_MS else 1


def measured(which: str, bytecode: str) -> list[float]:
    """Return the milliseconds that one init() took and used, in a process and a home of its own."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, which],
            capture_output=True,
            text=True,
            check=True,
            env={
                **environ,
                "PYTHONPYCACHEPREFIX": bytecode,
                "CLIENTOBS_HOME": home,
                "CLIENTOBS_EXIT_FLUSH": "0",
            },
        )
    return [float(number) for number in done.stdout.split()]


if __name__ == "__main__":
    sys.exit(main())
