"""Native code that holds the interpreter, while other things go on: one hang, whoever else was late meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from support.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads what Linux tells of threads"
)

HEAD = """
import ctypes
clientobs.init(sys.argv[1], version="2.1", session_kind=os.environ.get("KIND", "interactive"), hangs={"seconds": 2})
def refresh_viewport(): ctypes.PyDLL(None).usleep(60_000_000)
"""
HOLD = """
with clientobs.span("orbit"):
    say(clientobs.init().run)
    wait()  # until the watch has begun, and there is a drain to see what comes
    refresh_viewport()
"""
QUIET = "wait()"


@pytest.fixture
def stage(receiver: OtlpReceiver, desk: Workstation) -> Stage:
    return Stage(desk, receiver, HEAD)


def held(stage: Stage) -> None:
    host = stage.start("holder", HOLD)
    stage.until_beat(host.heard(), lambda beat: beat.watch == "span")
    host.go()


@contextmanager
def load_beside(pid: int) -> Iterator[None]:
    """Let all threads of a process share one processor with three others that want all of it."""
    only = {max(os.sched_getaffinity(0))}
    busy = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(3)]
    try:
        for thread in [*(int(one) for one in os.listdir(f"/proc/{pid}/task")), *(one.pid for one in busy)]:
            os.sched_setaffinity(thread, only)
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait(10)


def assert_one_hang_that_was_ended_by_the_kill(stage: Stage) -> None:
    stage.kill("holder")
    end = stage.event("holder", "session.end")
    assert end.attributes["session.ending"] == "hang_killed"
    assert len(stage.events("holder", "app.hang")) == 1
    assert stage.events("holder", "app.hang.end") == []


def test_a_drain_that_was_late_does_not_take_a_hang_for_over(stage: Stage) -> None:
    held(stage)
    assert stage.event("holder", "app.hang").attributes["app.hang.reason"] == "native"
    (drain,) = stage.desk.drains()
    drain.send_signal(signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        stage.hosts["holder"].process.wait(2.5)  # longer than a drain may be late
    drain.send_signal(signal.SIGCONT)
    stage.start("other", QUIET)
    stage.event("other", "session.start")  # the drain has looked at all of them since
    assert_one_hang_that_was_ended_by_the_kill(stage)


def test_a_hold_on_a_machine_that_has_no_time_is_one_hang(stage: Stage) -> None:
    host = stage.start("holder", HOLD)
    stage.until_beat(host.heard(), lambda beat: beat.watch == "span")
    with load_beside(host.pid):
        host.go()
        assert stage.event("holder", "app.hang").attributes["app.hang.reason"] == "native"
    assert_one_hang_that_was_ended_by_the_kill(stage)


IMMEDIATE = """
say(clientobs.init().run)
wait()  # until the host has told that nothing is watched
with clientobs.span(sys.argv[2]):
    refresh_viewport()
"""


def test_a_hold_within_the_second_in_which_its_span_opened_is_seen(stage: Stage) -> None:
    """One that takes its time because it is known work, and a batch, were held before and are not told."""
    stage.start("renderer", IMMEDIATE, "render frame")
    stage.start("batch", IMMEDIATE, "orbit", KIND="batch")
    stage.start("holder", IMMEDIATE, "orbit")
    for name, watch in (("renderer", "idle"), ("batch", ""), ("holder", "idle")):
        host = stage.hosts[name]
        stage.until_beat(host.heard(), lambda beat, watch=watch: beat.watch == watch)  # type: ignore[misc]
        host.go()
    hang = stage.event("holder", "app.hang")
    assert hang.attributes["app.hang.reason"] == "native"
    assert [one.partition(" (")[0] for one in hang.attributes["session.open_spans"]] == ["orbit"]
    assert_one_hang_that_was_ended_by_the_kill(stage)
    for name in ("renderer", "batch"):
        stage.kill(name)
        assert stage.event(name, "session.end").attributes["session.ending"] == "killed"
