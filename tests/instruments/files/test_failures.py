"""Failures: probing is counted, what is wrong is told, with what a person needs to put it right."""

from __future__ import annotations

import builtins
import errno
import io
import linecache
import os
from typing import TYPE_CHECKING

import pytest

import clientobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from instruments.files.conftest import Studio
    from support.readback import Seen

STATUS_ERROR = 2


def told(found: Seen) -> list[dict[str, object]]:
    return [dict(span.attributes) for span in found.spans if span.name.startswith("file ")]


def test_probing_is_counted_and_no_failure(studio: Studio) -> None:
    with clientobs.span("search"):
        for number in range(5):
            assert not os.path.exists(studio.disk / f"no{number}")
        with pytest.raises(FileExistsError):
            os.mkdir(studio.disk)
    found = studio.recorded()
    assert told(found) == []
    assert found.span("search").attributes["file.io.failed"] == 6
    assert found.span("search").status != STATUS_ERROR
    assert "file.io.missing" not in found.span("search").attributes


def test_a_texture_that_is_missing_is_named_though_the_tool_swallowed_the_error(
    start: Callable[..., Studio], folders: Studio
) -> None:
    studio = start(roots={"proj": {"linux": str(folders.nas), "macos": str(folders.nas)}})
    path = str(studio.nas / "tex" / "wood.exr")
    with clientobs.context(shot="sh010"), clientobs.span("load textures"):
        for _ in range(3):
            try:
                open(path, "rb")  # noqa: SIM115
            except OSError:
                continue
    found = studio.recorded()
    summary = found.span("load textures").attributes
    assert summary["file.io.missing"] == [path]
    assert summary["file.io.failures"] == ["ENOENT open {proj}/tex/wood.exr (3x)"]
    assert found.context_of("load textures")["production.shot"] == "sh010"
    assert found.span("load textures").status != STATUS_ERROR


def test_a_missing_file_that_ends_the_span_is_told_once_in_all_spans_around(studio: Studio) -> None:
    path = str(studio.disk / "gone.abc")

    def publish() -> None:
        with clientobs.span("publish"), clientobs.span("export"):
            open(path, "rb")  # noqa: SIM115

    with pytest.raises(FileNotFoundError):
        publish()
    found = studio.recorded()
    (facts,) = told(found)
    assert facts["file.path"] == path
    assert facts["error.code"] == "ENOENT"
    assert found.span("file open").status == STATUS_ERROR
    assert found.span("file open").parent_id == found.span("export").span_id


def test_a_cause_below_another_exception_is_found(studio: Studio) -> None:
    path = str(studio.disk / "rig.ma")

    def load() -> None:
        with clientobs.span("load"):
            try:
                os.stat(path)
            except OSError as error:
                raise RuntimeError("the rig can't be loaded") from error

    with pytest.raises(RuntimeError):
        load()
    (facts,) = told(studio.recorded())
    assert (facts["file.path"], facts["error.code"]) == (path, "ENOENT")


def test_a_handled_failure_around_a_healthy_span_is_not_its_failure(studio: Studio) -> None:
    try:
        open(studio.disk / "optional.json")  # noqa: SIM115
    except OSError:
        with clientobs.span("defaults"):
            (studio.disk / "made.json").write_text("{}")
    assert told(studio.recorded()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs owners and modes")
def test_a_refused_folder_tells_owner_mode_and_who_asked(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = studio.disk / "publish"
    folder.mkdir(mode=0o555)
    clientobs.uninstrument("files")
    refuse(monkeypatch, errno.EACCES)
    clientobs.instrument("files")
    with clientobs.span("publish"), pytest.raises(PermissionError):
        open(folder / "refused.exr", "wb")  # noqa: SIM115
    (facts,) = told(studio.recorded())
    assert facts["error.code"] == "EACCES"
    assert facts["file.path"] == str(folder / "refused.exr")
    assert facts["file.refused.path"] == str(folder)
    assert facts["file.mode"] == "0555"
    assert facts["file.owner"] == os.stat(folder).st_uid
    assert facts["file.group"] == os.stat(folder).st_gid
    assert facts["file.refused.user"] == os.geteuid()


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the system refuse what is named refused: tests may run as root, whom nothing is refused."""
    original = open

    def refusing(file: object, *args: object, **kwargs: object) -> object:
        if "refused" in str(file):
            raise OSError(number, os.strerror(number), str(file))
        return original(file, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(builtins, "open", refusing)
    monkeypatch.setattr(io, "open", refusing)


def test_equal_failures_fold_into_one_span_and_a_count(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    clientobs.uninstrument("files")
    refuse(monkeypatch, errno.EIO)
    clientobs.instrument("files")
    with clientobs.span("render"):
        for _ in range(50):
            with pytest.raises(OSError, match="Input/output"):
                open(studio.nas / "refused.exr", "rb")  # noqa: SIM115
    found = studio.recorded()
    assert len(told(found)) == 1
    assert found.span("render").attributes["file.io.failures"] == [
        f"EIO open {studio.nas / 'refused.exr'} (50x)"
    ]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_tells_its_room_and_how_much_was_written(
    start: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real ENOSPC: the file is /dev/full under another name."""
    studio = start()
    link = studio.nas / "cache.vdb"
    link.symlink_to("/dev/full")
    with clientobs.span("sim"), pytest.raises(OSError, match="No space left"), open(link, "wb") as file:
        file.write(b"x" * 100_000)
    (facts,) = told(studio.recorded())
    room = os.statvfs(studio.nas)
    assert facts["error.code"] == "ENOSPC"
    assert facts["file.path"] == str(link)
    assert facts["file.written"] == 0
    assert facts["storage.mount"] == str(studio.nas)
    assert facts["storage.size"] == room.f_blocks * room.f_frsize
    assert isinstance(facts["storage.free"], int)


def test_a_failure_outside_every_span_is_told_too(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    clientobs.uninstrument("files")
    refuse(monkeypatch, errno.ESTALE)
    clientobs.instrument("files")
    with pytest.raises(OSError, match="Stale"):
        open(studio.nas / "refused.exr", "rb")  # noqa: SIM115
    assert [facts["error.code"] for facts in told(studio.recorded())] == ["ESTALE"]


def test_python_s_own_look_for_modules_and_sources_is_left_alone(studio: Studio) -> None:
    program = "def look(path):\n    try:\n        open(path)\n    except OSError:\n        pass\n"
    for module in ("importlib.metadata", "linecache", "studio.importer"):
        names = {"__name__": module}
        exec(program, names)
        with clientobs.span(module):
            names["look"](str(studio.disk / "entry_points.txt"))  # type: ignore[operator]
            linecache.getlines(str(studio.disk / "gone.py"))
    found = studio.recorded()
    told = [span.name for span in found.spans if "file.io.failures" in span.attributes]
    assert told == ["studio.importer"]
