"""How far log files were read, kept between drains."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from clientobs.drain.logfiles import positions as module
from clientobs.drain.logfiles.cursor import Mark
from clientobs.drain.logfiles.positions import Positions
from clientobs.drain.logfiles.voice import FILE_NOTE
from clientobs.journal.records import LogRecord, NoteRecord

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def positions_at(folder: Path) -> Positions:
    return Positions(str(folder / "logfiles"), str(folder / "runs"))


def mark_of(path: str, began: int | None = None) -> Mark:
    return Mark(path, 1, 2, "aa", 3, 4, began)


def line_of(path: str, end: int) -> LogRecord:
    where = {"log.file.path": path, "log.file.offset": end}
    return LogRecord(0, 0, 9, "INFO", "", "", where, 0, 0, 0, 0, 0)


def test_positions_are_found_again_with_the_time_at_which_a_log_began(tmp_path: Path) -> None:
    positions = positions_at(tmp_path)
    positions.keep(mark_of("/a.log"))
    positions.keep(mark_of("/arnold.log", 1_714_644_672))
    positions.save()
    again = positions_at(tmp_path)
    assert again.of("/a.log") == mark_of("/a.log")
    assert again.of("/arnold.log") == mark_of("/arnold.log", 1_714_644_672)


def test_a_version_before_reads_what_does_not_need_this_one(tmp_path: Path) -> None:
    positions = positions_at(tmp_path)
    positions.keep(mark_of("/a.log"))
    positions.save()
    document = json.loads((tmp_path / "logfiles").read_text())
    assert document["files"] == [["/a.log", 1, 2, "aa", 3, 4]]


def test_of_very_many_files_those_are_forgotten_that_were_read_longest_ago(tmp_path: Path) -> None:
    positions = positions_at(tmp_path)
    for number in range(5000):
        positions.keep(mark_of(f"/{number}.log"))
    positions.save()
    document = json.loads((tmp_path / "logfiles").read_text())
    assert [entry[0] for entry in document["files"]] == [f"/{number}.log" for number in range(3000, 5000)]
    assert positions.of("/2999.log") is None


def test_a_drain_that_was_killed_behind_a_rotation_leaves_how_far_the_old_file_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = positions_at(tmp_path)
    before.keep(mark_of("/a.log"))
    before.begin("run")
    of_new = Mark("/a.log", 1, 99, "bb", 3, 0)
    landed = [line_of("/a.log", 40), NoteRecord(FILE_NOTE, asdict(of_new)), line_of("/a.log", 7)]
    monkeypatch.setattr(module, "_records_of", lambda _: iter(landed))
    found = positions_at(tmp_path)
    assert found.of_file(1, 2) == replace(mark_of("/a.log"), path="/a.log\0002", offset=40)
    assert found.of("/a.log") == replace(of_new, offset=7)


def test_what_is_not_ours_in_the_file_is_as_if_there_were_none(tmp_path: Path) -> None:
    (tmp_path / "logfiles").write_text('{"files": [["/a.log"]], "runs": []}')
    positions = positions_at(tmp_path)
    assert positions.of("/a.log") is None
    positions.keep(mark_of("/a.log"))
    positions.save()
    assert positions_at(tmp_path).of("/a.log") == mark_of("/a.log")
