"""Acknowledgements only move forward; a lost one means that something is sent again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from clientobs.journal.acks import ACKS_FILE, ALL, append_acks, read_acks
from clientobs.journal.format import Kind
from support.journals import make_journal

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.journal.home import Home

RUN = "ab" * 16


def folder(tmp_path: Path) -> str:
    path = tmp_path / RUN
    path.mkdir()
    return str(path)


def test_what_was_acknowledged_is_read_back_by_rank(tmp_path: Path) -> None:
    path = folder(tmp_path)
    assert read_acks(path) == {}
    append_acks(path, [("bulk", 1, "trace", 500), ("vital", 1, ALL, 90)])
    append_acks(path, [("bulk", 1, "trace", 700), ("bulk", 1, "log", 300)])
    assert read_acks(path) == {("bulk", 1): {"trace": 700, "log": 300}, ("vital", 1): {ALL: 90}}


def test_an_older_entry_does_not_move_a_mark_back(tmp_path: Path) -> None:
    path = folder(tmp_path)
    append_acks(path, [("bulk", 1, ALL, 700)])
    append_acks(path, [("bulk", 1, ALL, 200)])
    assert read_acks(path) == {("bulk", 1): {ALL: 700}}


def test_damage_costs_only_the_entries_it_hit(tmp_path: Path) -> None:
    path = folder(tmp_path)
    for offset in range(100, 1000, 100):
        append_acks(path, [("bulk", 1, ALL, offset)])
    file = tmp_path / RUN / ACKS_FILE
    data = file.read_bytes()
    for end in range(len(data)):
        file.write_bytes(data[:end])
        assert read_acks(path).get(("bulk", 1), {ALL: 0})[ALL] <= 900
    for index in range(len(data)):
        file.write_bytes(data[:index] + bytes([data[index] ^ 0x10]) + data[index + 1 :])
        assert read_acks(path)[("bulk", 1)][ALL] in {800, 900}


def test_a_drain_killed_while_it_wrote_is_followed_by_another(tmp_path: Path) -> None:
    path = folder(tmp_path)
    append_acks(path, [("bulk", 1, ALL, 100)])
    file = tmp_path / RUN / ACKS_FILE
    file.write_bytes(file.read_bytes() + file.read_bytes()[:20])
    append_acks(path, [("bulk", 1, ALL, 200)])
    assert read_acks(path) == {("bulk", 1): {ALL: 200}}


def test_acks_of_another_run_are_none(tmp_path: Path) -> None:
    path = folder(tmp_path)
    append_acks(path, [("bulk", 1, ALL, 100)])
    other = tmp_path / ("cd" * 16)
    os.rename(path, other)
    assert read_acks(str(other)) == {}


def test_the_file_stays_small_and_forgets_released_segments(place: Home) -> None:
    journal = make_journal(place)
    journal.append(Kind.LOG, b"x")
    append_acks(journal.path, [("bulk", 7, ALL, 1), ("vital", 0, ALL, 1)])
    for offset in range(4000):
        append_acks(journal.path, [("bulk", 1, "trace", offset), ("bulk", 1, ALL, offset)])
    assert os.stat(os.path.join(journal.path, ACKS_FILE)).st_size < 70_000
    marks = read_acks(journal.path)
    assert marks == {("bulk", 1): {"trace": 3999, ALL: 3999}, ("vital", 0): {ALL: 1}}
