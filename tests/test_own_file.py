"""A file of ours beside a host that closes and takes descriptors: whole, or not there, and never in the host's."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs import _high, _own_file
from clientobs._high import open_high
from clientobs._libc import Libc, libc
from clientobs._own_file import put, read_file, read_kernel, write_file

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


@pytest.fixture(params=["in one go", "by steps"])
def _steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by steps":
        for module in (_high, _own_file):
            monkeypatch.setattr(module, "system", lambda: None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.usefixtures("_steps")
def test_a_file_of_the_kernel_is_read_and_nothing_is_left_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    with open("/proc/self/limits", "rb") as file:
        assert read_kernel("/proc/self/limits") == file.read()
    assert read_kernel("/proc/self/limits", 10) == b"Limit     "
    with pytest.raises(FileNotFoundError):
        read_kernel("/proc/self/nothing")
    with pytest.raises(IsADirectoryError):
        read_kernel("/proc/self")
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.usefixtures("_steps")
def test_a_long_file_is_read_up_to_the_bound(tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "file").write_bytes(data)
    assert read_file(str(tmp_path / "file"), 4 << 20) == data
    assert read_file(str(tmp_path / "file"), 1_500_000) == data[:1_500_000]
    with open("/proc/self/mountinfo", "rb") as file:  # told by the kernel in pieces of a page
        assert read_file("/proc/self/mountinfo", 1 << 20) == file.read()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, writes to /dev/full")
@pytest.mark.usefixtures("_steps")
def test_a_small_write_makes_adds_and_says_what_failed(tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    path = str(tmp_path / "file")
    put(path, b"one ", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    put(path, b"two", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    assert (tmp_path / "file").read_bytes() == b"one two"
    put(path, b"", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    assert (tmp_path / "file").read_bytes() == b""
    with pytest.raises(FileExistsError):
        put(path, b"three", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with pytest.raises(FileNotFoundError):
        put(str(tmp_path / "gone" / "file"), b"four", os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="No space"):
        put("/dev/full", b"five", os.O_WRONLY)
    assert (tmp_path / "file").read_bytes() == b""
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_full_disk_leaves_no_descriptor_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = libc()
    assert found is not None
    before = sorted(os.listdir("/proc/self/fd"))
    full = Libc(lambda *_written: -1, found.library)
    monkeypatch.setattr(_own_file, "libc", lambda: full)
    with pytest.raises(OSError, match="could not be written"):
        write_file(str(tmp_path / "content"), b"ours")
    assert list(tmp_path.iterdir()) == []
    assert sorted(os.listdir("/proc/self/fd")) == before
