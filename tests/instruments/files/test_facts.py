"""Facts on the summary: what was put in place whole, what came out empty, short, or in the wrong place."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import clientobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from instruments.files.conftest import Studio


def test_a_file_put_in_place_by_a_rename_is_an_atomic_write(studio: Studio) -> None:
    final = studio.disk / "a.usd"
    with clientobs.span("write"):
        with open(f"{final}.tmp", "wb") as file:
            file.write(b"x")
        os.replace(f"{final}.tmp", final)
    summary = studio.summary("write")
    assert summary["file.io.atomic"] == 1
    assert "file.io.empty" not in summary


def test_exit_code_0_but_the_file_is_empty(studio: Studio) -> None:
    final = str(studio.nas / "frame.1001.exr")
    with clientobs.span("render"):
        with open(f"{final}.part", "wb"):
            pass
        os.rename(f"{final}.part", final)
    summary = studio.summary("render")
    assert summary["file.io.empty"] == [final]


def test_an_empty_file_that_is_filled_or_removed_is_no_finding(studio: Studio) -> None:
    with clientobs.span("fill"):
        open(studio.disk / "a", "w").close()
        (studio.disk / "a").write_text("now it is there")
        open(studio.disk / "b.lock", "w").close()
        os.remove(str(studio.disk / "b.lock"))
    assert "file.io.empty" not in studio.summary("fill")


def test_a_file_shorter_than_what_was_written_is_named(studio: Studio) -> None:
    path = studio.disk / "short.bin"
    with clientobs.span("cut"), open(path, "wb") as file:
        file.write(b"x" * 10_000)
        file.flush()
        os.truncate(str(path), 100)
    assert studio.summary("cut")["file.io.short"] == [str(path)]


def test_a_publish_outside_every_root_is_named(start: Callable[..., Studio], folders: Studio) -> None:
    studio = start(roots={"proj": {"linux": str(folders.nas), "macos": str(folders.nas)}})
    outside, inside = studio.disk / "lost.exr", studio.nas / "right.exr"
    for name in ("publish", "playblast"):
        with clientobs.span(name):
            outside.write_bytes(b"x")
            inside.write_bytes(b"x")
    found = studio.recorded()
    assert found.span("publish").attributes["file.io.outside_roots"] == [str(outside)]
    assert "file.io.outside_roots" not in found.span("playblast").attributes


def test_a_temporary_file_in_a_publish_that_is_gone_again_is_not(
    start: Callable[..., Studio], folders: Studio
) -> None:
    studio = start(roots={"proj": {"linux": str(folders.nas), "macos": str(folders.nas)}})
    with clientobs.span("publish"), tempfile.TemporaryDirectory(dir=studio.disk) as scratch:
        path = os.path.join(scratch, "preview.jpg")
        with open(path, "wb") as file:
            file.write(b"x")
        os.remove(path)
    assert "file.io.outside_roots" not in studio.summary("publish")
