"""How a machine went down, from the bytes of wtmp as glibc on x86-64 writes them."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from clientobs.drain.deaths.boots import Boot, machine_end, parse_wtmp, read_boots

SHUTDOWN, REBOOT, LOGIN = (1, b"shutdown"), (2, b"reboot"), (7, b"artist")


def record(kind: tuple[int, bytes], seconds: int) -> bytes:
    number, user = kind
    head = struct.pack("=h2xi32s4s32s256s", number, 0, b"~", b"~~", user, b"6.8.0-45-generic")
    return head + struct.pack("=hhiii16s20s", 0, 0, 0, seconds, 0, b"", b"")


def wtmp(*records: tuple[tuple[int, bytes], int]) -> bytes:
    return b"".join(record(kind, seconds) for kind, seconds in records)


@pytest.mark.skipif(shutil.which("last") is None, reason="`last` is not installed")
def test_the_records_are_those_that_last_reads(tmp_path: Path) -> None:
    path = tmp_path / "wtmp"
    path.write_bytes(wtmp((REBOOT, 1_700_000_000), (LOGIN, 1_700_000_100), (SHUTDOWN, 1_700_001_000)))
    shown = subprocess.run(["last", "-x", "-f", str(path)], capture_output=True, text=True, check=True).stdout
    assert "reboot" in shown
    assert "shutdown" in shown
    assert parse_wtmp(path.read_bytes()) == [Boot(1_700_000_000, up=True), Boot(1_700_001_000, up=False)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([(REBOOT, 100), (SHUTDOWN, 1005), (REBOOT, 1030)], "rebooted"),
        ([(REBOOT, 100), (REBOOT, 1030)], "power_loss"),
        ([(REBOOT, 100), (SHUTDOWN, 800), (REBOOT, 850), (REBOOT, 1030)], "power_loss"),
        ([(REBOOT, 100), (SHUTDOWN, 1005), (REBOOT, 1030), (REBOOT, 2000)], "rebooted"),
        ([(REBOOT, 100), (REBOOT, 1030), (SHUTDOWN, 2000), (REBOOT, 2030)], "power_loss"),
        ([(REBOOT, 100)], ""),
        ([], ""),
    ],
)
def test_a_restart_in_good_order_is_told_from_a_loss_of_power(
    records: list[tuple[tuple[int, bytes], int]], expected: str
) -> None:
    assert machine_end(parse_wtmp(wtmp(*records)), last_seconds=1000) == expected


def test_the_last_rotation_is_read_too_and_a_torn_record_is_not(tmp_path: Path) -> None:
    path = tmp_path / "wtmp"
    (tmp_path / "wtmp.1").write_bytes(wtmp((REBOOT, 100), (SHUTDOWN, 1005)))
    path.write_bytes(wtmp((REBOOT, 1030)) + b"\x02\x00torn")
    assert machine_end(read_boots(str(path)), last_seconds=1000) == "rebooted"


@pytest.mark.parametrize("content", [b"", b"\x00" * 5000, os.urandom(4000)])
def test_a_file_of_another_shape_tells_nothing_and_does_no_harm(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wtmp"
    path.write_bytes(content)
    assert machine_end(read_boots(str(path)), last_seconds=1e12) == ""
    assert read_boots(str(tmp_path / "missing")) == []
