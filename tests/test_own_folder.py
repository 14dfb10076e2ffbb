"""Listing a folder as os.scandir does, through a descriptor that lives high."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs import _own_folder
from clientobs._own_folder import Entry, list_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["by getdents64", "by scandir"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by scandir":
        monkeypatch.setattr(_own_folder, "system", lambda: None)


@pytest.mark.usefixtures("_way")
@pytest.mark.skipif(
    sys.platform != "linux", reason="names that are no text, and what is open, as Linux has them"
)
def test_each_entry_has_its_name_and_kind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    names = [*(f"{number:0200}" for number in range(500)), os.fsdecode(b"\xff\xfe"), "x" * 255, "." * 3, "샷"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    before = sorted(os.listdir("/proc/self/fd"))
    expected = [Entry(name, is_folder=False, is_file=True) for name in names]
    expected += [Entry("folder", is_folder=True, is_file=False)]
    expected += [Entry(name, is_folder=False, is_file=False) for name in ("link", "pipe")]
    assert sorted(list_folder(str(tmp_path))) == sorted(expected)
    assert len(list_folder(str(tmp_path), 7)) == 7
    assert list_folder(str(tmp_path / "folder")) == []
    for path, error in ((tmp_path / "no", FileNotFoundError), (tmp_path / "pipe", NotADirectoryError)):
        with pytest.raises(error):
            list_folder(str(path))
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_file_system_that_tells_no_kinds_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(_own_folder, "_UNKNOWN", 4)  # as if DT_DIR were not known
    assert sorted(list_folder(str(tmp_path))) == [
        Entry("file", is_folder=False, is_file=True),
        Entry("folder", is_folder=True, is_file=False),
    ]
