"""What it costs to see files: ways to do it side by side, each against the bare call, in one run.

    python benchmarks/files.py [--rounds 300] [--folder FOLDER]

`wrapper` times the call of open and nothing else. `proxy` hands out a wrapt.ObjectProxy, as instrumentation
libraries do; `FileIO subclass` puts a class of its own below the buffer, to hear of reads and of the close.
`clientobs` is the instrument `files`, inside a span. Contenders take turns in short bursts, and the best burst of
each counts: what disturbs a machine makes bursts longer, never shorter. docs/explanation/file-io.md has the table.
"""

from __future__ import annotations

import argparse
import builtins
import io
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import wrapt

import clientobs
from support.slow_mount import slow_mount

Row = Mapping[str, Callable[[], object]]
BUDGETS = {
    "open+read+close, 4 KiB, rb": 1.15,
    "open+read+close, 4 KiB, r": 1.15,
    "open+write+close, 4 KiB": 1.35,
    "iterate over 10,000 lines": 1.05,
    "read 100 MB": 1.01,
    "os.stat": 1.4,
    "os.scandir, 10,000 entries": 1.05,
    "shutil.copytree, 2,000 files": 1.10,
    (ON_NAS := "open+read+close on a NAS"): 1.01,
}
CONTENDERS = ("wrapper", "proxy", "FileIO subclass", "clientobs")
bare_open, bare_stat, bare_scandir, bare_copytree = open, os.stat, os.scandir, shutil.copytree


def timed_open(*args: Any, **kwargs: Any) -> Any:
    """Time the call alone."""
    began = time.perf_counter_ns()
    handle = bare_open(*args, **kwargs)
    Totals.spent += time.perf_counter_ns() - began
    return handle


def proxy_open(*args: Any, **kwargs: Any) -> Any:
    """Hand out a proxy, which is no file to `isinstance` of an exact type nor to a C extension."""
    return wrapt.ObjectProxy(timed_open(*args, **kwargs))


class Totals:
    """What the peers add up."""

    spent = 0


class TimedFileIO(io.FileIO):
    """Hears of reads and the close; the buffers above lose the fast paths that they have for FileIO."""

    def readinto(self, buffer: Any) -> Any:
        """Read and time it."""
        began = time.perf_counter_ns()
        count = super().readinto(buffer)
        Totals.spent += time.perf_counter_ns() - began
        return count

    def close(self) -> None:
        """Close and time it."""
        began = time.perf_counter_ns()
        super().close()
        Totals.spent += time.perf_counter_ns() - began


def subclass_open(path: str, mode: str = "r") -> Any:
    """Build the layers as `open` does, on the subclass."""
    raw = TimedFileIO(path, mode.replace("b", ""))
    buffer = io.BufferedWriter(raw) if "w" in mode else io.BufferedReader(raw)
    return buffer if "b" in mode else io.TextIOWrapper(buffer)


def reading(opens: Callable[..., Any], path: str, mode: str, size: int = -1) -> Callable[[], object]:
    """Return a call that opens, reads and closes."""

    def once() -> None:
        with opens(path, mode) as file:
            file.read(size)

    return once


def writing(opens: Callable[..., Any], path: str) -> Callable[[], object]:
    """Return a call that opens, writes 4 KiB and closes."""
    data = b"x" * 4096

    def once() -> None:
        with opens(path, "wb") as file:
            file.write(data)

    return once


def iterating(opens: Callable[..., Any], path: str) -> Callable[[], object]:
    """Return a call that goes through the lines of a file."""

    def once() -> None:
        with opens(path, "r") as file:
            for _ in file:
                pass

    return once


def walking(scandir: Callable[..., Any], folder: str) -> Callable[[], object]:
    """Return a call that goes through the entries of a folder."""

    def once() -> None:
        with scandir(folder) as entries:
            for _ in entries:
                pass

    return once


def copying(copytree: Callable[..., Any], source: str, target: str) -> Callable[[], object]:
    """Return a call that copies a tree and removes the copy."""

    def once() -> None:
        copytree(source, target)
        bare_rmtree(target)

    return once


bare_rmtree = shutil.rmtree


def rows(folder: Path, ours: Mapping[str, Any]) -> dict[str, tuple[Row, int]]:
    """Return each row's contenders, and how many calls make a burst."""
    small, lines, large, tree = prepare(folder)
    opens = {
        "bare": bare_open,
        "wrapper": timed_open,
        "proxy": proxy_open,
        "FileIO subclass": subclass_open,
        "clientobs": ours["open"],
    }
    out = str(folder / "out.bin")
    both = ("bare", "clientobs")
    return {
        "open+read+close, 4 KiB, rb": ({n: reading(o, small, "rb") for n, o in opens.items()}, 60),
        "open+read+close, 4 KiB, r": ({n: reading(o, small, "r") for n, o in opens.items()}, 60),
        "open+write+close, 4 KiB": ({n: writing(o, out) for n, o in opens.items()}, 30),
        "iterate over 10,000 lines": ({n: iterating(o, lines) for n, o in opens.items()}, 2),
        "read 100 MB": ({n: reading(opens[n], large, "rb") for n in opens}, 1),
        "os.stat": ({"bare": lambda: bare_stat(small), "clientobs": lambda: ours["stat"](small)}, 300),
        "os.scandir, 10,000 entries": (
            {
                n: walking(c, str(folder / "many"))
                for n, c in zip(both, (bare_scandir, ours["scandir"]), strict=True)
            },
            1,
        ),
        "shutil.copytree, 2,000 files": (
            {
                n: copying(c, tree, str(folder / n))
                for n, c in zip(both, (bare_copytree, ours["copytree"]), strict=True)
            },
            1,
        ),
    }


def prepare(folder: Path) -> tuple[str, str, str, str]:
    """Make the files."""
    (folder / "small").write_bytes(b"x\n" * 2048)
    (folder / "lines").write_text("a line of an ordinary scene file\n" * 10_000)
    (folder / "large").write_bytes(os.urandom(1 << 20) * 100)
    for name, count, size in (("many", 10_000, 0), ("tree", 2_000, 2_048)):
        (folder / name).mkdir()
        for number in range(count):
            (folder / name / f"{number:05}").write_bytes(b"x" * size)
    return tuple(str(folder / name) for name in ("small", "lines", "large", "tree"))  # type: ignore[return-value]


@contextmanager
def nas(folder: Path) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Give a path on a NAS, and the `open` that the program finds there, below ours.

    A real mount (FUSE, served by another process) that takes 1 ms for each request of the kernel: a NAS with work
    to do. Where none can be mounted, 2 ms are put below `open` itself.
    """
    export, point = folder / "export", folder / "nas"
    for made in (export, point):
        made.mkdir()
    (export / "small").write_bytes(b"x" * 4096)
    with slow_mount(export, point, delay=0.001) as mounted:
        if mounted:
            yield str(point / "small"), bare_open
            return
    (point / "small").write_bytes(b"x" * 4096)

    def slow(*args: Any, **kwargs: Any) -> Any:
        until = time.perf_counter_ns() + 2_000_000
        while time.perf_counter_ns() < until:
            pass
        return bare_open(*args, **kwargs)

    yield str(point / "small"), slow


def show_nas(folder: Path, rounds: int) -> None:
    """Measure and print the row of the NAS: the median of many pairs, as its calls take what they take."""
    with nas(folder) as (path, below):
        clientobs.shutdown()
        builtins.open = below
        network = [] if below is bare_open else [os.path.dirname(path)]
        clientobs.init("bench", drain="off", files={"network": network, "slow_network": 1})
        try:
            with clientobs.span("bench") as span:
                bare, ratio, quartiles = pairs(
                    reading(below, path, "rb"), reading(builtins.open, path, "rb"), rounds
                )
            where = span.attributes["file.io.mounts.kind"][0]
        finally:
            clientobs.shutdown()
            builtins.open = bare_open
    verdict = "met" if ratio <= BUDGETS[ON_NAS] else "**missed**"
    print(f"| {ON_NAS} | {bare:.2f} |  |  |  | {ratio:.3f}x | {BUDGETS[ON_NAS]}x {verdict} |")
    print(f"\nThe last row: median of {rounds} pairs, quartiles {quartiles}; storage kind {where}.")


def pairs(bare: Callable[[], object], ours: Callable[[], object], rounds: int) -> tuple[float, float, str]:
    """Return the median of a bare call in microseconds, the median ratio of pairs, and its quartiles."""
    alone, ratios = [], []
    for number in range(rounds):
        took: dict[bool, int] = {}
        for is_ours in (False, True) if number % 2 else (True, False):
            began = time.perf_counter_ns()
            (ours if is_ours else bare)()
            took[is_ours] = time.perf_counter_ns() - began
        alone.append(took[False] / 1e3)
        ratios.append(took[True] / took[False])
    low, middle, high = statistics.quantiles(ratios, n=4)
    return statistics.median(alone), middle, f"{low:.3f}x to {high:.3f}x"


def measure(row: Row, calls: int, rounds: int) -> dict[str, float]:
    """Return the best burst of each contender, in microseconds a call."""
    best: dict[str, float] = dict.fromkeys(row, float("inf"))
    for _ in range(rounds):
        for name, call in row.items():
            began = time.perf_counter_ns()
            for _ in range(calls):
                call()
            best[name] = min(best[name], (time.perf_counter_ns() - began) / calls / 1e3)
    return best


def main() -> None:
    """Measure all rows and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--folder", default=None, help="where to work; its disk is what is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        os.environ["CLIENTOBS_HOME"] = str(Path(work, "home"))
        folder = Path(work, "files")
        folder.mkdir()
        # The span is sampled out of the way of the meter: the ratios are those of a recording instrument.
        clientobs.init("bench", drain="off")
        ours = {"open": builtins.open, "stat": os.stat, "scandir": os.scandir, "copytree": shutil.copytree}
        print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores\n")
        print("| | bare, us | " + " | ".join(CONTENDERS) + " | budget |")
        print("| --- | ---: |" + " ---: |" * len(CONTENDERS) + " --- |")
        table = rows(folder, ours)
        with clientobs.span("bench"):
            for title, (row, calls) in table.items():
                show(title, measure(row, calls, max(20, options.rounds // max(1, 30 // calls))))
        show_nas(folder, max(50, options.rounds * 4))


def show(title: str, found: dict[str, float]) -> None:
    """Print one row: the bare time, and the others as ratios."""
    ratios = {name: found[name] / found["bare"] for name in found}
    cells = [f"{ratios[name]:.3f}x" if name in ratios else "" for name in CONTENDERS]
    verdict = "met" if ratios["clientobs"] <= BUDGETS[title] else "**missed**"
    print(f"| {title} | {found['bare']:.2f} | " + " | ".join(cells) + f" | {BUDGETS[title]}x {verdict} |")


if __name__ == "__main__":
    main()
