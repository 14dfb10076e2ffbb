"""Copies, moves and removals of shutil: one operation each, with its bytes and files, whichever way they go."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

import clientobs
from clientobs.instruments.files.telling import Teller
from support.disks import tmpfs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from instruments.files.conftest import Studio


@pytest.mark.parametrize("past_python", [True, False], ids=["sendfile", "read and write"])
def test_the_bytes_of_a_copy_are_counted_once_whichever_way_they_go(
    studio: Studio, past_python: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not past_python:
        for name in ("_USE_CP_SENDFILE", "_USE_CP_COPY_FILE_RANGE", "_HAS_FCOPYFILE"):
            monkeypatch.setattr(shutil, name, False, raising=False)
    source, target = studio.disk / "a.exr", studio.nas / "b.exr"
    source.write_bytes(b"x" * 300_000)
    with clientobs.span("copy"):
        shutil.copyfile(source, target)
    summary = studio.summary("copy")
    assert (summary["file.io.read"], summary["file.io.written"]) == (300_000, 300_000)
    assert target.read_bytes() == source.read_bytes()


@pytest.fixture
def slow(start: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> Studio:
    """Return a studio in which whatever is looked at closely counts as slow."""
    monkeypatch.setattr(Teller, "is_slow", lambda *_: True)
    return start(spans_per_trace=1000)


def test_a_slow_tree_is_one_span_with_its_files_and_bytes(slow: Studio) -> None:
    studio = slow
    tree = studio.disk / "publish"
    (tree / "tex").mkdir(parents=True)
    for number in range(5):
        (tree / "tex" / f"{number}.exr").write_bytes(b"x" * 1000)
    with clientobs.span("archive"):
        shutil.copytree(tree, studio.nas / "publish")
        shutil.rmtree(tree)
    found = studio.recorded()
    copied, removed = found.span("file copytree").attributes, found.span("file rmtree").attributes
    assert (copied["file.count"], copied["file.size"]) == (5, 5000)
    assert copied["file.path"] == str(tree)
    assert copied["file.target"] == str(studio.nas / "publish")
    assert removed["file.path"] == str(tree)


@pytest.mark.parametrize("way", ["move", "copy", "copy2", "copytree"])
def test_an_operation_inside_another_is_not_told_on_its_own(slow: Studio, way: str) -> None:
    studio = slow
    folder = studio.disk / "in"
    folder.mkdir()
    (folder / "a").write_bytes(b"x")
    with clientobs.span("work"):
        if way == "copytree":
            shutil.copytree(folder, studio.disk / "out")
        else:
            getattr(shutil, way)(folder / "a", studio.disk / "b")
    names = [span.name for span in studio.recorded().spans]
    assert names.count(f"file {way}") == 1
    assert not {"file copyfile", "file copy2", "file rmtree"} & ({*names} - {f"file {way}"})


def test_a_copy_that_a_full_disk_cuts_short_is_told_with_what_it_left(studio: Studio, tmp_path: Path) -> None:
    source = studio.disk / "plate.exr"
    source.write_bytes(b"x" * 3_000_000)
    with tmpfs(tmp_path / "full", "1m") as mounted:
        if not mounted:
            pytest.skip("a disk of its own can't be mounted here")
        target = tmp_path / "full" / "plate.exr"
        with clientobs.span("kept"), pytest.raises(OSError, match="No space"):
            shutil.copyfile(source, target)
        size = target.stat().st_size
        with clientobs.span("tidied"):
            with pytest.raises(OSError, match="No space"):
                shutil.copyfile(source, target)
            os.remove(target)
        found = studio.recorded()
    kept, tidied = found.span("kept"), found.span("tidied")
    (told, _) = [one.attributes for one in found.spans if one.name == "file copyfile"]
    assert (told["error.code"], told["file.path"], told["file.size"]) == ("ENOSPC", str(target), size)
    assert told["file.source"] == str(source)
    assert kept.attributes["file.io.left_behind"] == [str(target)]
    assert "file.io.left_behind" not in tidied.attributes


def test_a_copy_of_what_is_not_there_is_the_open_s_failure_and_not_told_twice(studio: Studio) -> None:
    with clientobs.span("copy"), pytest.raises(FileNotFoundError):
        shutil.copyfile(studio.disk / "gone", studio.disk / "b")
    found = studio.recorded()
    assert found.span("copy").attributes["file.io.failures"] == [f"ENOENT open {studio.disk / 'gone'}"]
    assert "file.io.left_behind" not in found.span("copy").attributes
