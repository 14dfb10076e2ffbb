"""The ways to start a detached process, one by one: what the host's process sees of each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clientobs.drain.launch import linux as launch_linux
from clientobs.drain.launch import posix as launch_posix
from clientobs.drain.launch import windows as launch_windows
from support.drain_site import SOURCE, until

linux = pytest.mark.skipif(not launch_linux.available(), reason="the libc chain is for Linux with glibc")
posix = pytest.mark.skipif(os.name != "posix", reason="a POSIX way")

BUSY_HOST = """
import json, os, signal, sys, threading, time
from clientobs.drain.launch import linux as launch_linux
met, signals = [], []
signal.signal(signal.SIGCHLD, lambda number, frame: signals.append(number))

def hammer():
    while True:
        try:
            met.append(os.wait())
        except ChildProcessError:
            time.sleep(0.0002)

def burn():
    while True:
        sum(range(1000))

for work in (hammer, burn):
    threading.Thread(target=work, daemon=True).start()

def launch_all():
    for number in range(int(sys.argv[2])):
        launch_linux.launch("/bin/sh", ["sh", "-c", f"echo $PPID >> {sys.argv[1]}"], [], "/")

worker = threading.Thread(target=launch_all)
worker.start()
worker.join()
time.sleep(0.05)
children = open(f"/proc/self/task/{os.getpid()}/children").read()
print(json.dumps({"met": met, "signals": signals, "children": children}))
sys.stdout.flush()
os._exit(0)
"""


def busy_host(log: Path, launches: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", BUSY_HOST, str(log), str(launches)],
        capture_output=True, text=True, check=True, timeout=100, env={"PYTHONPATH": str(SOURCE.parent)},
    )  # fmt: skip
    until(lambda: log.read_text().count("\n") == launches)
    return dict(json.loads(done.stdout))


@linux
def test_a_busy_host_that_waits_for_children_meets_none_and_sees_no_signal(tmp_path: Path) -> None:
    assert busy_host(tmp_path / "log", 25) == {"met": [], "signals": [], "children": ""}


@linux
@pytest.mark.torture
def test_two_hundred_launches_leave_no_trace_in_a_busy_host(tmp_path: Path) -> None:
    assert busy_host(tmp_path / "log", 200) == {"met": [], "signals": [], "children": ""}


@linux
def test_the_pid_that_is_returned_is_the_programs(tmp_path: Path) -> None:
    pid = launch_linux.launch("/bin/sh", ["sh", "-c", "echo $$ > pid; pwd >> pid"], [], str(tmp_path))
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().count("\n") == 2)
    assert (tmp_path / "pid").read_text().split() == [str(pid), str(tmp_path)]


@linux
def test_arguments_and_environment_arrive_as_they_are(tmp_path: Path) -> None:
    program = """
import os, sys, json
json.dump([sys.argv[1:], dict(os.environ)], open('got.part', 'w'))
os.rename('got.part', 'got')
"""
    odd = ["", "a b", "ä\udcff", '"$HOME"', "x" * 100_000]
    launch_linux.launch(
        sys.executable,
        [sys.executable, "-I", "-c", program, *odd],
        [("ODD", "=ü\n"), ("E", "")],
        str(tmp_path),
    )
    until((tmp_path / "got").exists)
    arguments, environ = json.loads((tmp_path / "got").read_text())
    assert arguments == odd
    assert environ.items() >= {"ODD": "=ü\n", "E": ""}.items()


@linux
def test_the_program_has_no_descriptor_of_the_host_from_its_first_instruction(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        launch_linux.launch(
            "/bin/sh", ["sh", "-c", "ls -l /proc/$$/fd > list; mv list fds"], [], str(tmp_path)
        )
    finally:
        os.close(read)
        os.close(write)
    until((tmp_path / "fds").exists)
    assert "pipe" not in (tmp_path / "fds").read_text()
    assert (tmp_path / "fds").read_text().count("/dev/null") >= 2


@linux
def test_a_program_that_cannot_be_executed_is_an_error_in_the_host(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="could not be executed"):
        launch_linux.launch(str(tmp_path / "missing"), ["missing"], [], "/")


@linux
def test_the_callers_signal_mask_is_as_before_even_after_a_failure(tmp_path: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        with pytest.raises(OSError, match="could not be executed"):
            launch_linux.launch(str(tmp_path), ["a folder"], [], "/")
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before | {signal.SIGUSR2}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@posix
def test_the_shells_way_starts_a_program_that_is_nobodys_child(tmp_path: Path) -> None:
    program = "import os; open('part', 'w').write(f'{os.getppid()} {os.getcwd()}'); os.rename('part', 'got')"
    launch_posix.launch(sys.executable, [sys.executable, "-I", "-c", program], [("A", "b c")], str(tmp_path))
    until((tmp_path / "got").exists)
    parent, folder = (tmp_path / "got").read_text().split()
    assert int(parent) != os.getpid()
    assert folder == str(tmp_path)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


class Windows:
    """A CreateProcess that refuses some flags."""

    def __init__(self, refuse: int, code: int) -> None:
        self.refuse = refuse
        self.code = code
        self.flags: list[int] = []

    def __call__(self, path: str, line: str, flags: int, environ: dict[str, str], folder: str) -> int:
        self.flags.append(flags)
        if flags & self.refuse:
            error = PermissionError("refused")
            error.winerror = self.code  # type: ignore[attr-defined,unused-ignore]  # what Windows sets
            raise error
        return 42


def test_a_job_that_forbids_breakaway_gets_a_second_attempt_without_it() -> None:
    windows = Windows(launch_windows.CREATE_BREAKAWAY_FROM_JOB, code=5)
    assert launch_windows.launch("python.exe", ["python.exe"], [], "C:\\", create=windows) == 42
    first, second = windows.flags
    assert first ^ second == launch_windows.CREATE_BREAKAWAY_FROM_JOB
    assert second & launch_windows.DETACHED_PROCESS
    assert second & launch_windows.CREATE_NEW_PROCESS_GROUP
    assert second & launch_windows.BELOW_NORMAL_PRIORITY_CLASS


def test_another_refusal_of_windows_is_an_error_at_once() -> None:
    windows = Windows(launch_windows.DETACHED_PROCESS, code=193)
    with pytest.raises(PermissionError):
        launch_windows.launch("python.exe", ["python.exe"], [], "C:\\", create=windows)
    assert len(windows.flags) == 1
