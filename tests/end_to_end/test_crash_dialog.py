"""A host whose own crash reporter keeps the dead process alive: a handler in C that waits, as for a dialog's button."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.workstation import until

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox
    from support.workstation import Host, Workstation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, and a handler of libc that waits")

REPORTER = """
    import ctypes, time
    library = ctypes.CDLL(None)
    # pause() itself is the handler: it is called with the signal, and comes back only when another one was handled.
    library.signal.restype = ctypes.c_void_p
    library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    library.signal(signal.SIGSEGV, ctypes.cast(library.pause, ctypes.c_void_p))
    clientobs.init("modeller", version="3")
    clientobs.set_context(project="demo", shot="sq010_sh020")
    say(os.getpid())
    wait()
"""
CRASH = """
    with clientobs.span("open scene"):
        with clientobs.span("build rig"):
            clientobs.event("scene.opened", "opened sh020.ma")
            ctypes.PyDLL(None).strlen(0)
"""


def events(receiver: Inbox, name: str) -> list[dict[str, Any]]:
    return [log.attributes for log in receiver.logs() if log.record.event_name == name]


def crashed(receiver: Inbox, desk: Workstation) -> Host:
    host = desk.start(REPORTER + CRASH)
    host.heard()
    receiver.wait_for(lambda: events(receiver, "session.start"), 30)  # it has a drain
    host.go()
    return host


def test_a_crash_is_told_while_a_dialog_keeps_the_process_and_once(
    receiver: Inbox, desk: Workstation
) -> None:
    host = crashed(receiver, desk)
    receiver.wait_for(lambda: events(receiver, "app.crash"), 30)
    assert host.process.poll() is None
    (crash,) = events(receiver, "app.crash")
    assert crash["exception.type"] == "SIGSEGV"
    assert [str(span).partition(" (")[0] for span in crash["session.open_spans"]] == [
        "open scene",
        "build rig",
    ]
    assert crash["production.shot"] == "sq010_sh020"
    assert not events(receiver, "session.end")
    host.kill()  # somebody closes the dialog
    receiver.wait_for(lambda: events(receiver, "session.end"), 30)
    (end,) = events(receiver, "session.end")
    assert end["session.status"] == "crashed"
    receiver.wait_for(lambda: len(receiver.spans()) == 2, 30)
    until(lambda: all(state.queue_records == 0 and not state.runs_dead for state in desk.states()))
    assert len(events(receiver, "app.crash")) == 1


def test_a_drain_that_ends_while_the_dialog_is_open_leaves_nothing_to_be_told_twice(
    receiver: Inbox, desk: Workstation
) -> None:
    host = crashed(receiver, desk)
    receiver.wait_for(lambda: events(receiver, "app.crash"), 30)
    until(lambda: [path for path in desk.home.glob("v1/*/acks") if b"crash" in path.read_bytes()])
    for drain in desk.drains():
        drain.kill()
        drain.wait(20)
    host.kill()
    desk.clientobs("drain", "--once")
    receiver.wait_for(lambda: events(receiver, "session.end"), 30)
    assert events(receiver, "session.end")[0]["session.status"] == "crashed"
    assert len(events(receiver, "app.crash")) == 1


def test_a_crash_of_a_child_that_native_code_has_forked_is_not_the_hosts(
    receiver: Inbox, desk: Workstation
) -> None:
    program = """
    import ctypes, time
    clientobs.init("host")
    with clientobs.span("work"):
        library = ctypes.PyDLL(None)
        pid = library.fork()  # no Python hears of it, so faulthandler stays on in the child
        if pid == 0:
            library.strlen(0)
        os.waitpid(pid, 0)
    say("forked")
    wait()
    """
    host = desk.start(program)
    assert host.heard() == "forked"
    (fault,) = desk.home.glob("v1/*/fault.txt")
    assert "Segmentation fault" in fault.read_text()
    written = fault.stat().st_mtime
    until(lambda: b"survived" in b"".join(path.read_bytes() for path in desk.home.glob("v1/*/*.seg")))
    until(lambda: time.time() - written > 5)
    assert not events(receiver, "app.crash")
    assert host.end() == 0
    receiver.wait_for(lambda: events(receiver, "session.end"), 30)
    assert events(receiver, "session.end")[0]["session.status"] == "exited"
    assert not events(receiver, "app.crash")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_live_host_without_a_fault_is_never_taken_for_a_crashed_one(
    receiver: Inbox, desk: Workstation, number: int
) -> None:
    program = f"""
    import faulthandler
    runtime = clientobs.init("host")
    signal.signal({int(number)}, lambda *_: None)
    os.kill(os.getpid(), {int(number)})
    say(runtime.run)
    wait()
    """
    host = desk.start(program)
    host.heard()
    assert host.end() == 0
    receiver.wait_for(lambda: events(receiver, "session.end"), 30)
    assert not events(receiver, "app.crash")
