"""Main threads beside which the keeper doesn't get the interpreter lock, though Python runs: the convoy effect.

`sum(...)` and a call that lets go of the lock for next to nothing, all the time: whether the keeper has its turn
within seconds is chance, and differs from one moment to the next (docs/explanation/hangs.md). So some hosts here have a
keeper that never has: after its first beats it does nothing but what the system sees of such a thread, which is to
wake hundreds of times a second in the wait for a lock.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from clientobs._beat import read_beat
from support.stage import Stage
from support.workstation import until

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads what Linux tells of threads"
)

HEAD = """
import select, threading, time
clientobs.init(sys.argv[1], version="2.1", session_kind="interactive", hangs={"seconds": 2})
page = open("page", "w+b", buffering=0)
page.write(bytes(16))
held, never = threading.Event(), threading.Event()
from clientobs.runtime.keeper import Keeper
def waits_in_vain(tick):
    def wait(self, stop):
        while held.is_set(): never.wait(0.0005)  # as in take_gil: awake, for nothing, and again
        tick(self, stop)
    return wait
Keeper._tick = waits_in_vain(Keeper._tick)
def goes_on(): return not select.select([sys.stdin], [], [], 0)[0]
def begin():
    say(clientobs.init().run)
    while not os.path.exists(sys.argv[1]): time.sleep(0.01)  # to read a line would be to answer
    if sys.argv[2] == "in vain": held.set()
"""
SOLVE = """
def relax():
    sum(range(40_000))
    select.select([], [], [], 0)
def solve(until):
    while not os.path.exists(until): relax()
with clientobs.span("solve"):
    begin()
    solve("has-a-turn")
    held.clear()
    solve("is-solved")
    say("back")
    with clientobs.span("rest"): wait()
"""
HEALTHY = {
    "a tool that reads small pieces of a file": """
with clientobs.span("import points"):
    begin()
    while goes_on():
        page.seek(0); page.read(16); sum(range(40_000))
""",
    "a tool that has made a span of each step": """
with clientobs.span("publish"):
    begin()
    while goes_on():
        with clientobs.span("step"): sum(range(40_000))
        select.select([], [], [], 0)
""",
    "a tool that waits for its worker": """
def encode():
    while goes_on(): sum(range(40_000))
with clientobs.span("encode"):
    begin()
    worker = threading.Thread(target=encode); worker.start(); worker.join()
""",
    "a loop that goes round": """
clientobs.init()._parts.hangs.watch.beat()  # as an adapter does whose host is idle
begin()
while goes_on():
    time.sleep(0.02)
""",
}


def begin(stage: Stage, name: str, run: str) -> None:
    """Let a host go on once it is watched, and there is a drain to see what comes."""
    stage.until_beat(run, lambda beat: beat.watch)
    (stage.desk.folder / name).touch()


@pytest.mark.parametrize("keeper", ["in vain", "by chance"])
def test_a_main_thread_that_lets_go_of_the_lock_for_moments_is_told_once_and_so_is_its_end(
    receiver: OtlpReceiver, desk: Workstation, tmp_path: Path, keeper: str
) -> None:
    stage = Stage(desk, receiver, HEAD)
    host = stage.start("solver", SOLVE, keeper)
    run = host.heard()
    begin(stage, "solver", run)
    hang = stage.event("solver", "app.hang")
    assert hang.attributes["app.hang.reason"] == "computing"
    assert keeper == "by chance" or hang.attributes["app.hang.stack_source"] != "host"
    assert [one.partition(" (")[0] for one in hang.attributes["session.open_spans"]] == ["solve"]
    (tmp_path / "has-a-turn").touch()
    if keeper == "in vain":  # now the host sees it as well, as one of its own
        told = desk.home / "v1" / run / "hangs"
        until(lambda: '"noted"' in told.read_text())
    (tmp_path / "is-solved").touch()
    assert host.heard() == "back"
    end = stage.event("solver", "app.hang.end")
    assert end.attributes["app.hang.id"] == hang.attributes["app.hang.id"]
    assert end.attributes["app.hang.stack_source"] == "host"
    assert end.attributes["code.function.name"] in {"__main__.solve", "__main__.relax"}
    assert end.attributes["app.hang.duration"] >= hang.attributes["app.hang.duration"]
    assert host.end() == 0
    assert stage.event("solver", "session.end").attributes["session.status"] == "exited"
    assert len(stage.events("solver", "app.hang")) == len(stage.events("solver", "app.hang.end")) == 1


def test_nothing_is_told_of_who_gets_on_though_the_keeper_has_no_turn(
    receiver: OtlpReceiver, desk: Workstation
) -> None:
    """They are silent for longer than one that does hang, until that one is told."""
    stage = Stage(desk, receiver, HEAD)
    silent = {}
    for name, program in HEALTHY.items():
        host = stage.start(name, program, "in vain")
        silent[name] = host.heard()
        begin(stage, name, silent[name])
    begin(stage, "witness", stage.start("witness", SOLVE, "in vain").heard())
    stage.event("witness", "app.hang")
    for name, run in silent.items():
        beat = read_beat(str(desk.home / "v1" / run))
        assert beat is not None, name
        assert time.monotonic_ns() - beat.at > 2 * 10**9, f"the keeper of {name} had its turn"
    stage.kill("witness")
    assert [stage.hosts[name].end() for name in HEALTHY] == [0] * len(HEALTHY)
    endings = {name: stage.event(name, "session.end").attributes["session.status"] for name in stage.hosts}
    assert endings == dict.fromkeys(HEALTHY, "exited") | {"witness": "hung"}
    told = {log.resource["service.name"] for log in receiver.logs() if log.record.event_name == "app.hang"}
    assert told == {"witness"}
