"""What the system tells of a thread that stands in a call, read of real processes that stand there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs import _procfs
from clientobs._procfs import FileCall
from support.slow_mount import slow_mount
from support.workstation import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads what Linux tells of threads"
)

HEAD = "import fcntl, os, struct, sys; path = sys.argv[1]\n"
BY_RECORD = "struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0)"
LOCKS = {
    "flock": "fcntl.flock(os.open(path, os.O_RDWR), fcntl.LOCK_EX)",
    "lockf": "fcntl.lockf(os.open(path, os.O_RDWR), fcntl.LOCK_EX)",
    "of the open file": f"fcntl.fcntl(os.open(path, os.O_RDWR), 38, {BY_RECORD})",
}
CHANGES = {
    "chmod": "os.chmod(path, 0o600)",
    "chown": "os.chown(path, -1, -1)",
    "utime": "os.utime(path)",
    "link": "os.link('own', path)",
    "symlink": "os.symlink('own', path)",
    "mknod": "os.mkfifo(path)",
    "getxattr": "os.getxattr(path, 'user.x')",
    "chdir": "os.chdir(path)",
}


def stands(program: str, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-S", "-c", HEAD + program, str(path)], cwd=path.parent.parent)


def call_of(pid: int) -> FileCall | None:
    return _procfs.file_call(pid, _procfs.raw_call(pid, pid))


@pytest.mark.parametrize("way", LOCKS)
def test_the_wait_for_a_lock_that_another_process_holds_is_a_call_on_the_file(
    tmp_path: Path, way: str
) -> None:
    path = tmp_path / "scene" / "lock"
    path.parent.mkdir()
    with path.open("w") as held:
        (fcntl.flock if way == "flock" else fcntl.lockf)(held, fcntl.LOCK_EX)
        waiting = stands(LOCKS[way], path)
        try:
            until(lambda: call_of(waiting.pid) == FileCall(operation="lock", path=str(path)))
        finally:
            waiting.kill()
            waiting.wait(10)


def test_a_command_that_does_not_wait_is_no_wait_for_a_lock() -> None:
    number = {"x86_64": 72, "aarch64": 25}[os.uname().machine]
    assert _procfs.file_call("self", f"{number} 0x1 {fcntl.F_SETFD:#x} 0x1 0x0 0x0 0x0") is None


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Processes that stand before a storage that went away: they end when its mount does."""
    folder = tmp_path_factory.mktemp("procfs")
    (folder / "export").mkdir()
    (folder / "nas").mkdir()
    (folder / "own").touch()
    found = {}
    with slow_mount(folder / "export", folder / "nas", delay=60) as mounted:
        if mounted:
            found = {name: stands(program, folder / "nas" / name) for name, program in CHANGES.items()}
        yield found
        for one in found.values():
            one.kill()
    for one in found.values():
        one.wait(10)


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_on_storage_that_went_away_is_told_by_name_and_path(
    standing: dict[str, subprocess.Popen[bytes]], operation: str
) -> None:
    if not standing:
        pytest.skip("no file system can be mounted here")
    process = standing[operation]
    path = str(process.args[-1])  # type: ignore[index]  # a list, as `stands` gives it
    until(lambda: call_of(process.pid) == FileCall(operation=operation, path=path))
