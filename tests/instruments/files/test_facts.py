"""Facts on the summary: what was put in place whole, what came out empty, short, or in the wrong place."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from typing import TYPE_CHECKING

import pytest

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


def write_zip(path: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scene.ma", "x" * 100_000)


def write_header_last(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"\0" * 1_000)
        file.seek(0)
        file.write(b"x" * 1_000)


def cut_off_the_rest(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"x" * 1_000)
        file.truncate(10)


def cut_from_outside_and_write_again(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"x" * 1_000)
        file.flush()
        os.truncate(path, 10)
    with open(path, "wb") as file:
        file.write(b"x" * 1_000)


@pytest.mark.parametrize(
    "write", [write_zip, write_header_last, cut_off_the_rest, cut_from_outside_and_write_again]
)
def test_a_healthy_file_is_not_called_short(studio: Studio, write: Callable[[str], None]) -> None:
    path = str(studio.disk / "out")
    with clientobs.span("write"):
        write(path)
    summary = studio.summary("write")
    assert summary["file.io.written"] >= os.path.getsize(path)
    assert "file.io.short" not in summary


def by_mkstemp(folder: str, data: str) -> str:
    descriptor, path = tempfile.mkstemp(dir=folder)
    with os.fdopen(descriptor, "w") as file:
        file.write(data)
    return path


def by_named_temporary_file(folder: str, data: str) -> str:
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
        file.write(data)
    return file.name


@pytest.mark.parametrize("make", [by_mkstemp, by_named_temporary_file])
@pytest.mark.parametrize("storage", ["disk", "nas"])
@pytest.mark.parametrize("size", [1_000, 0])
def test_the_atomic_write_of_every_tool_is_seen(
    studio: Studio, storage: str, size: int, make: Callable[[str, str], str]
) -> None:
    folder = str(getattr(studio, storage))
    final = os.path.join(folder, "a.ma")
    with clientobs.span("save"):
        temporary = make(folder, "x" * size)
        os.replace(temporary, final)
    summary = studio.summary("save")
    assert (summary["file.io.opened"], summary["file.io.written"]) == (1, size)
    assert summary["file.io.atomic"] == 1
    assert summary.get("file.io.empty") == (None if size else [final])
    assert summary["file.io.slowest.path"] in (temporary, final)


def test_a_failed_write_to_a_temporary_file_names_the_file_and_not_its_folder(studio: Studio) -> None:
    with clientobs.span("save"), pytest.raises(OSError, match="File too large") as raised:
        fill_beyond_limit(str(studio.disk))
    assert raised.value.errno == errno.EFBIG
    (left,) = studio.summary("save")["file.io.left_behind"]
    assert os.path.dirname(left) == str(studio.disk)


def fill_beyond_limit(folder: str) -> None:
    resource = pytest.importorskip("resource", reason="limits of file sizes are POSIX")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with tempfile.NamedTemporaryFile("wb", dir=folder, delete=False) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        try:
            file.write(b"x" * 100_000)
            file.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)


def test_temporary_files_that_are_gone_leave_no_finding(studio: Studio) -> None:
    """tempfile removes by a function that it took at its own import."""
    with clientobs.span("scratch"):
        with tempfile.NamedTemporaryFile("w", dir=studio.disk):
            pass
        with tempfile.TemporaryFile("w", dir=studio.disk):
            pass
    summary = studio.summary("scratch")
    assert "file.io.empty" not in summary
    assert summary["file.io.opened"] == 2


def test_an_empty_file_that_another_process_filled_is_no_finding(studio: Studio) -> None:
    path = studio.disk / "render.log"
    with clientobs.span("render"), open(path, "w"):
        pass
    with clientobs.span("render in a child"):
        with open(path, "w") as log:
            child = subprocess.Popen([sys.executable, "-I", "-c", "print('done')"], stdout=log)
        assert child.wait() == 0
    found = studio.recorded()
    assert found.span("render").attributes["file.io.empty"] == [str(path)]
    assert "file.io.empty" not in found.span("render in a child").attributes


def test_a_name_put_in_place_by_keywords_is_followed(studio: Studio) -> None:
    final, lock = studio.disk / "a.usd", studio.disk / "a.lock"
    with clientobs.span("write"):
        (studio.disk / "a.tmp").write_text("")
        os.replace(src=studio.disk / "a.tmp", dst=final)
        lock.write_text("")
        os.remove(path=lock)
    summary = studio.summary("write")
    assert summary["file.io.atomic"] == 1
    assert summary["file.io.empty"] == [str(final)]


def empty_by_name(path: str) -> None:
    os.truncate(path, 0)


def empty_when_open(path: str) -> None:
    with open(path, "r+") as file:
        file.truncate(0)


@pytest.mark.parametrize("empty", [empty_by_name, empty_when_open])
@pytest.mark.parametrize("storage", ["disk", "nas"])
def test_a_file_that_is_emptied_later_is_a_finding(
    studio: Studio, storage: str, empty: Callable[[str], None]
) -> None:
    path = getattr(studio, storage) / "scene.ma"
    with clientobs.span("save"):
        path.write_text("all of it")
        empty(str(path))
    assert studio.summary("save")["file.io.empty"] == [str(path)]


def test_opening_an_empty_file_to_be_changed_is_no_finding(studio: Studio) -> None:
    (studio.nas / "lock").touch()
    with clientobs.span("lock"):
        with open(studio.nas / "lock", "r+"):
            pass
        descriptor = os.open(studio.nas / "lock", os.O_CREAT | os.O_RDWR)
        os.close(descriptor)
    assert "file.io.empty" not in studio.summary("lock")


def test_files_written_by_number_are_judged_as_others_are(studio: Studio) -> None:
    empty, whole, local = studio.nas / "empty", studio.nas / "whole", studio.disk / "local"
    with clientobs.span("write"):
        empty.touch()
        for final in (whole, local):
            descriptor = os.open(f"{final}.tmp", os.O_CREAT | os.O_WRONLY)
            os.write(descriptor, b"x" * 100)
            os.close(descriptor)
            os.rename(f"{final}.tmp", final)
    summary = studio.summary("write")
    assert summary["file.io.empty"] == [str(empty)]
    assert summary["file.io.atomic"] == 2
    assert summary["file.io.opened"] == 2, "on network storage; of a local one only the opening is known"


def test_a_number_that_was_doubled_may_go_on_being_written(studio: Studio) -> None:
    with clientobs.span("write"):
        first = os.open(studio.nas / "a", os.O_CREAT | os.O_WRONLY)
        second = os.dup(first)
        os.close(first)
        os.write(second, b"x")
        os.close(second)
    assert "file.io.empty" not in studio.summary("write")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs the module posix")
@pytest.mark.parametrize("storage", ["disk", "nas"])
def test_a_number_that_c_code_closed_is_nobodys_file(studio: Studio, storage: str) -> None:
    import posix  # noqa: PLC0415  # POSIX only

    with clientobs.span("reuse"):
        number = os.open(getattr(studio, storage) / "a", os.O_CREAT | os.O_RDWR)
        posix.close(number)  # as C code does: unseen
        receiving, sending = os.pipe()
        assert receiving == number
        os.write(sending, b"x" * 1_000)
        assert len(os.read(receiving, 1_000)) == 1_000
        with os.fdopen(receiving, "rb"), os.fdopen(sending, "wb"):
            pass
    summary = studio.summary("reuse")
    assert (summary["file.io.read"], summary["file.io.written"]) == (0, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs the module posix")
def test_a_file_is_known_by_the_name_that_its_opener_gave_it(studio: Studio) -> None:
    import posix  # noqa: PLC0415  # POSIX only

    path = str(studio.disk / "made.ma")
    with clientobs.span("save"):
        # As tempfile does it, with an opener that is C code's own.
        with open(
            studio.disk, "w", opener=lambda _folder, flags: posix.open(path, flags | os.O_CREAT)
        ) as file:
            file.buffer.raw.name = path  # type: ignore[attr-defined]
        os.replace(path, f"{path}.final")
    summary = studio.summary("save")
    assert summary["file.io.empty"] == [f"{path}.final"]
    assert summary["file.io.atomic"] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs the module posix")
@pytest.mark.parametrize("storage", ["disk", "nas"])
def test_a_number_that_is_another_file_by_now_is_not_mistaken(studio: Studio, storage: str) -> None:
    import posix  # noqa: PLC0415  # POSIX only

    folder = getattr(studio, storage)
    with clientobs.span("reuse"):
        number = os.open(folder / "a", os.O_CREAT | os.O_RDWR)
        posix.close(number)
        assert posix.open(studio.disk / "b", os.O_CREAT | os.O_RDWR) == number
        with os.fdopen(number, "w") as file:
            file.write("b's own")
    assert studio.summary("reuse")["file.io.written"] == 0
