"""Rotated logs whose numbers go to other files: ext4 gives a new file the inode that was freed last."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.logfiles.cursor import Cursor, Mark

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.drain.logfiles.rotation import Identity


class Kin:
    """What the files of a follower know of each other, by hand."""

    def __init__(self) -> None:
        self.marks: dict[Identity, Mark] = {}

    def is_followed(self, identity: Identity, asking: Cursor) -> bool:
        del identity, asking
        return False

    def mark_of(self, identity: Identity) -> Mark | None:
        return self.marks.get(identity)

    def keep(self, mark: Mark) -> None:
        self.marks[mark.device, mark.inode] = mark


class Reader:
    """A cursor, what it lost, and its kin."""

    def __init__(self, path: Path) -> None:
        self.kin, self.lost = Kin(), list[str]()
        self.cursor = Cursor(str(path), "utf-8", lost=self.lost.append, mono_ns=lambda: 0, kin=self.kin)

    def texts(self) -> list[str]:
        return [line.text for line in self.cursor.read(1 << 20) if line is not None]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "tool.log"
    path.write_text("one\n")
    return path


def identity_of(path: Path) -> Identity:
    look = path.stat()
    return look.st_dev, look.st_ino


def written(path: Path, text: str, second: int) -> Path:
    path.write_text(text)
    os.utime(path, (1_700_000_000 + second,) * 2)
    return path


@pytest.mark.parametrize("has_been_read", [True, False], ids=["a log", "an empty log"])
def test_a_scene_that_got_the_number_of_a_deleted_log_is_not_read(log: Path, has_been_read: bool) -> None:
    if not has_been_read:
        log.write_text("")
    reader = Reader(log)
    assert reader.texts() == (["one"] if has_been_read else [])
    log.unlink()
    scene = written(log.with_name("shot.ma"), 'fileInfo "license" "of the studio";\n', 0)
    reader.cursor.identity = identity_of(scene)
    log.write_text("new\n")
    assert reader.texts() == ["new"]
    assert reader.lost == ["log_file_rotated"]


@pytest.mark.parametrize("name", ["tool.log.1", "tool.2026-05-04.log", "before.txt"])
def test_a_log_that_was_rotated_is_read_to_its_end_whatever_its_name(log: Path, name: str) -> None:
    reader = Reader(log)
    reader.texts()
    with log.open("a") as file:
        file.write("last\n")
    log.rename(log.with_name(name))
    log.write_text("new\n")
    assert reader.texts() == ["last", "new"]
    assert reader.lost == []


def test_a_log_in_between_that_got_the_number_of_one_that_was_read_is_read(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    written(log, "one\nlast\n", 0).rename(log.with_name("tool.log.0001"))
    between = written(log.with_name("tool.log.0002"), "in between\n", 1)
    device, inode = identity_of(between)
    reader.kin.keep(Mark("tool.log.0000", device, inode, "head of a deleted log", 5, 11))
    log.write_text("new\n")
    assert reader.texts() == ["last", "in between", "new"]


def test_a_log_in_between_that_was_read_is_not_read_again(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    written(log, "one\nlast\n", 0).rename(log.with_name("tool.log.0001"))
    other = Reader(written(log.with_name("tool.log.0002"), "in between\n", 1))
    assert other.texts() == ["in between"]
    mark = other.cursor.mark()
    assert mark is not None
    reader.kin.keep(mark)
    log.write_text("new\n")
    assert reader.texts() == ["last", "new"]
