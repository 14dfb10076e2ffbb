"""What it costs to keep the context in threads and tasks: each way against the bare one, in one run.

    python benchmarks/threads.py [--rounds 40]

`otel` is opentelemetry-instrumentation-threading, where it is installed. All run inside a span. The ways take turns
in short bursts, and the best burst of each counts. docs/explanation/threads-and-children.md has the table.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import clientobs

pool = ThreadPoolExecutor(1)


def start_and_join() -> None:
    """Start a thread and wait for it."""
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def submit_and_wait() -> None:
    """Submit a task and wait for it."""
    pool.submit(int).result()


def submit_many() -> None:
    """Submit a hundred tasks of nothing, and wait for them at the end."""
    for future in [pool.submit(int) for _ in range(100)]:
        future.result()


ROWS: dict[str, tuple[Callable[[], None], int]] = {
    "Thread start + join": (start_and_join, 300),
    "submit + result": (submit_and_wait, 500),
    "100 submits of nothing + results": (submit_many, 10),
}


def otel_switch(on: bool) -> None:
    """Switch the instrumentation of the contrib project."""
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor  # noqa: PLC0415

    instrumentor = ThreadingInstrumentor()
    if on or instrumentor.is_instrumented_by_opentelemetry:
        (instrumentor.instrument if on else instrumentor.uninstrument)()


def our_switch(on: bool) -> None:
    """Switch ours."""
    (clientobs.instrument if on else clientobs.uninstrument)("threads")


def burst(work: Callable[[], None], count: int) -> float:
    """Return seconds for one call."""
    began = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - began) / count


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    os.environ["CLIENTOBS_HOME"] = tempfile.mkdtemp()
    clientobs.init("benchmark", drain="off", profile="minimal")
    ways: dict[str, Callable[[bool], None]] = {"bare": lambda _on: None, "clientobs": our_switch}
    if importlib.util.find_spec("opentelemetry.instrumentation.threading"):
        ways["otel"] = otel_switch
    print(f"| | bare, us | {' | '.join(name for name in ways if name != 'bare')} |")
    with clientobs.span("benchmark"):
        for name, (work, count) in ROWS.items():
            best = dict.fromkeys(ways, float("inf"))
            for _ in range(rounds):
                for way, switch in ways.items():
                    switch(True)
                    best[way] = min(best[way], burst(work, count))
                    switch(False)
            ratios = [f"{best[way] / best['bare']:.3f}x" for way in ways if way != "bare"]
            print(f"| {name} | {best['bare'] * 1e6:.2f} | {' | '.join(ratios)} |")


if __name__ == "__main__":
    main()
