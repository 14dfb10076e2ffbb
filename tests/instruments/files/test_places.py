"""Which storage a path is on, where links lead there and are turned."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs.instruments.files.places import Places
from clientobs.paths.mounts import MountTable
from clientobs.paths.storage import storage

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="symlinks need a privilege there")


class Machine:
    """A folder with a disk and a NAS in it, and a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.link = folder / "current"
        self.disk, self.nas = folder / "disk", folder / "nas"
        for each in (self.disk, self.nas):
            each.mkdir()
        mounts = storage("/", "/dev/sda", "ext4"), storage(str(self.nas), "nas:/proj", "nfs4")
        self.mounts = MountTable(lambda: mounts)
        self.places = Places(self.mounts, clock=lambda: self.now)

    def turn_link(self, target: Path) -> None:
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(target)

    def kind(self) -> str:
        return self.places.of(os.path.join(self.link, "a.exr")).kind


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_link_that_is_turned_to_the_nas_is_seen_within_seconds(machine: Machine) -> None:
    machine.turn_link(machine.disk)
    assert machine.kind() == "local"
    machine.turn_link(machine.nas)
    machine.now += 5
    assert machine.kind() == "nfs"
    machine.turn_link(machine.disk)
    machine.now += 5
    assert machine.kind() == "local"


def test_a_folder_that_gives_way_to_a_link_is_seen_within_a_minute(machine: Machine) -> None:
    machine.link.mkdir()
    assert machine.kind() == "local"
    machine.link.rmdir()
    machine.turn_link(machine.nas)
    machine.now += 60
    assert machine.kind() == "nfs"


def test_a_link_into_a_folder_that_is_declared_network_storage_is_followed(machine: Machine) -> None:
    machine.turn_link(machine.disk)
    places = Places(machine.mounts, network=[str(machine.disk)], clock=lambda: machine.now)
    place = places.of(os.path.join(machine.link, "sub", "a.exr"))
    assert (place.point, place.kind) == (str(machine.disk), "network")


def test_a_folder_without_links_is_judged_once_a_minute(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    follow = MountTable.follow

    def counting(table: MountTable, path: str) -> object:
        asked.append(path)
        return follow(table, path)

    monkeypatch.setattr(MountTable, "follow", counting)
    for _ in range(10):
        machine.places.of(str(machine.disk / "a.exr"))
        machine.now += 5
    assert asked == [str(machine.disk)]
