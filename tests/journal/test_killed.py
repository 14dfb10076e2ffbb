"""Fault 2: what append has returned survives SIGKILL, exactly once; at most one torn tail a run."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from clientobs.journal.format import Kind
from clientobs.journal.runs import list_runs
from support.journals import contents, make_home, python

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.journal.home import Home

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")

# Each worker tells the number of an append after it has returned: what it told must be there.
WORKER = """
import os, sys, threading
from pathlib import Path
from clientobs.journal.format import Kind
from support.journals import make_home, make_journal
journal = make_journal(make_home(Path(sys.argv[1])), segment_bytes=64 << 10, bulk_bytes=1 << 33, vital_bytes=1 << 33)
threading.Thread(target=lambda: [journal.tend() for _ in iter(int, 1)], daemon=True).start()
name = journal.run.encode()
number = 0
os.write(1, name)
while True:
    payload = name + b"/%d " % number + bytes(number * 37 % 3000)
    assert journal.append(Kind.LOG, payload, "vital" if number % 10 == 0 else "bulk"), journal._loss.totals()
    os.write(1, b"x")
    number += 1
"""


def start(place: Home) -> subprocess.Popen[bytes]:
    return python(WORKER, place.path, stdout=subprocess.PIPE)


def kill_and_ask(process: subprocess.Popen[bytes]) -> tuple[str, int]:
    """Kill a worker; return its run and how many appends had returned."""
    assert isinstance(process.stdout, io.BufferedReader)
    run = process.stdout.read(32)
    told = 0
    deadline = time.monotonic() + random.uniform(0.0, 0.15)
    while time.monotonic() < deadline:
        told += len(process.stdout.read1(65536))
    process.kill()
    told += len(process.stdout.read())
    assert process.wait(30) == -signal.SIGKILL
    process.stdout.close()
    return run.decode(), told


def check_kills(place: Home, *, rounds: int, workers: int) -> None:
    told: dict[str, int] = {}
    for _ in range(rounds):
        told.update(kill_and_ask(process) for process in [start(place) for _ in range(workers)])
    found: dict[str, list[int]] = {run: [] for run in told}
    read = contents(place)
    for payload in read.logs():
        run, _, number = payload.split(b" ", 1)[0].partition(b"/")
        found[run.decode()].append(int(number))
    assert read.damaged == 0
    for name, returned in told.items():
        landed = sorted(found[name])
        # One more may have landed without having been told.
        assert landed == list(range(len(landed)))
        assert returned <= len(landed) <= returned + 1
        torn = [reading.torn for place_of, reading in read.readings.items() if place_of.startswith(name)]
        assert sum(torn) <= 1
    assert {run.state for run in list_runs(place)} == {"dead"}


def test_what_append_returned_survives_sigkill(place: Home) -> None:
    check_kills(place, rounds=3, workers=3)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_a_thousand_kills_lose_nothing(tmp_path: Path) -> None:
    for number in range(25):  # 0.5 GB each: within the quota, and no longer on the disk than needed
        place = make_home(tmp_path / str(number))
        check_kills(place, rounds=5, workers=8)
        shutil.rmtree(place.path)


@pytest.mark.parametrize("end", ["os._exit(3)", "os.abort()", "ctypes.string_at(0)", "sys.exit()"])
def test_however_a_process_ends_its_records_stay(place: Home, end: str) -> None:
    """Fault 3, the journal's side: exit without atexit, abort, segmentation fault."""
    program = f"""
import ctypes, os, resource, sys
from pathlib import Path
from clientobs.journal.format import Kind
from support.journals import make_home, make_journal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
journal = make_journal(make_home(Path(sys.argv[1])))
journal.span_started(1, b"open")
for number in range(100):
    journal.append(Kind.LOG, b"%d" % number)
{end}
"""
    assert python(program, place.path, stderr=subprocess.DEVNULL).wait(30) is not None
    read = contents(place)
    assert read.logs() == [b"%d" % number for number in range(100)]
    assert {frame.payload for frame in read.frames(Kind.SPAN_STARTED)} == {b"open"}
    assert [run.state for run in list_runs(place)] == ["dead"]
