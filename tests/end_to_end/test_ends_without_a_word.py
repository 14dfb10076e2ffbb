"""Hosts that die idle, or with the watch over faults taken from us: when it was, and what may be said of it.

They run side by side and without a drain; one that comes afterwards has nothing but their folders.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs._beat import read_beat
from clientobs.journal.format import Kind
from support.otlp_receiver import OtlpReceiver
from support.readback import seen
from support.stage import Stage
from support.workstation import Workstation, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs._beat import Beat

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="signals as Linux sends them, and libc's own exit"
)

HEAD = """
import ctypes, faulthandler, time
libc = ctypes.CDLL(None)
say(clientobs.init(sys.argv[1], version="2.1", session_kind="interactive").run)
clientobs.set_context(project="demo", shot="sq010_sh020")
def segfault(): ctypes.string_at(0)
def unseen(): os.kill(os.getpid(), signal.SIGSEGV)  # which the kernel doesn't log
def at_work(die):
    with clientobs.span("load", **{"dcc.scene.path": "/mnt/proj/sh020.ma"}):
        with clientobs.span("build rig"):
            wait()
            die()
"""
SECOND = 1_000_000_000
IDLE = 2.5 * SECOND
LATE = {
    "idle": "with clientobs.span('load'): pass\nwait()",
    "working": "at_work(wait)",
    "crashing": "at_work(segfault)",
}
"""Those that live on for some seconds after their last record."""
KILLED = ("idle", "working")
LOST = {
    "own-file": "faulthandler.enable(open('own.txt', 'a')); at_work(segfault)",
    "to-stderr": "faulthandler.enable(); at_work(unseen)",
    "switched-off": "faulthandler.disable(); at_work(unseen)",
    "own-handler": "libc.signal(11, ctypes.cast(libc._exit, ctypes.c_void_p)); at_work(unseen)",
}
"""Those that take the watch over faults away after init()."""
SILENT = {
    "fatal-error": "at_work(lambda: ctypes.pythonapi.Py_FatalError(b'studio plug-in broke'))",
    "trapped": "at_work(lambda: os.kill(os.getpid(), signal.SIGTRAP))",
}
"""Those whose fault leaves nothing, by Python or by the system."""
CLEAN = {"quit": "os._exit(3)", "returned": "sys.exit(0)"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with OtlpReceiver() as receiver:
        folder = tmp_path_factory.mktemp("ends")
        (folder / "own.txt").write_text("Fatal Python error: Aborted\n\n")  # of yesterday
        with Workstation(folder, receiver.base, CLIENTOBS_DRAIN="off") as desk:
            made = Stage(desk, receiver, HEAD)
            play(made)
            desk.clientobs("drain", "--once", environ={"CLIENTOBS_DRAIN": "process"})
            yield made


def play(made: Stage) -> None:
    for name, program in {**LATE, **LOST, **SILENT, **CLEAN}.items():
        made.start(name, program)
    runs = {name: host.heard() for name, host in made.hosts.items()}
    until(lambda: {runs[name] for name in LOST} <= unwatched(made))
    until(lambda: all(idle_for(made, runs[name]) > IDLE for name in LATE))
    for name in KILLED:
        made.hosts[name].kill()
    for name in {**LOST, **SILENT, "crashing": ""}:
        made.hosts[name].go()
    for host in made.hosts.values():
        host.process.wait(60)


def unwatched(made: Stage) -> set[str]:
    """Return the runs whose newest note says that a fault would not be seen."""
    newest = {}
    for placed in seen(made.desk.home).of(Kind.NOTE):
        if placed.record.type == "watched":
            newest[placed.header.run] = placed.record.values["faults"]
    return {run for run, faults in newest.items() if not faults}


def beat_of(made: Stage, run: str) -> Beat | None:
    return read_beat(str(made.desk.home / "v1" / run))


def idle_for(made: Stage, run: str) -> int:
    beat = beat_of(made, run)
    headers = [placed.header for placed in seen(made.desk.home).of(Kind.LOG) if placed.header.run == run]
    return beat.at - headers[0].mono_ns if beat is not None and headers else 0


def run_of(made: Stage, name: str) -> str:
    return str(made.event(name, "session.end").resource["service.instance.id"])


@pytest.mark.diagnosis("force-quit")
@pytest.mark.parametrize("name", LATE)
def test_an_end_is_dated_by_the_last_sign_of_life_and_not_by_the_last_record(stage: Stage, name: str) -> None:
    end = stage.event(name, "session.end")
    beat = beat_of(stage, run_of(stage, name))
    assert beat is not None
    start = stage.event(name, "session.start").record.time_unix_nano
    lived = end.record.time_unix_nano - start
    assert lived >= 2 * SECOND
    assert end.attributes["session.duration"] * SECOND == pytest.approx(lived, abs=SECOND)
    header = next(
        placed.header
        for placed in seen(stage.desk.home).of(Kind.LOG)
        if placed.header.run == run_of(stage, name)
    )
    seen_last = header.wall_ns + beat.at - header.mono_ns
    assert end.record.time_unix_nano >= seen_last - SECOND // 10
    if name in KILLED:
        assert end.record.time_unix_nano <= seen_last + SECOND // 10


@pytest.mark.parametrize("name", ["working", "crashing"])
def test_spans_that_were_open_last_until_then(stage: Stage, name: str) -> None:
    end = stage.event(name, "session.end").record.time_unix_nano
    span = stage.span(name, "build rig").record
    assert span.end_time_unix_nano - span.start_time_unix_nano >= 1.5 * SECOND
    assert abs(end - span.end_time_unix_nano) < SECOND // 10


@pytest.mark.diagnosis("native-crash")
def test_a_crash_is_dated_by_its_fault_and_has_the_scene_of_the_open_span(stage: Stage) -> None:
    crash, end = stage.event("crashing", "app.crash"), stage.event("crashing", "session.end")
    (fault,) = (stage.desk.home / "v1" / run_of(stage, "crashing")).glob("fault.txt")
    assert abs(crash.record.time_unix_nano - fault.stat().st_mtime_ns) < SECOND // 10
    for event in (crash, end):
        assert event.record.time_unix_nano == crash.record.time_unix_nano
        assert event.attributes["dcc.scene.path"] == "/mnt/proj/sh020.ma"
    assert stage.event("working", "session.end").attributes["dcc.scene.path"] == "/mnt/proj/sh020.ma"


@pytest.mark.diagnosis("native-crash")
def test_a_fault_file_of_the_host_s_own_is_read_from_where_it_was(stage: Stage) -> None:
    assert stage.hosts["own-file"].process.returncode == -signal.SIGSEGV
    crash = stage.event("own-file", "app.crash")
    assert crash.attributes["exception.type"] == "SIGSEGV"
    assert crash.attributes["session.evidence"] == "the host's own fault file: SIGSEGV"
    assert "in segfault" in crash.attributes["exception.stacktrace"]
    assert crash.attributes["app.crash.files"] == [str(stage.desk.folder / "own.txt")]


@pytest.mark.parametrize("name", sorted(LOST.keys() - {"own-file"}))
def test_what_dies_unwatched_is_neither_killed_nor_crashed(stage: Stage, name: str) -> None:
    end = stage.event(name, "session.end").attributes
    assert (end["session.status"], end["session.ending"]) == ("unknown", "unknown")
    assert stage.events(name, "app.crash") == []


@pytest.mark.parametrize("name", SILENT)
def test_a_kill_that_nobody_saw_may_have_been_a_fault_and_is_told_so(stage: Stage, name: str) -> None:
    end = stage.event(name, "session.end")
    assert end.attributes["session.ending"] == "killed"
    assert end.record.body.string_value == (
        "The application was killed during 'build rig', or ended by a fault that left no trace."
    )
    assert stage.events(name, "app.crash") == []


@pytest.mark.diagnosis("clean-exit")
@pytest.mark.parametrize(
    ("name", "told"), [("quit", ("exited", "os._exit", 3)), ("returned", ("exited", "exited", None))]
)
def test_a_clean_end_says_its_kind_as_every_other_end_does(
    stage: Stage, name: str, told: tuple[str, str, int | None]
) -> None:
    end = stage.event(name, "session.end").attributes
    assert (end["session.status"], end["session.ending"], end.get("process.exit.code")) == told


def test_a_second_delivery_of_these_ends_is_the_same_to_the_byte(stage: Stage) -> None:
    names = [*LATE, *LOST, *SILENT]
    before = {name: stage.event(name, "session.end").record.SerializeToString() for name in names}
    for acks in stage.desk.home.glob("v1/*/acks"):
        acks.unlink()
    stage.desk.clientobs("drain", "--once", environ={"CLIENTOBS_DRAIN": "process"})
    for name in names:
        told = [event.record.SerializeToString() for event in stage.events(name, "session.end")]
        assert told == [before[name]] * 2
