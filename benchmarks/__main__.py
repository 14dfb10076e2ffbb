"""Compare clientobs with its peers: `python -m benchmarks [--rounds N]`, some minutes.

Contenders take turns within each round, so that a machine that warms up or is busy for a while treats all
alike; the median of the rounds is shown, and the ratios that the budgets speak of.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.table import Figures, render

ROOT = Path(__file__).parents[1]
NOWHERE = "http://127.0.0.1:9"


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for name in CONTENDERS:
        child(name, "set-up", NOWHERE)  # whose bytecode is not there yet is compiled here
    figures: Figures = {}
    for turn in range(options.rounds):
        for name in CONTENDERS:
            for key, value in one_round(name).items():
                figures.setdefault(key, {}).setdefault(name, []).append(value)
        sys.stderr.write(f"round {turn + 1} of {options.rounds}\n")
    print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores, ", end="")
    print(f"median of {options.rounds} rounds\n")
    print(render({key: medians(values) for key, values in figures.items()}))


def medians(values: dict[str, list[float]]) -> dict[str, float]:
    """Return the median of each contender."""
    return {name: statistics.median(numbers) for name, numbers in values.items()}


def one_round(name: str) -> dict[str, float]:
    """Return all figures of one contender, measured once."""
    first = ("import alone, ms", "import and set-up, ms", "import and set-up, CPU ms")  # as rows of the table
    found: dict[str, float] = dict.fromkeys(first, 0.0)
    with backend("ok") as (endpoint, _):
        for key, value in child(name, "spans", endpoint).items():
            found["CPU per span, us" if key == "cpu" else f"span {key}, us"] = value
        for key, value in child(name, "busy", endpoint).items():
            found[f"span {key} beside a busy thread, us"] = value
        if sys.platform == "linux":
            for key, value in child(name, "great write", endpoint).items():
                found[f"span {key} beside a 3 GB write, us"] = value
        found["import alone, ms"] = child(name, "import", endpoint)["import"]
        made = child(name, "set-up", endpoint)
        found["import and set-up, ms"], found["import and set-up, CPU ms"] = made["set-up"], made["cpu"]
        found["memory added, MB"] = made["memory"]
        found["exit, backend answers, ms"] = exit_time(name, endpoint)
    found["exit, backend refuses, ms"] = exit_time(name, NOWHERE)
    with backend("hanging") as (endpoint, _):
        found["exit, backend hangs, ms"] = exit_time(name, endpoint)
    if os.name != "nt":
        found["spans lost by kill -9"] = lost_by_kill(name)
    if name == "clientobs" and os.name != "nt":
        told = json.loads(subprocess.check_output([sys.executable, "-m", "benchmarks.drain"], cwd=ROOT))
        found["drain, spans/s on one core"] = told["spans_per_second_one_core"]
        found["drain, memory at its peak, MB"] = told["process_peak_mb"]
    return found


def child(name: str, measure: str, endpoint: str) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    with environment(endpoint) as environ:
        told = subprocess.run(
            command(name, measure, endpoint), cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE
        ).stdout
        return dict(json.loads(told.splitlines()[-1]))


def exit_time(name: str, endpoint: str) -> float:
    """Return the ms from the last line of the program to the end of its process."""
    with environment(endpoint) as environ:
        done = subprocess.run(
            command(name, "leave", endpoint),
            cwd=ROOT,
            env=environ,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # exporters complain of the backend
        )
        ended = time.time()
        return float(ended - json.loads(done.stdout.splitlines()[-1])["leaving at"]) * 1e3


def lost_by_kill(name: str) -> float:
    """Return how many ended spans never arrive when the process is killed after about a second."""
    with backend("ok") as (endpoint, port), environment(endpoint) as environ:
        process = subprocess.Popen(
            command(name, "killed", endpoint), cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        ended, until = 0, time.monotonic() + 1.5
        while time.monotonic() < until:
            ended = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        arrived, until = 0, time.monotonic() + 20
        while time.monotonic() < until and arrived < ended:
            time.sleep(0.25)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/count") as answer:
                arrived = json.load(answer)
            if name != "clientobs" and time.monotonic() > until - 18:
                break  # nobody is left who could send more
        return max(ended - arrived, 0)


def command(name: str, measure: str, endpoint: str) -> list[str]:
    """Return the command line of a measured process."""
    return [sys.executable, "-m", "benchmarks.child", name, measure, endpoint]


@contextlib.contextmanager
def environment(endpoint: str) -> Iterator[dict[str, str]]:
    """Give a measured process a clean environment and a journal home of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "CLIENTOBS_"))
        }
        # Else our modules, and nobody else's, would be compiled each time.
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        yield {
            **kept,
            "CLIENTOBS_HOME": str(Path(home, "home")),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            # A workstation's setting: in a container, where this may run, exit waits for delivery on purpose.
            "CLIENTOBS_EXIT_FLUSH": "0",
        }


@contextlib.contextmanager
def backend(kind: str) -> Iterator[tuple[str, int]]:
    """Run a backend; yield its address and port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.backend", kind], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}", port
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    main()
