"""The shelf of refused records: bounded, private, and never in the way."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from clientobs._guarded import faults
from clientobs.drain.otlp.poison import PoisonShelf
from support.senders import shelved

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_shelf_keeps_the_newest_records(tmp_path: Path) -> None:
    shelf = PoisonShelf(str(tmp_path / "poison"), max_records=3)
    for index in range(6):
        shelf.set_aside(f"uid-{index}", "logs", b"request", "HTTP 400")
        _age(shelf.folder, f"uid-{index}", index)
    assert shelved(shelf) == ["uid-3.logs", "uid-4.logs", "uid-5.logs"]


def test_the_shelf_is_bounded_by_bytes(tmp_path: Path) -> None:
    shelf = PoisonShelf(str(tmp_path / "poison"), max_bytes=5000)
    for index in range(10):
        shelf.set_aside(f"uid-{index}", "traces", b"x" * 1500, "HTTP 400")
        _age(shelf.folder, f"uid-{index}", index)
    assert sum(entry.stat().st_size for entry in os.scandir(shelf.folder)) <= 5000
    assert shelved(shelf)[-1] == "uid-9.traces"


def test_a_record_larger_than_the_shelf_leaves_its_reason_alone(tmp_path: Path) -> None:
    shelf = PoisonShelf(str(tmp_path / "poison"), max_bytes=100)
    shelf.set_aside("uid", "traces", b"x" * 1000, "HTTP 413")
    assert os.listdir(shelf.folder) == ["uid.traces.txt"]


def test_setting_a_record_aside_twice_keeps_one(tmp_path: Path) -> None:
    shelf = PoisonShelf(str(tmp_path / "poison"))
    for words in ("HTTP 400", "HTTP 422"):
        shelf.set_aside("uid", "traces", b"x", words)
    assert shelved(shelf) == ["uid.traces"]


def test_only_this_user_can_read_it(tmp_path: Path) -> None:
    shelf = PoisonShelf(str(tmp_path / "poison"))
    shelf.set_aside("uid", "traces", b"x", "why")
    assert stat.S_IMODE(os.stat(shelf.folder).st_mode) == 0o700
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(shelf.folder)} == {0o600}


def test_a_uid_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    shelf = PoisonShelf(str(tmp_path / "poison"))
    shelf.set_aside("../../evil", "traces", b"x", "why")
    assert os.listdir(tmp_path) == ["poison"]


def test_a_folder_that_cannot_be_made_is_counted_and_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "strict", False)
    (tmp_path / "file").write_text("in the way")
    PoisonShelf(str(tmp_path / "file")).set_aside("uid", "traces", b"x", "why")
    assert faults.counts()["drain.poison"] >= 1
    faults.reset()


def _age(folder: str, uid: str, index: int) -> None:
    for entry in os.scandir(folder):
        if entry.name.startswith(uid + "."):
            os.utime(entry.path, ns=(index * 1000, index * 1000))
