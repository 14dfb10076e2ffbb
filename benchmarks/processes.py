"""What it costs to see a child process: subprocess.run of /bin/true, unpatched and patched, in one run.

    python benchmarks/processes.py [--rounds 200]

`bare` is the interpreter's own, `one span` the same inside a `clientobs.span`, `ignored` the wrappers alone, `no
context` and `clientobs` the instrument without and with the environment for the child. `no writes` and `no end` are
what is left of the price where records are made and not written, and where nothing is told of the end: they say where
it goes. Contenders take turns in short bursts, and the best burst of each counts: what disturbs a machine makes bursts
longer, never shorter. docs/explanation/processes.md has the table.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import clientobs
from clientobs.config.model import Config, ProcessesConfig
from clientobs.instruments import registry
from clientobs.instruments.processes.telling import Teller
from clientobs.journal.segment import _FastSegment

BUDGET = 1.15
BURST = 20
SETTINGS = {
    "ignored": ProcessesConfig(ignore=("true",)),
    "no context": ProcessesConfig(context=False),
    "clientobs": ProcessesConfig(),
}
LEFT_OUT: dict[str, tuple[Any, str]] = {"no writes": (_FastSegment, "append"), "no end": (Teller, "ended")}


def run() -> None:
    """Start a program that does nothing, and wait for it."""
    subprocess.run(["/bin/true"], check=False)


def run_in_a_span() -> None:
    """Do the same inside a span of the program's own."""
    with clientobs.span("one span"):
        run()


def burst(call: Callable[[], None]) -> float:
    """Return the microseconds of a call, as the mean of a short burst."""
    began = time.perf_counter_ns()
    for _ in range(BURST):
        call()
    return (time.perf_counter_ns() - began) / BURST / 1e3


def measure(rounds: int) -> dict[str, float]:
    """Return the best burst of each contender."""
    best: dict[str, float] = {}

    def take(name: str, call: Callable[[], None] = run) -> None:
        best[name] = min(best.get(name, float("inf")), burst(call))

    with clientobs.span("bench"):
        for _ in range(rounds):
            take("bare")
            take("one span", run_in_a_span)
            for name, settings in SETTINGS.items():
                around = registry.Surroundings(config=Config(processes=settings))
                registry.work_for(around)
                clientobs.instrument("processes")
                take(name)
                if name == "clientobs":
                    for share, (owner, method) in LEFT_OUT.items():
                        original = getattr(owner, method)
                        setattr(owner, method, lambda *_: True)
                        take(share)
                        setattr(owner, method, original)
                clientobs.uninstrument("processes")
    return best


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        os.environ["CLIENTOBS_HOME"] = str(Path(work, "home"))
        # A burst of one name is what the sampler thins: here it is what is measured.
        clientobs.init("bench", drain="off", instruments=[], limits={"storm_per_minute": 10**9})
        context = {name: f"{name}_010" for name in ("project", "sequence", "shot", "asset", "step", "task")}
        with clientobs.context(**context):
            best = measure(options.rounds)
        clientobs.shutdown()
    bare = best.pop("bare")
    print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores\n")
    print("| subprocess.run of /bin/true | us | ratio | budget |")
    print("| --- | ---: | ---: | --- |")
    print(f"| bare | {bare:.0f} | | |")
    for name, took in best.items():
        verdict = (
            f"{BUDGET}x {'met' if took / bare <= BUDGET else '**missed**'}" if name == "clientobs" else ""
        )
        print(f"| {name} | {took:.0f} | {took / bare:.3f}x | {verdict} |")


if __name__ == "__main__":
    main()
