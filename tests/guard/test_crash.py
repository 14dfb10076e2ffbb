"""What the watch over crashes does to faulthandler and to the handlers of a host, each in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.programs import run_program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sigaction() is POSIX's")

HEAD = """
import ctypes, faulthandler, fcntl, os, signal, sys
from clientobs.guard.crash import CrashWatch
folder = sys.argv[1]
fault = os.path.join(folder, "fault.txt")
libc = ctypes.CDLL(None)
libc.signal.restype = ctypes.c_void_p
libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
def handler_of(number):
    room = ctypes.create_string_buffer(512)
    assert libc.sigaction(number, None, room) == 0
    return int.from_bytes(room[:8], sys.byteorder)
REPORTER = ctypes.cast(libc._exit, ctypes.c_void_p)
watch = CrashWatch()
watch.install(folder)
assert watch.faults
watch.keep()
assert watch.faults
"""


def run(tmp_path: Path, program: str) -> None:
    done = run_program(HEAD + program, str(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"])
def test_a_handler_on_top_of_ours_is_seen_and_so_is_that_it_went_again(tmp_path: Path, name: str) -> None:
    run(
        tmp_path,
        f"""
before = libc.signal(signal.{name}, REPORTER)
watch.keep()
assert not watch.faults
libc.signal(signal.{name}, before)
watch.keep()
assert watch.faults
""",
    )


@pytest.mark.parametrize("end", ["uninstall", "leave_to_parent"])
def test_the_handler_of_a_crash_reporter_outlives_our_watch(tmp_path: Path, end: str) -> None:
    run(
        tmp_path,
        f"""
libc.signal(signal.SIGSEGV, REPORTER)
watch.{end}()
assert handler_of(signal.SIGSEGV) == REPORTER.value
""",
    )


def test_a_fault_after_our_end_reaches_no_file_of_ours_and_no_file_with_its_number(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
libc.signal(signal.SIGILL, REPORTER)  # not the one that comes
pid = os.fork()
if pid == 0:
    watch.leave_to_parent()
    theirs = os.open(os.path.join(folder, "scene.ma"), os.O_WRONLY | os.O_CREAT)
    for _ in range(8):
        fcntl.fcntl(theirs, fcntl.F_DUPFD, 900)  # where a number of ours was
    os.kill(os.getpid(), signal.SIGSEGV)
assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGSEGV
assert os.path.getsize(fault) == os.path.getsize(os.path.join(folder, "scene.ma")) == 0
""",
    )


def test_without_a_handler_on_top_all_is_as_it_was_before(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
watch.uninstall()
assert handler_of(signal.SIGSEGV) == 0
assert not faulthandler.is_enabled()
assert not os.path.exists(fault)
""",
    )


def test_a_descriptor_that_the_host_closed_is_replaced_under_a_reporter_s_handler(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
libc.signal(signal.SIGSEGV, REPORTER)
os.closerange(3, 4096)
watch.keep()
assert handler_of(signal.SIGSEGV) == REPORTER.value
os.kill(os.getpid(), signal.SIGABRT) if os.fork() == 0 else os.wait()
assert b"Fatal Python error: Aborted" in open(fault, "rb").read()
""",
    )


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("open(own, 'w')", "own"),
        ("open(own, 'wb')", "own"),
        ("sys.stderr", "''"),  # shared with children
        ("os.open(own, os.O_WRONLY | os.O_CREAT)", "''"),  # a number tells nothing
        ("open('/dev/null', 'w')", "''"),
    ],
)
def test_the_host_s_own_file_is_known_where_it_can_be(tmp_path: Path, given: str, path: str) -> None:
    run(
        tmp_path,
        f"""
own = os.path.realpath(os.path.join(folder, "own.txt"))
theirs = {given}
faulthandler.enable(theirs)
watch.keep()
assert (watch.faults, watch.host_file.path) == (False, {path}), watch.host_file
watch.uninstall()
assert faulthandler.is_enabled()
""",
    )


def test_who_takes_the_signals_again_and_again_is_noted_a_few_times_and_then_as_unseen(
    tmp_path: Path,
) -> None:
    run(
        tmp_path,
        """
from clientobs.runtime.failures import Failures
watch.uninstall()
class Journal:
    path = folder
    notes = []
    def note(self, kind, values, lane): self.notes.append(values["faults"])
failures = Failures(type("Home", (), {"runs": folder, "path": folder})(), "host", "host", {})
failures.watch(Journal())
ours = handler_of(signal.SIGSEGV)
for turn in range(100):
    libc.signal(signal.SIGSEGV, ours if turn % 2 else REPORTER)
    failures.tend()
assert len(Journal.notes) == 17, Journal.notes
assert Journal.notes[:3] == [True, False, True] and Journal.notes[-1] is False
""",
    )
