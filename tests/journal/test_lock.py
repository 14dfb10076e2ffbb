"""Fault 8: the lock is the proof of life; pid, start time and boot stand in where a host freed it."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clientobs.errors import JournalError
from clientobs.journal import reader, runs
from clientobs.journal.format import Kind
from clientobs.journal.lock import RunLock, lock_state
from clientobs.journal.process import boot_id, process_start
from clientobs.journal.runs import list_runs, run_state
from support.journals import make_journal, python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clientobs.journal.home import Home
    from clientobs.journal.records import Header

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals or fork")

HOST = """
import sys
from pathlib import Path
from support.journals import make_home, make_journal
from clientobs.journal.format import Kind
journal = make_journal(make_home(Path(sys.argv[1])))
assert journal.append(Kind.LOG, b"x")
print(journal.path, flush=True)
sys.stdin.readline()
journal.close("exited", "")
"""


@pytest.fixture
def host(place: Home) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start a process with a run; it closes it when it is written to."""
    process = python(HOST, place.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        yield process, process.stdout.readline().decode().strip()
        process.kill()


def test_a_lock_is_held_until_it_is_released(tmp_path: Path) -> None:
    path = str(tmp_path / "run.lock")
    assert lock_state(path) == "missing"
    lock = RunLock.acquire(path)
    assert lock_state(path) == "held"
    assert lock.is_held()
    lock.release(closed=False)
    assert lock_state(path) == "free"


def test_a_clean_release_leaves_its_mark(tmp_path: Path) -> None:
    path = str(tmp_path / "run.lock")
    RunLock.acquire(path).release(closed=True)
    assert lock_state(path) == "closed"


def test_looking_at_ones_own_lock_does_not_free_it(
    host: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    """Closing any descriptor of the file would: lockf's trap. Another process must still find it held."""
    path = str(tmp_path / "own.lock")
    lock = RunLock.acquire(path)
    assert [lock_state(path) for _ in range(3)] == ["held"] * 3
    with pytest.raises(JournalError, match="held"):
        RunLock.acquire(path)
    look = "import sys; from clientobs.journal.lock import lock_state; print(lock_state(sys.argv[1]))"
    other = python(look, path, stdout=subprocess.PIPE)
    assert other.communicate(timeout=30)[0].strip() == b"held"
    lock.release(closed=False)


def test_a_live_run_is_alive_a_closed_one_closed(
    place: Home, host: tuple[subprocess.Popen[bytes], str]
) -> None:
    process, path = host
    assert run_state(path) == "alive"
    process.communicate(b"\n", timeout=30)
    assert run_state(path) == "closed"


@posix
def test_a_killed_run_is_dead_and_a_stopped_one_alive(
    place: Home, host: tuple[subprocess.Popen[bytes], str]
) -> None:
    process, path = host
    process.send_signal(signal.SIGSTOP)
    assert run_state(path) == "alive"
    process.kill()
    process.wait(30)
    assert run_state(path) == "dead"


@posix
def test_a_zombie_is_dead(place: Home, host: tuple[subprocess.Popen[bytes], str]) -> None:
    process, path = host
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process_start(process.pid) == ""
    assert run_state(path) == "dead"


@posix
def test_a_child_that_outlives_its_parent_does_not_keep_the_parents_lock(place: Home, tmp_path: Path) -> None:
    """With flock it would: the descriptor is inherited and its lock with it."""
    program = """
import os, sys, time
from pathlib import Path
from support.journals import make_home, make_journal
from clientobs.journal.format import Kind
journal = make_journal(make_home(Path(sys.argv[1])))
journal.append(Kind.LOG, b"x")
if os.fork() == 0:
    sys.stdin.readline()
    os._exit(0)
print(journal.path, flush=True)
os.kill(os.getpid(), 9)
"""
    process = python(program, place.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    path = process.stdout.readline().decode().strip()
    assert process.wait(30) == -signal.SIGKILL
    assert run_state(path) == "dead"
    process.communicate(b"\n", timeout=30)


@posix
def test_a_run_whose_lock_the_host_closed_still_lives(
    place: Home, host: tuple[subprocess.Popen[bytes], str]
) -> None:
    """Its process is found by pid, start time and boot, until the writer takes the lock again."""
    _, path = host
    lock = f"{path}.lock"
    os.rename(lock, f"{lock}.away")
    RunLock.acquire(lock).release(closed=False)
    assert run_state(path) == "alive"


@posix
@pytest.mark.parametrize("changed", ["pid_start", "boot_id"])
def test_a_pid_that_was_used_again_is_another_process(
    place: Home, host: tuple[subprocess.Popen[bytes], str], monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    _, path = host
    os.unlink(f"{path}.lock")
    assert run_state(path) == "alive"

    def other(segment: str) -> Header | None:
        header = reader.read_header(segment)
        assert header is not None
        return (
            replace(header, pid_start="7") if changed == "pid_start" else replace(header, boot_id="another")
        )

    monkeypatch.setattr(runs, "read_header", other)
    assert run_state(path) == "dead"


@posix
def test_a_lost_lock_is_taken_again_by_the_keeper(place: Home) -> None:
    journal = make_journal(place)
    journal.append(Kind.LOG, b"x")
    lock = journal._lanes.directory._lock
    assert lock is not None
    os.close(lock._fd)
    assert lock_state(f"{journal.path}.lock") == "free"
    journal.tend()
    assert lock_state(f"{journal.path}.lock") == "held"
    journal.close("exited", "")
    assert [run.state for run in list_runs(place)] == ["closed"]


@posix
def test_a_process_is_told_by_its_start_and_its_boot() -> None:
    assert boot_id()
    assert process_start(os.getpid()) == process_start(os.getpid()) != ""
    assert process_start(os.getpid()) != process_start(1)
    assert process_start(2**22 + 1) == ""


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_what_does_not_look_like_a_run_is_passed_over(place: Home, tmp_path: Path) -> None:
    os.mkdir(os.path.join(place.runs, "notes"))
    os.mkdir(os.path.join(place.runs, "ab" * 16))
    with open(os.path.join(place.runs, "ab" * 16, "scene.ma"), "w", encoding="ascii") as file:
        file.write("x")
    with open(os.path.join(place.runs, "cd" * 16), "w", encoding="ascii") as file:
        file.write("x")
    os.symlink(tmp_path, os.path.join(place.runs, "ef" * 16))
    (run,) = list_runs(place)
    assert (run.run, run.segments, run.state) == ("ab" * 16, (), "dead")


def test_a_home_without_runs_has_none(tmp_path: Path) -> None:
    assert list_runs(str(tmp_path / "nothing")) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(JournalError, match="can't be listed"):
        list_runs(str(tmp_path / "file"))
