"""Three ways to append a record to a file: os.write, write under the GIL (ctypes.PyDLL), a mapped file.

    python benchmarks/append.py [--seconds 3] [--disk FOLDER] [--write-gb 3]

Prints latencies idle, beside a busy Python thread, and beside a large write to the same disk, of appending a
framed record of 250 bytes, and of `Journal.append` as a whole; ways take turns in short rounds, so that a machine
with other work treats all alike. Then how often each way lets another thread run, which no load changes.
docs/explanation/journal.md has the last tables.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import mmap
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from clientobs._clock import Clock
from clientobs._loss import LossLedger
from clientobs.config.model import JournalConfig
from clientobs.journal.format import Kind, encode_frame
from clientobs.journal.home import prepare
from clientobs.journal.writer import Journal, RunIdentity

PAYLOAD = os.urandom(250)
FRAME = encode_frame(Kind.LOG, PAYLOAD, 1, 1, 1)
MAPPED = 5000  # records in the mapped file, then it is written from the start again

ROUNDS = 10

Append = Callable[[], object]


@contextlib.contextmanager
def os_write(folder: str) -> Iterator[Append]:
    """Append by os.write, which lets go of the GIL."""
    fd = os.open(os.path.join(folder, "os"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    yield lambda: os.write(fd, FRAME)
    os.close(fd)


@contextlib.contextmanager
def under_gil(folder: str) -> Iterator[Append]:
    """Append by libc's write through PyDLL, which keeps the GIL."""
    fd = os.open(os.path.join(folder, "gil"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    write, size = ctypes.PyDLL(None).write, len(FRAME)
    yield lambda: write(fd, FRAME, size)
    os.close(fd)


@contextlib.contextmanager
def mapped(folder: str) -> Iterator[Append]:
    """Append to a mapped file whose blocks are allocated: an unallocated one is SIGBUS on a full disk."""
    fd = os.open(os.path.join(folder, "map"), os.O_RDWR | os.O_CREAT, 0o600)
    size = len(FRAME)
    os.posix_fallocate(fd, 0, (MAPPED + 1) * size)
    view, position = mmap.mmap(fd, (MAPPED + 1) * size), 0

    def append() -> None:
        nonlocal position
        view[position : position + size] = FRAME
        position = (position + size) % (MAPPED * size)

    yield append
    view.close()
    os.close(fd)


@contextlib.contextmanager
def journal(folder: str) -> Iterator[Append]:
    """Append by `Journal.append`: identity check, framing, checksum and rotation are in it."""
    made = Journal(
        prepare(os.path.join(folder, "home"), uid=os.getuid()),
        RunIdentity(run=os.urandom(16).hex(), session="0" * 32),
        config=JournalConfig(),
        clock=Clock(),
        loss=LossLedger(),
    )
    append, kind, stop = made.append, int(Kind.LOG), threading.Event()

    def keep() -> None:
        while not stop.wait(1.0):
            made.tend()

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    yield lambda: append(kind, PAYLOAD)
    stop.set()
    keeper.join()
    made.close("exited", "")


@contextlib.contextmanager
def nothing(_folder: str, _gigabytes: float) -> Iterator[None]:
    """Measure beside nothing."""
    yield


@contextlib.contextmanager
def busy_thread(_folder: str, _gigabytes: float) -> Iterator[None]:
    """Measure beside a thread that computes in Python."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(100))

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


@contextlib.contextmanager
def large_write(folder: str, gigabytes: float) -> Iterator[None]:
    """Measure beside a process that writes a large file to the same disk, again and again."""
    path = os.path.join(folder, "large")
    program = (
        f"import os\nblock = bytes(1 << 22)\nwhile True:\n with open({path!r}, 'wb', buffering=0) as file:\n"
        f"  for _ in range({int(gigabytes * 256)}): file.write(block)\n  os.fsync(file.fileno())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    time.sleep(1.0)
    yield
    process.kill()
    process.wait()


WAYS = {
    "os.write": os_write,
    "write under the GIL": under_gil,
    "mapped file": mapped,
    "`Journal.append`": journal,
}
BESIDE = {"nothing": nothing, "a busy thread": busy_thread, "a large write": large_write}


def measure(append: Append, seconds: float) -> list[float]:
    """Return the latencies of appends over so many seconds, in microseconds, sorted."""
    clock = time.perf_counter_ns
    found: list[float] = []
    end = clock() + int(seconds * 1e9)
    while (before := clock()) < end:
        append()
        found.append((clock() - before) / 1000)
        if len(found) % 50 == 0:
            time.sleep(0.0005)  # an application does other things as well
    return sorted(found)


def in_turn(appends: dict[str, Append], seconds: float) -> dict[str, list[float]]:
    """Measure all ways in rounds; return the latencies of each, sorted."""
    found: dict[str, list[float]] = {name: [] for name in appends}
    for _ in range(ROUNDS):
        for name, append in appends.items():
            found[name] += measure(append, seconds / ROUNDS)
    return {name: sorted(values) for name, values in found.items()}


def turns_given(append: Append) -> int:
    """Count the turns of another thread in 1,000 appends, while nobody is made to let go of the interpreter lock."""
    turns, over = 0, threading.Event()

    def spin() -> None:
        nonlocal turns
        while not over.is_set():
            turns += 1
            time.sleep(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    while turns < 100:
        time.sleep(0)
    append()  # opens what is to be opened
    before = turns
    for _ in range(1000):
        append()
    given = turns - before
    over.set()
    sys.setswitchinterval(interval)
    thread.join()
    return given


def open_all(folder: str, opened: contextlib.ExitStack) -> dict[str, Append]:
    """Return all ways, ready to append, each in a folder of its own."""
    ready = {}
    for number, (name, way) in enumerate(WAYS.items()):
        os.mkdir(place := os.path.join(folder, str(number)))
        ready[name] = opened.enter_context(way(place))
    return ready


def row(name: str, beside: str, found: list[float]) -> str:
    """Return one row of the table."""
    shares = [found[int((len(found) - 1) * share)] for share in (0.5, 0.99, 0.999, 1.0)]
    return f"| {name} | {beside} | " + " | ".join(f"{one:.1f}" for one in shares) + f" | {len(found)} |"


def main() -> None:
    """Measure all ways beside everything and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--disk", default=".", help="folder on the disk to measure")
    parser.add_argument("--write-gb", type=float, default=3.0)
    options = parser.parse_args()
    print("| way | beside | p50 us | p99 us | p99.9 us | max us | appends |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for beside, surroundings in BESIDE.items():
        with tempfile.TemporaryDirectory(dir=options.disk) as folder, contextlib.ExitStack() as opened:
            appends = open_all(folder, opened)
            with surroundings(folder, options.write_gb):
                for name, found in in_turn(appends, options.seconds).items():
                    print(row(name, beside, found), flush=True)
    print("\n| way | turns of another thread, in 1,000 appends |")
    print("| --- | --- |")
    with tempfile.TemporaryDirectory(dir=options.disk) as folder, contextlib.ExitStack() as opened:
        for name, append in open_all(folder, opened).items():
            print(f"| {name} | {turns_given(append)} |", flush=True)


if __name__ == "__main__":
    main()
