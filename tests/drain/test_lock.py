"""The drain's lock: single, honest about its holder, not disturbed by a look."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clientobs.drain.lock import DrainLock, Holder, drain_folder, file_of, look
from clientobs.errors import JournalError

HOLD = """
import sys, time
from clientobs.drain.lock import DrainLock
lock = DrainLock.acquire(sys.argv[1], version="2.5")
print("held" if lock else "refused", flush=True)
sys.stdin.read()
"""


def hold_elsewhere(path: Path) -> subprocess.Popen[str]:
    environ = {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ},
    )  # fmt: skip


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_free_lock_has_no_holder_and_a_missing_file_none(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    assert look(path) is None
    lock = DrainLock.acquire(path)
    assert lock is not None
    lock.release()
    assert look(path) is None


def test_another_process_sees_the_lock_held_and_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with hold_elsewhere(path) as other:
        assert answer(other) == "held"
        assert look(str(path)) == Holder(pid=other.pid, version="2.5")
        assert DrainLock.acquire(str(path)) is None
        other.kill()
    assert look(str(path)) is None
    mine = DrainLock.acquire(str(path))
    assert mine is not None
    mine.release()


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_looking_at_the_own_lock_does_not_free_it(tmp_path: Path) -> None:
    # to close any descriptor of the file would: the trap of lockf
    path = tmp_path / "a.lock"
    lock = DrainLock.acquire(str(path), version="1")
    assert lock is not None
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert look(str(path)) == look(str(link / "a.lock")) == Holder(pid=os.getpid(), version="1")
    assert DrainLock.acquire(str(link / "a.lock")) is None
    with hold_elsewhere(path) as other:
        assert answer(other) == "refused"
        other.kill()
    lock.release()


def test_a_look_takes_nothing_from_a_drain_that_starts(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    Path(path).touch()
    looker = """
import sys
from clientobs.drain.lock import look
for _ in range(5000):
    look(sys.argv[1])
"""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen([sys.executable, "-c", looker, path], env=environ) as other:
        while other.poll() is None:
            lock = DrainLock.acquire(path)
            assert lock is not None
            lock.release()
    assert other.returncode == 0


def test_a_deleted_home_is_a_lost_lock(tmp_path: Path) -> None:
    lock = DrainLock.acquire(str(tmp_path / "a.lock"))
    assert lock is not None
    assert lock.is_held()
    (tmp_path / "a.lock").unlink()
    assert not lock.is_held()
    lock.release()


@pytest.mark.skipif(os.name != "posix", reason="hosts that close numbers they don't own are known from POSIX")
def test_a_host_that_closes_low_descriptors_does_not_free_the_lock(tmp_path: Path) -> None:
    program = """
import os, sys
from clientobs.drain.lock import DrainLock
lock = DrainLock.acquire(sys.argv[1])
os.closerange(3, 256)
scene = open(sys.argv[1] + ".scene", "w")
print(lock.is_held(), flush=True)
sys.stdin.read()
lock.release()
lock.release()
print(scene.write("scene"), scene.flush(), flush=True)
"""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    path = str(tmp_path / "a.lock")
    with subprocess.Popen(
        [sys.executable, "-c", program, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ,
    ) as host:  # fmt: skip
        assert answer(host) == "True"
        assert look(path) is not None
        assert host.communicate()[0].strip() == "5 None"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_neither_holds_nor_frees_its_parents_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    lock = DrainLock.acquire(path)
    assert lock is not None
    child = os.fork()
    if not child:
        held = lock.is_held()
        lock.release()
        os._exit(1 if held else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lock.is_held()
    with hold_elsewhere(tmp_path / "a.lock") as other:
        assert answer(other) == "refused"
        other.kill()
    lock.release()


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_a_lock_that_is_a_symlink_is_refused_and_its_target_untouched(tmp_path: Path) -> None:
    if not hasattr(os, "O_NOFOLLOW"):
        pytest.skip("this system can't refuse links on opening")
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "a.lock").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        DrainLock.acquire(str(tmp_path / "a.lock"))
    assert target.read_text() == "precious"


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_the_drains_folder_is_closed_to_others_and_never_a_link(tmp_path: Path) -> None:
    folder = Path(drain_folder(str(tmp_path)))
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(JournalError, match="remove it"):
        drain_folder(str(tmp_path))


@pytest.mark.parametrize("key", ["", "../x", "a/b", "x" * 65, "a b"])
def test_a_destination_that_is_no_key_makes_no_file_name(key: str) -> None:
    with pytest.raises(JournalError, match="destination key"):
        file_of("home", key, "lock")
