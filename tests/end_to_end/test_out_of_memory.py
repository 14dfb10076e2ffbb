"""A host whose memory grows until the kernel kills it, for real: in a memory cgroup with a bound of its own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.memory_bound import MemoryBound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_inbox import Inbox
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="who killed for memory is told by Linux")

BOUND = 320 << 20
HOST = """
    import time
    clientobs.init("fluid-sim", version="4.2")
    clientobs.set_context(project="demo", shot="sq010_sh020")
    say("up")
    with clientobs.span("session of work"):
        with clientobs.span("load cache"):
            pass
        wait()
        with clientobs.span("simulate smoke"):
            clientobs.event("frame", "frame 37")
            held = []
            while True:
                with clientobs.span("step"):
                    held.append(bytearray(os.urandom(1 << 20)) * 2)
                    time.sleep(0.02)
"""


@pytest.fixture
def bound() -> Iterator[MemoryBound]:
    if not MemoryBound.allowed():
        pytest.skip("no memory cgroup can be made here (needs root and a cgroup that is writable)")
    with MemoryBound(BOUND) as made:
        yield made


@pytest.mark.diagnosis("out-of-memory")
def test_out_of_memory_is_told_with_the_growth_and_the_span_under_which_it_grew(
    receiver: Inbox, desk: Workstation, bound: MemoryBound
) -> None:
    host = desk.start(HOST)
    assert host.heard() == "up"
    receiver.wait_for(
        lambda: [log for log in receiver.logs() if log.record.event_name == "session.start"], 30
    )
    bound.take(host.pid)
    host.go()
    assert host.process.wait(60) == -signal.SIGKILL
    assert bound.kills() == 1
    receiver.wait_for(lambda: [log for log in receiver.logs() if log.record.event_name == "session.end"], 30)
    (end,) = [log for log in receiver.logs() if log.record.event_name == "session.end"]
    told = end.attributes
    assert (told["session.status"], told["session.ending"]) == ("abnormal", "out_of_memory")
    assert "Killed process" in told["session.evidence"] or "memory cgroup" in told["session.evidence"]
    assert told["session.memory.growth.span"] == "simulate smoke"
    assert told["session.memory.growth"] > BOUND / 2
    assert told["session.memory"] <= BOUND * 1.1
    assert len(told["session.memory.timeline"]) >= 3
    assert end.record.severity_text == "ERROR"
    assert end.record.body.string_value.startswith("The system ended the application for want of memory")
    assert "under 'simulate smoke'" in end.record.body.string_value
    assert told["session.log_lines"][-1] == "INFO frame 37"
    assert_always(end, desk, service=("fluid-sim", "4.2"), production={"shot": "sq010_sh020"})
    assert "app.crash" not in {log.record.event_name for log in receiver.logs()}


def test_a_drain_that_was_not_there_still_tells_the_kernels_word(
    receiver: Inbox, desk: Workstation, bound: MemoryBound
) -> None:
    if not os.access("/dev/kmsg", os.R_OK):
        pytest.skip("the kernel's log may not be read here")
    host = desk.start(HOST, environ={"CLIENTOBS_DRAIN": "off"})
    assert host.heard() == "up"
    bound.take(host.pid)
    host.go()
    assert host.process.wait(60) == -signal.SIGKILL
    desk.clientobs("drain", "--once")
    (end,) = [log for log in receiver.logs() if log.record.event_name == "session.end"]
    assert end.attributes["session.ending"] == "out_of_memory"
    assert f"Killed process {host.pid} " in end.attributes["session.evidence"]
    assert end.attributes["session.memory"] > BOUND / 2
    (found,) = Path(desk.home).glob("v1/*/death.json")
    assert found.stat().st_mode & 0o777 == 0o600
    # The answer to it was lost: the next drain sends it again, byte for byte.
    for acks in desk.home.glob("v1/*/acks"):
        acks.unlink()
    desk.clientobs("drain", "--once")
    again = [log for log in receiver.logs() if log.record.event_name == "session.end"]
    assert [log.record.SerializeToString() for log in again] == [end.record.SerializeToString()] * 2


def test_a_kill_by_hand_beside_it_is_not_told_as_out_of_memory(
    receiver: Inbox, desk: Workstation, bound: MemoryBound
) -> None:
    host = desk.start(HOST, environ={"CLIENTOBS_DRAIN": "off"})
    assert host.heard() == "up"
    bound.take(host.pid)
    assert host.kill() == -signal.SIGKILL
    desk.clientobs("drain", "--once")
    (end,) = [log for log in receiver.logs() if log.record.event_name == "session.end"]
    assert end.attributes["session.ending"] == "killed"
