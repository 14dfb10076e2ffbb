"""A child that ended well and left an empty file: told, with the process that should have written it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.instruments.processes.outputs import named_outputs
from instruments.processes.conftest import python

if TYPE_CHECKING:
    from instruments.processes.conftest import Family

WRITES = "import sys; open(sys.argv[-1], 'w').write({!r})"


def events(family: Family) -> list[Any]:
    return family.recorded().events("process.files_empty")


def test_an_empty_file_names_the_process_that_should_have_written_it(family: Family, tmp_path: Path) -> None:
    out = str(tmp_path / "beauty.1001.exr")
    subprocess.run(python(WRITES.format(""), "-o", out), check=True)
    found = family.recorded()
    (told,) = found.events("process.files_empty")
    child = found.span(Path(sys.executable).name)
    assert told.span_id == child.span_id
    assert list(told.attributes["process.files.empty"]) == [out]
    assert told.body == f"{child.name} ended with code 0, and {out} is empty"
    assert list(told.attributes["process.command_args"])[-1] == out
    assert child.status == 0
    assert not found.events("process.failed")


def test_the_file_that_its_output_goes_to_is_one(family: Family, tmp_path: Path) -> None:
    with open(tmp_path / "list.txt", "w", encoding="utf-8") as out:
        subprocess.run(python("pass"), stdout=out, check=True)
    (told,) = events(family)
    assert list(told.attributes["process.files.empty"]) == [str(tmp_path / "list.txt")]


@pytest.mark.skipif(os.name != "posix", reason="the shell's printf")
def test_a_path_in_the_child_s_own_folder_is_found_there(family: Family, tmp_path: Path) -> None:
    subprocess.run(python(WRITES.format(""), "out.abc"), cwd=tmp_path, check=True)
    subprocess.run("printf '' > plate.mov", shell=True, cwd=tmp_path, check=True)
    assert [list(one.attributes["process.files.empty"]) for one in events(family)] == [
        [str(tmp_path / "out.abc")],
        [str(tmp_path / "plate.mov")],
    ]


@pytest.mark.skipif(os.name != "posix", reason="runs cat")
def test_healthy_ends_are_quiet(family: Family, tmp_path: Path) -> None:
    old, full, copy = tmp_path / "old.txt", tmp_path / "full.txt", tmp_path / "copy.txt"
    old.touch()
    import os  # noqa: PLC0415  # the one use

    os.utime(old, (1, 1))
    subprocess.run(["cat", str(old)], check=True)  # an input that was empty before
    subprocess.run(python(WRITES.format("x"), str(full)), check=True)
    subprocess.run(["touch", str(tmp_path / "render.lock")], check=True)  # empty is what was wanted
    subprocess.run(["cp", str(old), str(copy)], check=True)  # what it was made of is empty
    subprocess.run(["ls", str(tmp_path / "none.txt")], stderr=-1, check=False)
    assert not events(family)


def test_network_storage_is_looked_at_by_a_thread_of_its_own(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = family.desk.teller.outputs
    asked_on: list[str] = []
    judge = outputs._judge
    monkeypatch.setattr(outputs, "_is_network", lambda _: True)

    def judged(*args: Any) -> None:
        asked_on.append(threading.current_thread().name)
        judge(*args)

    monkeypatch.setattr(outputs, "_judge", judged)
    subprocess.run(python(WRITES.format(""), str(tmp_path / "out.abc")), check=True)
    assert outputs._thread is not None
    outputs._thread.join(10)
    assert len(events(family)) == 1
    assert asked_on == ["clientobs-outputs"]


@pytest.mark.parametrize(
    ("words", "shell", "found"),
    [
        (["ffmpeg", "-i", "in.mov", "out.mp4"], False, ["out.mp4"]),
        (["tool", "--output=out.usd", "-v"], False, ["out.usd"]),
        (["render", "-o", "out.####.exr", "scene.ma"], False, ["scene.ma"]),
        (["curl", "https://host/file.zip"], False, []),
        (["kill", "-9", "12.5"], False, []),
        (["x > 'my_file.txt' 2> err.log"], True, ["my_file.txt"]),
        (["x > file.txt 2>&1"], True, ["file.txt"]),
        (["x 2> err.log"], True, []),
        ([], False, []),
    ],
)
def test_what_looks_like_an_output(words: list[str], shell: bool, found: list[str]) -> None:
    assert named_outputs(words, shell=shell) == found
