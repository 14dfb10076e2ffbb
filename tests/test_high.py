"""Descriptors of ours: high at once, closed only while they are ours, and the steps where that can't be had."""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs import _high, _unwatched
from clientobs._high import HighFile, at_once, open_high, system
from support.programs import answer_of

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/fd")

CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def numbers() -> list[str]:
    """Return what is open in this process, without the listing's own."""
    return sorted(name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}"))


@pytest.fixture(params=["in one go", "by steps", "by steps, without the C library"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether the file is to pass for one that may lie on a server."""
    if request.param.endswith("library"):
        monkeypatch.setattr(_high, "system", lambda: None)
    return bool(request.param != "in one go")


def test_the_number_is_high_and_the_low_one_is_free_again(tmp_path: Path, way: bool) -> None:
    place = tmp_path / "file"
    place.write_bytes(b"content")
    before = numbers()
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    with HighFile(str(place), os.O_RDONLY, slow=way) as descriptor:
        assert descriptor >= 900
        assert fcntl.fcntl(descriptor, fcntl.F_GETFD) == fcntl.FD_CLOEXEC
        assert os.read(descriptor, 100) == b"content"
        other = os.open(os.devnull, os.O_RDONLY)
        os.close(other)
        assert other == lowest
    assert numbers() == before


def test_a_file_is_made_private_and_once(tmp_path: Path, way: bool) -> None:
    place = str(tmp_path / "file")
    with HighFile(place, CREATE, slow=way) as descriptor:
        os.write(descriptor, b"ours")
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o600
    before = numbers()
    with pytest.raises(FileExistsError):
        open_high(place, CREATE, slow=way)
    with pytest.raises(FileNotFoundError):
        open_high(f"{place}.other", os.O_RDONLY, slow=way)
    assert (tmp_path / "file").read_bytes() == b"ours"
    assert numbers() == before


@pytest.mark.parametrize("flags", [os.O_RDONLY, CREATE, os.O_WRONLY | os.O_CREAT])
@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_is_refused(tmp_path: Path, way: bool, flags: int, target: str) -> None:
    (tmp_path / "there").write_bytes(b"another's")
    (tmp_path / "link").symlink_to(tmp_path / target)
    before = numbers()
    with pytest.raises(OSError, match=r"link|exists") as refusal:
        open_high(str(tmp_path / "link"), flags | os.O_NOFOLLOW, slow=way)
    assert refusal.value.errno in {errno.ELOOP, errno.EEXIST}
    assert not (tmp_path / "nowhere").exists()
    assert numbers() == before


def test_a_pipe_is_never_waited_for_under_the_interpreter_lock(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    calls = system()
    assert calls is not None
    assert at_once(calls, str(tmp_path / "pipe"), os.O_RDONLY, 0o600) == (-1,)


def test_a_number_that_the_host_took_amid_the_steps_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: bool
) -> None:
    (tmp_path / "ours").write_bytes(b"ours")
    scene = os.open(tmp_path / "scene.ma", os.O_WRONLY | os.O_CREAT)
    taken: list[int] = []

    def host_takes_it(path: str, flags: int, mode: int = 0o777) -> int:
        low = os.open(path, flags, mode)
        os.dup2(scene, low)  # as closerange and an open of the host's would
        taken.append(low)
        return low

    monkeypatch.setattr(_unwatched, "open_", host_takes_it)
    if not way:
        with HighFile(str(tmp_path / "ours"), os.O_RDONLY) as descriptor:
            assert os.read(descriptor, 9) == b"ours"  # there are no steps between which it could
    else:
        with pytest.raises(OSError, match="took the descriptor"):
            open_high(str(tmp_path / "ours"), os.O_RDONLY, slow=way)
        assert os.fstat(taken[0]).st_ino == os.fstat(scene).st_ino
    for number in (*taken, scene):
        os.close(number)


def test_a_high_number_that_the_host_took_voids_the_reading_and_stays_open(tmp_path: Path) -> None:
    (tmp_path / "ours").write_bytes(b"ours")
    scene = os.open(tmp_path / "scene.ma", os.O_RDWR | os.O_CREAT)
    with pytest.raises(OSError, match="took the descriptor"), HighFile(str(tmp_path / "ours"), 0) as number:
        os.dup2(scene, number)
    assert os.fstat(number).st_ino == os.fstat(scene).st_ino
    for each in (number, scene):
        os.close(each)


@pytest.mark.parametrize("limit", [64, 256, 901])
def test_a_low_limit_of_descriptors_is_lived_with(tmp_path: Path, limit: int) -> None:
    answer = answer_of(
        """
        import json, os, resource, sys
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
        from clientobs._high import HighFile
        from clientobs._own_file import put, read_file, read_kernel
        found = []
        for slow in (False, True):
            with HighFile(sys.argv[2] + str(slow), os.O_RDWR | os.O_CREAT | os.O_EXCL, slow=slow) as number:
                found.append(number)
        held = []
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            os.close(held.pop())  # one is left, and the second that moving takes is not to be had
        put(sys.argv[2], b"ours", os.O_WRONLY | os.O_CREAT)
        read = [read_file(sys.argv[2], 9).decode(), len(read_kernel("/proc/self/stat")) > 50]
        print(json.dumps([found, read]))
        """,
        str(limit),
        str(tmp_path / "file"),
    )
    floor = min(900, limit - 32)
    assert [number >= floor for number in answer[0]] == [True, True]
    assert answer[1] == ["ours", True]
