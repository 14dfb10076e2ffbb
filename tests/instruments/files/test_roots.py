"""Storage roots that are not there are told before a tool fails on them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import clientobs
from clientobs.config.model import RootConfig
from clientobs.instruments import registry
from clientobs.instruments.files.roots import missing_roots
from clientobs.paths.mounts import MountTable
from clientobs.paths.storage import storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from instruments.files.conftest import Studio


def never(path: str) -> None:
    raise AssertionError(f"{path} was touched")


def test_a_root_on_a_mounted_share_is_there_and_is_not_touched() -> None:
    table = MountTable(lambda: (storage("/", "d", "ext4"), storage("/mnt/p", "nas:/p", "nfs4")), "linux")
    assert missing_roots([RootConfig(name="p", linux="/mnt/p")], table, never, "linux") == []


def test_an_unmapped_drive_is_named() -> None:
    table = MountTable(lambda: (storage("C:\\", "d", "ntfs"),), "win32")
    (found,) = missing_roots([RootConfig(name="p", windows="P:\\")], table, never, "win32")
    assert found == ("p", "P:\\", "drive P: is not mapped")


def test_a_root_that_this_system_does_not_have_is_not_missed() -> None:
    table = MountTable(lambda: (storage("/", "d", "ext4"),), "linux")
    assert missing_roots([RootConfig(name="p", windows="P:\\")], table, never, "linux") == []


def test_a_folder_without_its_share_is_told_in_one_event(
    start: Callable[..., Studio], tmp_path: Path
) -> None:
    empty, filled = tmp_path / "empty", tmp_path / "filled"
    empty.mkdir()
    (filled / "sq010").mkdir(parents=True)
    here = {"a": str(empty), "b": str(filled), "c": str(tmp_path / "absent")}
    studio = start(roots={name: {"linux": path, "macos": path} for name, path in here.items()})
    registry.tick()
    registry.tick()
    events = studio.recorded().events("storage.root_missing")
    assert sorted(event.attributes["storage.root"] for event in events) == ["a", "c"]
    assert str(tmp_path / "absent") in next(e.body for e in events if e.attributes["storage.root"] == "c")
    assert os.path.isdir(empty)
    clientobs.shutdown()
