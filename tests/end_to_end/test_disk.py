"""A disk that is full, gone or read-only: the host goes on, and what was lost is counted where ops see it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from support.disks import make_read_only, tmpfs
from support.workstation import Workstation, until

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_receiver import OtlpReceiver

HOST = """
    runtime = clientobs.init("tool")
    def record(count):
        for number in range(count):
            with clientobs.span("work", text="x" * 1000):
                pass
    record(10)
    say(runtime.home)
    for line in sys.stdin:
        record(int(line))
        say(runtime.loss.totals())
"""


def lost(receiver: OtlpReceiver) -> dict[str, int]:
    """Return what the endpoint was told last of losses, by reason."""
    found: dict[str, int] = {}
    for one in receiver.metrics():
        if one.record.name == "clientobs.records.lost":
            for point in one.record.sum.data_points:
                found[point.attributes[0].value.string_value] = point.as_int
    return found


def test_a_home_that_is_deleted_while_the_host_records_costs_what_was_in_it_and_no_more(
    desk: Workstation, receiver: OtlpReceiver
) -> None:
    host = desk.start(HOST)
    host.heard()
    receiver.wait_for(lambda: len(receiver.spans()) == 10, 30)
    shutil.rmtree(desk.home)
    assert host.process.stdin is not None
    host.process.stdin.write(b"5\n")
    host.heard()
    # What the host records from now on arrives by a drain of the new home.
    receiver.wait_for(lambda: len(receiver.spans()) >= 15, 30)
    assert host.end() == 0
    receiver.wait_for(lambda: "session.end" in [one.record.event_name for one in receiver.logs()], 30)
    assert [one.attributes for one in receiver.spans() if "clientobs.interrupted" in one.attributes] == []


def test_a_full_disk_costs_what_does_not_fit_counted_and_told_when_there_is_room(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    disk = tmp_path / "disk"
    with tmpfs(disk, "4m") as mounted, Workstation(tmp_path, receiver.base, home=disk / "home") as desk:
        if not mounted:
            pytest.skip("a disk of its own can't be mounted here")
        host = desk.start(HOST)
        assert host.heard() == str(desk.home)
        receiver.wait_for(lambda: len(receiver.spans()) == 10, 30)
        ballast = disk / "ballast"
        fill(ballast)
        assert host.process.stdin is not None
        host.process.stdin.write(b"3000\n")
        told = host.heard()
        assert sum(told.values()) > 0
        ballast.unlink()
        assert host.end() == 0
        receiver.wait_for(lambda: sum(lost(receiver).values()) >= sum(told.values()), 30)
        until(lambda: all(state.queue_records == 0 for state in desk.states()))
        # One whose start fitted and whose end didn't is counted, and arrives as interrupted too.
        ended = [one for one in receiver.spans() if not one.attributes.get("clientobs.interrupted")]
        arrived = len([one for one in ended if one.record.name == "work"])
        assert arrived + sum(told.values()) == 3010
        # The record that the disk filled up under is told twice: as refused, and as a torn one in the file.
        assert {reason: count for reason, count in lost(receiver).items() if reason != "torn"} == told
        (end,) = [one for one in receiver.logs() if one.record.event_name == "session.end"]
        assert end.attributes["session.status"] == "exited"


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with open(path, "wb", buffering=0) as file:
        block = b"\0" * 4096
        try:
            while file.write(block) == len(block):
                pass
        except OSError:
            return


def test_a_home_that_can_not_be_written_is_replaced_by_another_folder(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    disk = tmp_path / "disk"
    with tmpfs(disk, "1m") as mounted:
        if not mounted:
            pytest.skip("a read-only disk can't be mounted here")
        make_read_only(disk)
        with Workstation(tmp_path, receiver.base, home=disk / "home") as refused:
            host = refused.start(HOST, environ={"XDG_STATE_HOME": str(tmp_path / "state")})
            home = host.heard()
            assert home == str(tmp_path / "state" / "clientobs")
            with Workstation(tmp_path, receiver.base, home=tmp_path / "state" / "clientobs"):
                receiver.wait_for(lambda: len(receiver.spans()) == 10, 30)
                assert host.end() == 0
