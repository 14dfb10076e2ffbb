"""The measured process: `python -m benchmarks.child CONTENDER MEASURE ENDPOINT`, one line of JSON on stdout.

Each measurement has a process of its own, so that nobody's imports, threads or caches help or hinder another.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable

from benchmarks.contenders import CONTENDERS, Contender

__all__ = ["MEASURES"]

SPANS = 20_000
WARM_UP = 500
SETTLED = 2.0
"""Seconds until what starts beside a contender (threads, a drain) has started; "set-up" measures that."""
Numbers = dict[str, float]


def spans(contender: Contender, endpoint: str) -> Numbers:
    """Open and close spans one after the other; us on this thread, and CPU of all threads until shut down."""
    opened = contender.start(endpoint)
    for i in range(WARM_UP):
        with opened(i):
            pass
    time.sleep(SETTLED)
    clock, took = time.perf_counter_ns, [0] * SPANS
    cpu = time.process_time_ns()
    for i in range(SPANS):
        start = clock()
        with opened(i):
            pass
        took[i] = clock() - start
    contender.stop()
    cpu = time.process_time_ns() - cpu
    took.sort()
    return {
        "mean": sum(took) / SPANS / 1e3,
        "p50": took[SPANS // 2] / 1e3,
        "p99": took[SPANS * 99 // 100] / 1e3,
        "p99.9": took[SPANS * 999 // 1000] / 1e3,
        "cpu": cpu / SPANS / 1e3,
    }


def spans_beside_a_busy_thread(contender: Contender, endpoint: str) -> Numbers:
    """Open and close spans with a pause between them, while another Python thread computes."""
    opened = contender.start(endpoint)
    done, clock = threading.Event(), time.perf_counter_ns

    def compute() -> None:
        while not done.is_set():
            sum(range(200))

    busy = threading.Thread(target=compute, daemon=True)
    busy.start()
    took = []
    for i in range(2_000):
        start = clock()
        with opened(i):
            pass
        took.append(clock() - start)
        time.sleep(
            0.0005
        )  # a tool does something between two spans; here, let the other thread have the lock
    done.set()
    busy.join()
    contender.stop()
    took.sort()
    return {"p50": took[1_000] / 1e3, "p99": took[1_980] / 1e3, "p99.9": took[1_998] / 1e3}


GREAT_WRITE = """
import os, sys
block = os.urandom(1 << 20)
with open(sys.argv[1], "wb", buffering=0) as file:
    for _ in range(3 << 10):
        file.write(block)
    os.fdatasync(file.fileno())
"""


def spans_beside_a_great_write(contender: Contender, endpoint: str) -> Numbers:
    """Open and close spans with a pause between them, while another process writes 3 GB to the journal's disk."""
    import subprocess  # noqa: PLC0415  # what a contender finds loaded costs it nothing at its start
    import tempfile  # noqa: PLC0415

    opened = contender.start(endpoint)
    clock, took = time.perf_counter_ns, []
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.environ["CLIENTOBS_HOME"])) as folder:
        writer = subprocess.Popen([sys.executable, "-c", GREAT_WRITE, f"{folder}/cache.abc"])
        while writer.poll() is None or len(took) < 2_000:
            start = clock()
            with opened(len(took)):
                pass
            took.append(clock() - start)
            time.sleep(0.0005)
    contender.stop()
    took.sort()
    count = len(took)
    return {
        "p50": took[count // 2] / 1e3,
        "p99": took[count * 99 // 100] / 1e3,
        "p99.9": took[count * 999 // 1000] / 1e3,
    }


def imported(contender: Contender, _endpoint: str) -> Numbers:
    """Import the package and nothing else, in ms over the bare interpreter."""
    start = time.perf_counter_ns()
    importlib.import_module(contender.package)
    return {"import": (time.perf_counter_ns() - start) / 1e6}


def set_up(contender: Contender, endpoint: str) -> Numbers:
    """Import and set up, then record a little; ms, ms of CPU, and MB of memory that this process has grown by."""
    before = _resident()
    start, cpu = time.perf_counter_ns(), time.process_time_ns()
    opened = contender.start(endpoint)
    ready, cpu = time.perf_counter_ns() - start, time.process_time_ns() - cpu
    for i in range(1_000):
        with opened(i):
            pass
    time.sleep(1)  # until exporters have loaded what they load at their first export
    grown = _resident() - before
    contender.stop()
    return {"set-up": ready / 1e6, "cpu": cpu / 1e6, "memory": grown / 1e6}


def leave(contender: Contender, endpoint: str) -> Numbers:
    """Record a little and come to the end of the program; the caller measures from here to the exit."""
    opened = contender.start(endpoint)
    for i in range(100):
        with opened(i):
            pass
    return {"leaving at": time.time()}


def until_killed(contender: Contender, endpoint: str) -> Numbers:
    """Record spans, a line of output for each hundred, until somebody kills this process."""
    opened = contender.start(endpoint)
    i = 0
    while True:
        for _ in range(100):
            with opened(i):
                i += 1
        os.write(1, f"{i}\n".encode())
        time.sleep(0.01)


def _resident() -> float:
    """Return the resident memory in bytes, without loading what a contender would load itself (the SDK: psutil)."""
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as pages:
            return float(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import psutil  # noqa: PLC0415  # elsewhere the ruler is psutil, and every contender starts with it loaded

    return float(psutil.Process().memory_info().rss)


MEASURES: dict[str, Callable[[Contender, str], Numbers]] = {
    "spans": spans,
    "busy": spans_beside_a_busy_thread,
    "great write": spans_beside_a_great_write,
    "import": imported,
    "set-up": set_up,
    "leave": leave,
    "killed": until_killed,
}


def main() -> None:
    """Run one measurement."""
    contender, measure, endpoint = sys.argv[1:4]
    _resident()
    sys.stdout.write(json.dumps(MEASURES[measure](CONTENDERS[contender](), endpoint)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
