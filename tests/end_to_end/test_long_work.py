"""Work that takes long, waits, sleeps or is looked at by a developer, each for real: told as slow, and as no hang.

With a threshold of two seconds; the hosts run side by side, and beside one that does hang: once that one is told, what
was not told of the others won't be.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.debugger import Debugger
from support.tools import failures
from support.workstation import until

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox, Telemetry
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads what Linux tells of threads"
)

HEAD = 'clientobs.init(sys.argv[1], version="2.1", session_kind="{kind}", hangs={{"seconds": 2}})\n'
INTERACTIVE, BATCH = HEAD.format(kind="interactive"), HEAD.format(kind="batch")
WORK = """
import select, subprocess, threading, time
def goes_on(): return not select.select([sys.stdin], [], [], 0)[0]
def compute():
    while goes_on():  # not all the time: who lets go of the interpreter lock each 2 ms has it back before others wake
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            sum(range(1_000))
"""
HEALTHY = {
    "a scene load that computes": 'with clientobs.span("load scene"): compute()',
    "a render, said to be one, elsewhere": """
with clientobs.span("beauty", **{"tool.work": "render"}):
    while goes_on(): time.sleep(0.05)
""",
    "a save that makes progress": """
with clientobs.span("save scene"), open("scene.usdc", "wb") as out:
    while goes_on():
        out.write(bytes(1 << 16)); out.flush(); time.sleep(0.1)
""",
    "a step that prints how far it is": """
with clientobs.span("check"):
    while goes_on():
        print("on", file=sys.stderr, flush=True); time.sleep(0.05)
""",
    "a tool that waits for a child": """
with clientobs.span("transcode"): subprocess.run(["cat"], check=True)
""",
    "a tool that waits for its worker": """
def encode():
    while goes_on(): time.sleep(0.05)
with clientobs.span("publish"):
    worker = threading.Thread(target=encode); worker.start(); worker.join()
""",
    "a tool that waits for the result of its worker": """
import concurrent.futures
def encode():
    while goes_on(): time.sleep(0.05)
with clientobs.span("collect"), concurrent.futures.ThreadPoolExecutor(1) as pool:
    pool.submit(encode).result()
""",
    "an autosave in the background": """
def autosave():
    with clientobs.span("autosave"), open("autosave.usdc", "wb") as out:
        while goes_on():
            out.write(bytes(1 << 16)); out.flush(); time.sleep(0.1)
with clientobs.span("paint"):
    saver = threading.Thread(target=autosave, name="autosave"); saver.start()
    while saver.is_alive():
        with clientobs.span("stroke"): time.sleep(0.05)
""",
    "a tool that waits for the farm": 'with clientobs.span("farm"): select.select([sys.stdin], [], [])',
}
TOLD = (
    "collect",
    "load scene",
    "beauty",
    "save scene",
    "check",
    "transcode",
    "publish",
    "autosave",
    "farm",
    "solve",
)
WITNESS = 'with clientobs.span("dig"): compute()'


@pytest.mark.diagnosis("long-work", "background-work")
@pytest.mark.parametrize("seconds", [0, pytest.param(40, marks=pytest.mark.torture)])
def test_work_that_takes_long_is_told_as_long_and_as_no_hang(
    receiver: OtlpReceiver, desk: Workstation, seconds: int
) -> None:
    """All of it goes on until a host beside it, which began later and computes as one of them does, is told as hung.

    Few compute: on a machine with other work each must get the share of a processor that is evidence of a hang.
    """
    programs = {name: INTERACTIVE + WORK + program for name, program in HEALTHY.items()}
    programs["a batch"] = BATCH + WORK + 'with clientobs.span("solve"): compute()'
    hosts = [desk.start(program, name) for name, program in programs.items()]
    until(lambda: names(receiver).count("session.start") == len(hosts))
    began = time.monotonic()
    until(lambda: time.monotonic() - began >= seconds, seconds + 1)
    witness = desk.start(INTERACTIVE + WORK + WITNESS, "witness")
    receiver.wait_for(lambda: "app.hang" in names(receiver), 60)
    assert [host.end() for host in (*hosts, witness)] == [0] * (len(hosts) + 1)
    receiver.wait_for(lambda: names(receiver).count("session.end") == len(hosts) + 1, 30)
    receiver.wait_for(lambda: spans(receiver).keys() >= set(TOLD), 30)
    assert hung(receiver) == {"witness"}, told(receiver)
    assert [one.record.name for one in receiver.spans() if one.record.status.code == 2] == []
    events = [log.record.event_name for log in receiver.logs() if log.record.severity_number >= 13]
    assert set(events) == {"app.hang"}
    for name in TOLD:
        record = spans(receiver)[name].record
        assert record.end_time_unix_nano - record.start_time_unix_nano >= max(2, seconds) * 10**9
    assert spans(receiver)["save scene"].attributes["file.io.written"] >= 10 << 16


PDB = """
import io, pdb
def stroke():
    pdb.Pdb(stdin=io.TextIOWrapper(sys.stdin.buffer), stdout=open(os.devnull, "w"), nosigint=True).set_trace()
    return 1
with clientobs.span("paint"):
    say("in it")
    stroke()
"""
DEBUGPY = """
import debugpy
port = debugpy.listen(("127.0.0.1", 0))[1]
def stroke():
    debugpy.breakpoint()
    return 1
with clientobs.span("paint"):
    say(port)
    debugpy.wait_for_client()
    stroke()
"""
needs_debugpy = pytest.mark.skipif(
    importlib.util.find_spec("debugpy") is None, reason="debugpy is not installed here"
)


@pytest.mark.diagnosis("debugger")
@pytest.mark.parametrize("attached", ["pdb", pytest.param("debugpy", marks=needs_debugpy)])
def test_a_host_that_somebody_has_stopped_is_no_hang(
    receiver: OtlpReceiver, desk: Workstation, attached: str
) -> None:
    stopped = desk.start(INTERACTIVE + 'with clientobs.span("paint"): say("in it"); wait()', "stopped")
    debugged = desk.start(INTERACTIVE + (PDB if attached == "pdb" else DEBUGPY), "debugged")
    assert stopped.heard() == "in it"
    port = debugged.heard()
    debugger = None if attached == "pdb" else Debugger(port)
    if debugger is not None:
        debugger.attach()
        debugger.wait_until_stopped()
    until(lambda: len(list(desk.home.glob("v1/*/beat"))) == 2)
    os.kill(stopped.pid, signal.SIGSTOP)
    witness = desk.start(INTERACTIVE + WORK + WITNESS, "witness")
    receiver.wait_for(lambda: "app.hang" in names(receiver), 30)  # the others stand still for longer by now
    os.kill(stopped.pid, signal.SIGCONT)
    assert stopped.end() == 0
    if debugger is not None:
        debugger.go_on()
        debugger.close()
    else:
        assert debugged.process.stdin is not None
        debugged.process.stdin.write(b"continue\n")
        debugged.process.stdin.flush()
    assert debugged.end() == 0
    witness.kill()
    receiver.wait_for(lambda: names(receiver).count("session.end") == 3, 30)
    assert hung(receiver) == {"witness"}, told(receiver)


# What a process sees of an hour in which its machine slept: all clocks but the monotonic one are an hour ahead.
ASLEEP = """
import time
slept = 0
def put_to_sleep(name, second):
    awake = getattr(time, name)
    def clock(*which):
        return awake(*which) + (0 if time.CLOCK_MONOTONIC in which else slept * second)
    setattr(time, name, clock)
for name, second in (("time", 1), ("time_ns", 10**9), ("clock_gettime", 1), ("clock_gettime_ns", 10**9)):
    put_to_sleep(name, second)
"""
PAINTER = """
def is_dated_right():
    with clientobs.span("stroke") as stroke: pass
    return abs(stroke.start_time - time.time_ns()) < 60 * 10**9
with clientobs.span("paint"):
    clientobs.event("before")
    slept = 3600
    while not is_dated_right(): time.sleep(0.05)
    clientobs.event("after")
"""


@pytest.mark.diagnosis("machine-asleep")
def test_an_hour_of_sleep_in_a_span_is_neither_a_hang_nor_part_of_its_duration(
    receiver: OtlpReceiver, desk: Workstation
) -> None:
    """The clocks of the host move as those of a laptop do that slept: no test can suspend its machine."""
    assert desk.start(ASLEEP + INTERACTIVE + PAINTER, "painter").process.wait(60) == 0
    receiver.wait_for(lambda: "paint" in spans(receiver), 30)
    receiver.wait_for(lambda: "session.end" in names(receiver), 30)
    assert failures(receiver) == []
    paint = spans(receiver)["paint"].record
    assert 0 < paint.end_time_unix_nano - paint.start_time_unix_nano < 600 * 10**9
    times = {log.record.event_name: log.record.time_unix_nano for log in receiver.logs()}
    assert 3600 * 10**9 <= times["after"] - times["before"] < 4200 * 10**9


def names(receiver: Inbox) -> list[str]:
    return [log.record.event_name for log in receiver.logs()]


def spans(receiver: Inbox) -> dict[str, Telemetry]:
    return {one.record.name: one for one in receiver.spans()}


def told(receiver: Inbox) -> list[Any]:
    return [log.attributes for log in receiver.logs() if log.record.event_name == "app.hang"]


def hung(receiver: Inbox) -> set[str]:
    """Return who was told as hung; one that gets too little of a processor may be told more than once."""
    return {
        log.resource["service.name"]
        for log in receiver.logs()
        if log.record.event_name in {"app.hang", "storage.hung"}
    }
