"""A file of ours beside a host that closes and takes descriptors: whole, or not there, and never in the host's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from clientobs import _own_file
from clientobs._high import open_high
from clientobs._own_file import write_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["by the C library", "without it"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without it":
        monkeypatch.setattr(_own_file, "libc", lambda: None)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("size", [0, 1, 200_000])
def test_it_is_written_whole_and_private(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    before = sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []
    write_file(str(tmp_path / "content"), data)
    assert (tmp_path / "content").read_bytes() == data
    assert (tmp_path / "content").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["content"]
    assert not before or sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("_way")
@pytest.mark.skipif(os.name != "posix", reason="descriptors that are lifted are POSIX")
def test_a_descriptor_that_the_host_took_gets_none_of_our_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = os.open(tmp_path / "scene.ma", os.O_WRONLY | os.O_CREAT)
    taken: list[int] = []

    def host_takes_it(path: str, flags: int) -> int:
        high = open_high(path, flags)
        os.dup2(scene, high)  # closes ours, and has the number mean the scene
        taken.append(high)
        return high

    monkeypatch.setattr(_own_file, "open_high", host_takes_it)
    with pytest.raises(OSError, match="took the descriptor"):
        write_file(str(tmp_path / "content"), b"ours")
    assert (tmp_path / "scene.ma").read_bytes() == b""
    assert not (tmp_path / "content").exists()
    assert os.fstat(taken[0]).st_ino == os.fstat(scene).st_ino  # and the host's stays open
    for fd in (*taken, scene):
        os.close(fd)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.ma"]
