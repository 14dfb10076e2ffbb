"""Each child has one span, from its launch to its end, whichever way the program learns of the end, or never does."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

import clientobs
from clientobs.instruments.processes.child import begin
from clientobs.instruments.processes.command import command_of
from clientobs.instruments.processes.memory import own_peak
from instruments.processes.conftest import python

if TYPE_CHECKING:
    from instruments.processes.conftest import Family

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the calls of wait, and /bin/true")

THREE = "import sys; sys.exit(3)"
SECOND = 1_000_000_000


def wait_until_dead(pid: int) -> None:
    """Wait until a child has ended, and leave it to be reaped."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def by_wait() -> None:
    subprocess.Popen(python(THREE)).wait()


def by_poll() -> None:
    popen = subprocess.Popen(python(THREE))
    while popen.poll() is None:
        wait_until_dead(popen.pid)


def by_run() -> None:
    subprocess.run(python(THREE), check=False)


def by_communicate() -> None:
    subprocess.Popen(python(THREE), stdin=-1, stdout=-1, stderr=-1).communicate(b"x" * 10)


def by_with() -> None:
    with subprocess.Popen(python(THREE)):
        pass


def by_waiting_with_a_limit() -> None:
    subprocess.Popen(python(THREE)).wait(timeout=60)


def by_os_waitpid() -> None:
    popen = subprocess.Popen(python(THREE))
    os.waitpid(popen.pid, 0)
    popen.returncode = 3


def by_os_wait() -> None:
    popen = subprocess.Popen(python(THREE))
    os.wait()
    popen.returncode = 3


def by_os_wait3() -> None:
    popen = subprocess.Popen(python(THREE))
    os.wait3(0)
    popen.returncode = 3


def by_os_wait4() -> None:
    popen = subprocess.Popen(python(THREE))
    os.wait4(popen.pid, 0)
    popen.returncode = 3


def by_os_waitid() -> None:
    popen = subprocess.Popen(python(THREE))
    os.waitid(os.P_PID, popen.pid, os.WEXITED)
    popen.returncode = 3


def by_system() -> None:
    os.system(f"{sys.executable} -I -S -c '{THREE}'")


def by_popen() -> None:
    os.popen(f"{sys.executable} -I -S -c '{THREE}'").close()


def by_spawn() -> None:
    os.spawnv(os.P_WAIT, sys.executable, python(THREE))


def by_spawn_and_waitpid() -> None:
    os.waitpid(os.spawnlp(os.P_NOWAIT, sys.executable, *python(THREE)), 0)


def by_posix_spawn() -> None:
    os.waitpid(os.posix_spawn(sys.executable, python(THREE), os.environ), 0)


def by_asyncio() -> None:
    async def main() -> None:
        await (await asyncio.create_subprocess_exec(*python(THREE))).wait()

    asyncio.run(main())


WAYS = (
    *(by_wait, by_poll, by_run, by_communicate, by_with, by_waiting_with_a_limit, by_os_waitpid, by_os_wait),
    *(by_os_wait3, by_os_wait4, by_os_waitid, by_system, by_popen, by_spawn, by_spawn_and_waitpid),
    *(by_posix_spawn, by_asyncio),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_end_is_known_when_the_program_knows_it(way: object, family: Family) -> None:
    with clientobs.span("publish"):
        way()  # type: ignore[operator]
    found = family.so_far()  # before anything else could have looked
    (child,) = [span for span in found.spans if span.name != "publish"]
    assert child.attributes["process.exit.code"] == 3
    assert child.attributes["process.outcome"] == "failed"
    assert child.parent_id == found.span("publish").span_id
    assert 0 < child.end_ns - child.start_ns < 60 * SECOND
    assert len(found.events("process.failed")) == 1


def test_what_it_is_and_where_it_runs_is_on_the_span(family: Family, tmp_path: object) -> None:
    command = python("pass", "--frames", "1-10")
    popen = subprocess.Popen(command, cwd=str(tmp_path))
    popen.wait()
    facts = family.child(os.path.basename(sys.executable)).attributes
    assert facts["process.executable.name"] == os.path.basename(sys.executable)
    assert facts["process.executable.path"] == sys.executable
    assert list(facts["process.command_args"]) == command
    assert facts["process.working_directory"] == str(tmp_path)
    assert facts["process.pid"] == popen.pid
    assert facts["process.outcome"] == "ok"
    assert facts["process.launcher"] == "subprocess.Popen"
    assert "error.type" not in facts


def test_a_child_that_nobody_waits_for_is_seen_to_end_and_left_to_be_reaped(family: Family) -> None:
    popen = subprocess.Popen(python(THREE))
    wait_until_dead(popen.pid)
    family.desk.look()
    assert not family.so_far().spans
    family.desk.look()
    (child,) = family.so_far().spans
    assert child.attributes["process.exit.code"] == 3
    assert psutil.Process(popen.pid).status() == psutil.STATUS_ZOMBIE
    assert popen.wait() == 3
    assert len(family.recorded().spans) == 1


def test_a_program_that_waits_between_two_looks_says_what_the_child_has_used(family: Family) -> None:
    popen = subprocess.Popen(python("sum(range(10**6))"))
    wait_until_dead(popen.pid)
    family.desk.look()
    popen.wait()
    (child,) = family.recorded().spans
    assert child.attributes["process.used.cpu"] > 0


def test_a_popen_object_that_is_dropped_leaves_its_child_in_sight(family: Family) -> None:
    stdin, gate = os.pipe()
    with pytest.warns(ResourceWarning, match="still running"):
        pid = pid_of_a_dropped_child(stdin)
    os.close(stdin)
    os.close(gate)
    wait_until_dead(pid)
    family.desk.look()
    family.desk.look()
    (child,) = family.so_far().spans
    assert child.attributes["process.exit.code"] == 0
    os.waitpid(pid, 0)


def pid_of_a_dropped_child(stdin: int) -> int:
    pid = subprocess.Popen(python("import sys; sys.stdin.read()"), stdin=stdin).pid
    gc.collect()
    return pid


def test_a_child_that_outlives_the_recording_is_told_as_detached(family: Family) -> None:
    popen = subprocess.Popen(python("import sys; sys.stdin.read()"), stdin=subprocess.PIPE)
    child = family.child(os.path.basename(sys.executable))
    popen.communicate()
    assert child.attributes["process.outcome"] == "detached"
    assert "process.exit.code" not in child.attributes
    assert child.status == 0


def test_one_that_has_ended_unseen_before_the_recording_does_is_told_as_ended(family: Family) -> None:
    popen = subprocess.Popen(python(THREE))
    wait_until_dead(popen.pid)
    child = family.child(os.path.basename(sys.executable))
    assert child.attributes["process.exit.code"] == 3
    assert popen.wait() == 3


def test_a_status_that_somebody_else_took_is_unknown_and_not_zero(family: Family) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps
    try:
        assert subprocess.run(python(THREE), check=False).returncode == 0
    finally:
        signal.signal(signal.SIGCHLD, before)
    child = family.child(os.path.basename(sys.executable))
    assert child.attributes["process.outcome"] == "unknown"
    assert "process.exit.code" not in child.attributes


@pytest.mark.parametrize("sender", ["terminate", "os.kill", "killpg"])
def test_a_child_that_the_program_stops_has_not_failed(sender: str, family: Family) -> None:
    popen = subprocess.Popen(
        python("import sys; sys.stdin.read()"), stdin=subprocess.PIPE, start_new_session=sender == "killpg"
    )
    if sender == "terminate":
        popen.terminate()
    elif sender == "os.kill":
        os.kill(popen.pid, signal.SIGTERM)
    else:
        os.killpg(popen.pid, signal.SIGTERM)
    popen.communicate()
    found = family.recorded()
    facts = found.span(os.path.basename(sys.executable)).attributes
    assert (facts["process.outcome"], facts["process.exit.signal"]) == ("stopped", "SIGTERM")
    assert facts["process.exit.sender"] == "this program"
    assert not found.events("process.failed")


def test_ctrl_c_cancels_a_child(family: Family) -> None:
    popen = subprocess.Popen(python("import os, signal; os.kill(os.getpid(), signal.SIGINT)"), stderr=-1)
    popen.communicate()
    assert popen.returncode == -signal.SIGINT
    found = family.recorded()
    assert found.span(os.path.basename(sys.executable)).attributes["process.outcome"] == "cancelled"
    assert not found.events("process.failed")


def test_processor_time_and_peak_memory_are_those_of_the_child(family: Family) -> None:
    size = own_peak() + (64 << 20)
    subprocess.run(python(f"x = bytearray({size}); sum(range(10**6))"), check=True)
    facts = family.child(os.path.basename(sys.executable)).attributes
    assert facts["process.used.cpu"] > 0
    assert facts["process.used.memory"] >= size


def test_the_peak_of_the_parent_is_not_told_for_that_of_a_small_child(family: Family) -> None:
    ballast = bytearray(64 << 20)
    subprocess.run(["/bin/true"], check=True)
    del ballast
    assert family.child("true").attributes.get("process.used.memory", 0) < 32 << 20


def test_the_peak_of_a_long_child_is_what_a_look_has_found(family: Family) -> None:
    child = python("x = bytearray(20 << 20); print(flush=True); import sys; sys.stdin.read()")
    with subprocess.Popen(child, stdin=-1, stdout=-1) as popen:
        assert popen.stdout is not None
        popen.stdout.readline()
        family.desk.look()
    assert family.child(os.path.basename(sys.executable)).attributes["process.used.memory"] > 20 << 20


def test_a_forked_child_does_not_end_the_children_of_its_parent(family: Family) -> None:
    popen = subprocess.Popen(python("import sys; sys.stdin.read()"), stdin=subprocess.PIPE)
    pid = os.fork()
    if not pid:
        clientobs.shutdown()
        os._exit(0)
    os.waitpid(pid, 0)
    popen.communicate()
    children = [one for one in family.recorded().spans if one.attributes["process.pid"] == popen.pid]
    assert [one.attributes["process.outcome"] for one in children] == ["ok"]


def test_a_new_child_with_the_pid_of_an_old_one_ends_that(family: Family) -> None:
    first, second = (begin(command_of([name]), how="test") for name in ("first", "second"))
    assert first is not None
    assert second is not None
    first.started(2**22 + 1)
    second.started(2**22 + 1)
    second.ended(0)
    found = family.recorded()
    assert found.span("first").attributes["process.outcome"] == "unknown"
    assert found.span("second").attributes["process.outcome"] == "ok"


def test_two_threads_that_wait_for_one_child_end_it_once(family: Family) -> None:
    popen = subprocess.Popen(python("import sys; sys.stdin.read(); sys.exit(3)"), stdin=subprocess.PIPE)
    threads = [threading.Thread(target=popen.wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert popen.stdin is not None
    popen.stdin.close()
    for thread in threads:
        thread.join()
    found = family.recorded()
    assert len(found.spans) == 1
    assert len(found.events("process.failed")) == 1


def test_many_at_once_leave_nothing_behind(family: Family) -> None:
    process = psutil.Process()
    run_many(20)
    threads, descriptors = process.num_threads(), process.num_fds()
    run_many(150)
    assert process.num_threads() <= threads
    assert process.num_fds() <= descriptors
    assert not family.desk.open
    assert not family.desk.by_pid
    assert len(family.recorded().spans) == 170


@pytest.mark.torture
def test_a_thousand_at_once_leave_no_descriptor_thread_or_memory(family: Family) -> None:
    process = psutil.Process()
    run_many(1_000)
    before = (process.num_threads(), descriptors(process), process.memory_info().rss)
    for _ in range(3):
        run_many(1_000)
    after = (process.num_threads(), descriptors(process), process.memory_info().rss)
    assert after[0] <= before[0]
    assert after[1] <= before[1]
    assert after[2] - before[2] < 4 << 20
    assert not family.desk.open


def descriptors(process: psutil.Process) -> int:
    """Count them without those of the journal: it has a second one open now and then, until it is on the disk."""
    return process.num_fds() - sum(file.path.endswith(".seg") for file in process.open_files())


def run_many(count: int) -> None:
    children = [subprocess.Popen(["/bin/cat"], stdin=-1, stdout=-1) for _ in range(count)]
    for child in children:
        child.communicate(b"frame")


def test_the_first_end_counts(family: Family) -> None:
    child = begin(command_of(["ffmpeg"]), how="test")
    assert child is not None
    child.started(2**22 + 1)
    child.ended(3)
    child.ended(0)
    child.detached()
    found = family.recorded()
    assert found.span("ffmpeg").attributes["process.exit.code"] == 3
    assert len(found.events("process.failed")) == 1
