"""Why a program could not be started: the system's one answer taken apart, each reason made for real."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from instruments.processes.conftest import Family

pytestmark = pytest.mark.skipif(os.name != "posix", reason="first lines, modes and ELF are POSIX's")

FOREIGN = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\xb7\x00" + bytes(100)


def made(folder: Path, content: bytes, mode: int = 0o755) -> str:
    path = folder / "convert"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (
            b"#!/studio/python39/bin/python -E\n",
            0o755,
            "is there, but /studio/python39/bin/python, which is to run it",
        ),
        (b"#! /bin/sh\r\nexit\r\n", 0o755, "is not (the line ends in \\r, as on Windows)"),
        (b"\x7fELF" + bytes(60) + b"\0/lib/ld-studio.so.2\0", 0o755, "another kind of machine, or damaged"),
        (b"#!/bin/sh\n", 0o644, "is not executable (mode 0644)"),
        (b"", 0o755, "is empty"),
        (b"print('a script')\n", 0o755, "a script needs a first line with #!"),
        (FOREIGN, 0o755, "is a program for another kind of machine, or damaged"),
    ],
    ids=["interpreter", "line end", "damaged", "mode", "empty", "no first line", "another machine"],
)
def test_a_file_that_can_not_be_started_says_what_it_lacks(
    family: Family, tmp_path: Path, content: bytes, mode: int, said: str
) -> None:
    path = made(tmp_path, content, mode)
    with pytest.raises(OSError, match="convert"):
        subprocess.run([path], check=False)
    (failure,) = family.failures()
    assert failure.body.startswith("convert could not be started: ")
    assert f"{path} is not there" not in failure.body
    assert said in failure.body
    assert failure.attributes["code.function.name"].startswith("test_a_file_that_can_not")


def test_a_missing_interpreter_is_told_as_a_fact(family: Family, tmp_path: Path) -> None:
    path = made(tmp_path, b"#!/studio/python39/bin/python -E\n")
    with pytest.raises(FileNotFoundError):
        subprocess.run([path], check=False)
    (failure,) = family.failures()
    assert failure.attributes["process.interpreter"] == "/studio/python39/bin/python"


def test_a_script_on_path_whose_interpreter_is_missing_is_not_told_as_missing(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path, b"#!/studio/python39/bin/python\n")
    monkeypatch.setenv("PATH", f"/nowhere:{tmp_path}")
    with pytest.raises(FileNotFoundError):
        subprocess.run(["convert"], check=False)
    (failure,) = family.failures()
    assert f"{path} is there, but /studio/python39/bin/python" in failure.body
    assert failure.attributes["process.search_path"] == f"/nowhere:{tmp_path}"


def test_a_binary_whose_loader_is_missing_names_the_loader(family: Family, tmp_path: Path) -> None:
    with open(sys.executable, "rb") as file:
        binary = file.read()
    loader = next(
        (name for name in (b"/lib64/ld-linux-x86-64.so.2", b"/lib/ld-linux-aarch64.so.1") if name in binary),
        b"",
    )
    if not loader:
        pytest.skip("this Python names no loader that the test knows")
    missing = loader.replace(b"/ld-linux", b"/ld-linuq")
    path = made(tmp_path, binary.replace(loader, missing))
    with pytest.raises(FileNotFoundError):
        subprocess.run([path], check=False)
    (failure,) = family.failures()
    assert failure.attributes["process.interpreter"] == os.fsdecode(missing)


def test_a_pipe_in_the_place_of_a_program_is_not_waited_for(family: Family, tmp_path: Path) -> None:
    path = str(tmp_path / "convert")
    os.mkfifo(path, 0o755)
    with pytest.raises(PermissionError):
        subprocess.run([path], check=False)
    (failure,) = family.failures()
    assert "permission denied" in failure.body


def test_a_code_that_means_something_by_itself_is_explained_where_nothing_was_read(
    family: Family, tmp_path: Path
) -> None:
    silent, heard = (
        made(tmp_path, b"#!/bin/sh\nexit 127\n"),
        b"echo 'liboiio.so.2: cannot open' >&2; exit 127",
    )
    subprocess.run([silent], check=False)
    subprocess.run(["sh", "-c", heard], check=False, capture_output=True)
    unexplained, explained = (one.body for one in family.failures())
    assert unexplained.endswith("(not found: the program, or a shared library that it needs)")
    assert explained.endswith(": liboiio.so.2: cannot open")
