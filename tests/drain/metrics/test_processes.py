"""What a host reads and writes is taken from outside, C and C++ included, and for that very process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from clientobs._loss import LossLedger
from clientobs.drain import accounts
from clientobs.drain.metrics.machine import MachineMetrics
from clientobs.drain.metrics.processes import ProcessCounters, Processes, read_counters
from clientobs.journal.format import encode_payload
from clientobs.journal.process import boot_id, process_start
from clientobs.journal.records import Header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESOURCE = {"service.name": "maya", "app.installation.id": "m1"}
counted = pytest.mark.skipif(
    not hasattr(psutil.Process, "io_counters"), reason="this system keeps no such counters"
)


def header_of(pid: int, **other: Any) -> Header:
    facts: dict[str, Any] = {"pid_start": process_start(pid), "boot_id": boot_id(), **other}
    return Header(
        run="r1",
        session="s",
        lane="bulk",
        number=1,
        pid=pid,
        wall_ns=0,
        mono_ns=0,
        resource=RESOURCE,
        **facts,
    )


@dataclass
class Run:
    """A run as far as its process matters."""

    header: Header
    alive: bool = True
    run: str = "r1"


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that reads 3 MB of a file in C, past everything that Python's `open` is."""
    (tmp_path / "cache.abc").write_bytes(b"x" * 3_000_000)
    program = (
        "import ctypes, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "number = libc.open(sys.argv[1].encode(), 0)\n"
        "room = ctypes.create_string_buffer(3_000_000)\n"
        "assert libc.read(number, room, 3_000_000) == 3_000_000\n"
        "print('done', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "cache.abc")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"
    yield process
    process.stdin.close()
    process.stdout.close()
    process.wait(30)


@counted
def test_what_c_reads_is_counted(child: subprocess.Popen[str]) -> None:
    found = read_counters(header_of(child.pid), boot_id())
    assert found is not None
    assert found.read is not None
    assert found.read >= 3_000_000


@counted
@pytest.mark.parametrize("other", [{"pid_start": "1"}, {"pid_start": ""}, {"boot_id": "another"}])
def test_another_process_under_the_same_pid_is_never_taken_for_it(
    child: subprocess.Popen[str], other: dict[str, str]
) -> None:
    assert read_counters(header_of(child.pid, **other), boot_id()) is None


def test_a_process_that_is_gone_says_nothing() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    header = header_of(done.pid)
    done.wait(30)
    assert read_counters(header, boot_id()) is None


class Machine:
    """The metrics of a machine whose processes say what they are told to."""

    def __init__(self, folder: Path) -> None:
        self.metrics = MachineMetrics(folder=str(folder), destination="d", boot_id="b", loss=LossLedger())
        self.metrics.meet(header_of(1, boot_id="b"))
        self.metrics.processes._read = lambda header, boot: self.says
        self.says: ProcessCounters | None = None
        self.run: Any = Run(header_of(1, boot_id="b"))

    def reads(self, read: int, disk_read: int = 0) -> dict[str, int]:
        self.says = ProcessCounters(read=read, written=0, disk_read=disk_read, disk_written=0)
        self.metrics.processes.look([self.run])
        return self.sent()

    def sent(self) -> dict[str, int]:
        self.metrics.read_processes([self.run], 10)
        batch = self.metrics.batch(20, full=True)
        assert batch is not None
        found: dict[str, int] = {}
        for item in batch.items:
            record: Any = item.record
            for metric in record.metrics:
                for attributes, value, *_ in metric[6]:
                    if metric[1].startswith("process."):
                        assert item.header.resource["service.name"] == "maya"
                        assert metric[5] is True, "a counter only grows"
                        found[f"{metric[1]} {'/'.join(attributes.values())}"] = value
        self.metrics.arrived()
        return found


def test_totals_are_those_of_the_machine_by_service_and_direction(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.reads(100) == {"process.io read": 100}
    assert machine.reads(250, disk_read=40) == {"process.io read": 250, "process.disk.io read": 40}
    # Another process of the same service adds to the same series: the bill counts machines.
    machine.run = Run(header_of(2, boot_id="b"), run="r2")
    assert machine.reads(50) == {"process.io read": 300, "process.disk.io read": 40}


def test_the_last_word_of_a_process_that_has_ended_is_counted(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.says = ProcessCounters(read=70)
    machine.metrics.processes.look([machine.run])
    machine.run.alive = False
    machine.says = None
    machine.metrics.processes.look([machine.run])
    assert machine.sent() == {"process.io read": 70}
    assert machine.sent() == {"process.io read": 70}


def test_the_next_drain_counts_on_and_nothing_twice(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.reads(100)
    machine.metrics.save()
    following = Machine(tmp_path)
    assert following.reads(130) == {"process.io read": 130}


def test_books_of_the_version_before_are_read(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.metrics.add_losses("r1", {"quota": 3})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "encode_payload", lambda books: encode_payload(books[:3]))
        machine.reads(100)
    following = Machine(tmp_path).metrics
    assert following.accounts.lost == {"quota": 3}
    assert following.processes.dump() == {}


def test_runs_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    processes = Processes("b", lambda header, boot: ProcessCounters(read=header.pid))
    runs: list[Any] = [Run(header_of(pid, boot_id="b"), run=f"r{pid}") for pid in range(1, 400)]
    processes.look(runs)
    processes.keep(run.run for run in runs)
    assert len(processes.latest) == 256
    assert "r399" in processes.latest
    processes.keep(["r399"])
    assert list(processes.latest) == ["r399"]
