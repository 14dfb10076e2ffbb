"""A host whose exec() fails goes on, in a run of its own; that one is watched like the first."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="exec and signals as POSIX has them")

PROGRAM = """
    import ctypes
    clientobs.init("launcher")
    with clientobs.span("first"):
        pass
    try:
        os.execv("/no/such/program", ["program"])
    except FileNotFoundError:
        pass
    with clientobs.span("after"):
        {end}
"""


def test_a_crash_after_an_exec_that_failed_is_told(receiver: Inbox, desk: Workstation) -> None:
    host = desk.start(PROGRAM.replace("{end}", "ctypes.string_at(0)"))
    assert host.process.wait(60) == -signal.SIGSEGV
    desk.clientobs("drain", "--once")
    (crash,) = [log for log in receiver.logs() if log.record.event_name == "app.crash"]
    assert "'after'" in crash.record.body.string_value
    assert "in string_at" in crash.attributes["exception.stacktrace"]


def test_an_exit_after_an_exec_that_failed_is_no_crash(receiver: Inbox, desk: Workstation) -> None:
    host = desk.start(PROGRAM.replace("{end}", "ctypes.PyDLL(None).exit(0)"))
    assert host.process.wait(60) == 0
    desk.clientobs("drain", "--once")
    ends = [log for log in receiver.logs() if log.record.event_name == "session.end"]
    assert {end.attributes["session.status"] for end in ends} == {"exited"}
    assert not [log for log in receiver.logs() if log.record.event_name == "app.crash"]
