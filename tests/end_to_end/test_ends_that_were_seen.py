"""Ends that leave no trace, of hosts that a drain has watched: the kernel tells it how they ended (Linux 6.15)."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.deaths.exit_handle import ExitHandle
from support.otlp_receiver import OtlpReceiver
from support.stage import Stage
from support.workstation import Workstation, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil


def tells() -> bool:
    handle = ExitHandle(os.getpid())
    try:
        return handle._descriptor is not None
    finally:
        handle.close()


pytestmark = pytest.mark.skipif(
    not tells(), reason="this kernel tells nobody but the parent (before Linux 6.15)"
)

HEAD = """
import ctypes
clientobs.init(sys.argv[1])
with clientobs.span("build rig"):
    say("ready")
    wait()
"""
HOSTS = {
    "fatal-error": "    ctypes.pythonapi.Py_FatalError(b'studio plug-in broke')",
    "own-reporter": "    import faulthandler; faulthandler.enable(); ctypes.string_at(0)",
    "quit-in-c": "    ctypes.PyDLL(None)._exit(0)",
    "terminated": "    wait()",
    "returned": "",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with (
        OtlpReceiver() as receiver,
        Workstation(tmp_path_factory.mktemp("seen"), receiver.base) as desk,
    ):
        made = Stage(desk, receiver, HEAD)
        for name, program in HOSTS.items():
            made.start(name, program)
        for host in made.hosts.values():
            assert host.heard() == "ready"
        until(lambda: len(desk.drains()) == 1 and held_by(desk.drains()[0]) == len(HOSTS))
        made.hosts["terminated"].kill(signal.SIGTERM)
        for name in HOSTS.keys() - {"terminated"}:
            made.hosts[name].go()
        for host in made.hosts.values():
            host.process.wait(60)
        yield made


def held_by(drain: psutil.Process) -> int:
    folder = f"/proc/{drain.pid}/fd"
    try:
        links = [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]
    except OSError:
        return 0
    return sum("pidfd" in link for link in links)


@pytest.mark.parametrize(
    ("name", "number"), [("fatal-error", signal.SIGABRT), ("own-reporter", signal.SIGSEGV)]
)
def test_a_fault_that_left_no_trace_is_a_crash_by_its_signal(
    stage: Stage, name: str, number: signal.Signals
) -> None:
    crash = stage.event(name, "app.crash")
    assert crash.record.body.string_value == f"The application crashed ({number.name}) during 'build rig'."
    assert crash.attributes["exception.type"] == number.name
    assert crash.attributes["session.evidence"] == f"ended by {number.name}"
    assert stage.event(name, "session.end").attributes["session.status"] == "crashed"


def test_a_signal_is_told_by_its_name_and_not_guessed(stage: Stage) -> None:
    end = stage.event("terminated", "session.end")
    assert end.record.body.string_value == "The application was killed during 'build rig'."
    assert (end.attributes["session.ending"], end.attributes["session.evidence"]) == (
        "killed",
        "ended by SIGTERM",
    )
    assert stage.events("terminated", "app.crash") == []


@pytest.mark.parametrize(("name", "how"), [("quit-in-c", "exit status 0"), ("returned", "atexit")])
def test_a_host_that_quits_has_exited_also_by_exit_in_c_in_the_middle_of_a_span(
    stage: Stage, name: str, how: str
) -> None:
    end = stage.event(name, "session.end")
    assert (end.attributes["session.status"], end.attributes["session.evidence"]) == ("exited", how)
    assert end.record.severity_text == "INFO"
