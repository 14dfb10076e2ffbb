"""The kernel's words, from recorded lines and from the log of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from clientobs.drain.deaths.kernel import KernelDeath, kernel_deaths, parse_kmsg, read_kmsg

SAMPLE = Path(__file__).parent / "samples" / "kernel.txt"


@pytest.fixture(scope="module")
def deaths() -> dict[int, KernelDeath]:
    records = [parse_kmsg(line + b"\n") for line in SAMPLE.read_bytes().splitlines()]
    return {death.pid: death for death in kernel_deaths(filter(None, records))}


def test_nothing_but_deaths_is_taken_from_the_log(deaths: dict[int, KernelDeath]) -> None:
    assert set(deaths) == {14764, 311, 312, 12860, 9, 77, 78}


@pytest.mark.parametrize(
    ("pid", "name", "size"),
    [(14764, "maya.bin", 58368 << 10), (311, "Web Content (x)", 8 << 30), (312, "nuke", 0)],
)
def test_who_was_killed_for_memory_and_what_he_held(
    deaths: dict[int, KernelDeath], pid: int, name: str, size: int
) -> None:
    assert (deaths[pid].kind, deaths[pid].name, deaths[pid].size) == ("out_of_memory", name, size)
    assert f"process {pid} " in deaths[pid].words


@pytest.mark.parametrize(
    ("pid", "signal", "module"),
    [
        (12860, "SIGSEGV", "libc.so.6+0x167ad8"),
        (9, "SIGSEGV", "libold.so"),
        (77, "SIGILL", "libkarma.so"),
        (78, "SIGSEGV", "libmantra.so+0x1b"),
    ],
)
def test_a_fault_has_its_signal_and_its_module(
    deaths: dict[int, KernelDeath], pid: int, signal: str, module: str
) -> None:
    assert (deaths[pid].kind, deaths[pid].signal) == ("fault", signal)
    assert deaths[pid].module.startswith(module)


@pytest.mark.parametrize(
    "record", [b"", b";", b"x", b"4,1;text", b"4,1,x,-;text", b"\xff\xff;\xff", b"4,1,2,-;"]
)
def test_a_damaged_record_is_passed_over(record: bytes) -> None:
    found = parse_kmsg(record)
    assert found is None or kernel_deaths([found]) == []


def test_a_line_made_to_be_slow_is_not() -> None:
    hostile = "a[" * 4000 + " segfault at " + "[1]: " * 4000
    assert kernel_deaths([(1.0, hostile), (1.0, "Out of memory: Killed process " + "9" * 8000)]) == []


@pytest.mark.skipif(
    sys.platform != "linux" or not os.access("/dev/kmsg", os.R_OK), reason="no readable /dev/kmsg"
)
def test_the_log_of_this_machine_is_read_to_its_end_without_waiting() -> None:
    times = [seconds for seconds, _ in read_kmsg()]
    assert times


def test_a_log_that_is_a_plain_file_or_missing_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(read_kmsg(str(tmp_path / "empty"))) == []
    with pytest.raises(OSError, match="missing"):
        list(read_kmsg(str(tmp_path / "missing")))
