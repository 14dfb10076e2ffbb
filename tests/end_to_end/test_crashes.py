"""Ways in which a host's process ends, each for real, and what the endpoint is told of it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from support.always import assert_always

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox, Telemetry
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="deaths are told by signals here")

WORK = """
    import ctypes, os, sys
    clientobs.init("scene-builder", version="2.1")
    clientobs.set_context(project="demo", shot="sq010_sh020", **{"dcc.scene.path": "/mnt/proj/sh020.ma"})

    def rebuild_viewport():
        {end}

    with clientobs.span("open scene"):
        clientobs.event("scene.opened", "opened /mnt/proj/sh020.ma")
        with clientobs.span("build rig"):
            rebuild_viewport()
"""
SEGFAULT = "ctypes.string_at(0)"


def die(desk: Workstation, end: str, **environ: str) -> int:
    """Run a host that ends in the middle of its work, then look; return its exit status."""
    host = desk.start(WORK.replace("{end}", end), environ=environ)
    status = host.process.wait(60)
    look(desk)
    return status


def look(desk: Workstation) -> None:
    """Do what the next start of anything does: the host may be gone before it had started a drain."""
    desk.clientobs("drain", "--once")


def event(receiver: Inbox, name: str) -> Telemetry:
    receiver.wait_for(lambda: [log for log in receiver.logs() if log.record.event_name == name], 30)
    (found,) = [log for log in receiver.logs() if log.record.event_name == name]
    return found


def ending(receiver: Inbox) -> tuple[Any, Any]:
    end = event(receiver, "session.end")
    return end.attributes["session.status"], end.attributes.get("session.ending")


def names(receiver: Inbox) -> set[str]:
    return {log.record.event_name for log in receiver.logs()}


@pytest.mark.diagnosis("native-crash")
@pytest.mark.parametrize(
    ("end", "name"),
    [
        (SEGFAULT, "SIGSEGV"),
        ("os.abort()", "SIGABRT"),
        ("os.kill(os.getpid(), 7)", "SIGBUS"),
        ("os.kill(os.getpid(), 8)", "SIGFPE"),
    ],
)
def test_a_native_crash_shows_where_python_stood_and_what_was_open(
    receiver: Inbox, desk: Workstation, end: str, name: str
) -> None:
    assert die(desk, end) < 0
    crash = event(receiver, "app.crash")
    assert crash.record.severity_text == "FATAL"
    assert crash.record.body.string_value == f"The application crashed ({name}) during 'build rig'."
    assert crash.attributes["exception.type"] == name
    assert "in rebuild_viewport" in crash.attributes["exception.stacktrace"]
    opened = crash.attributes["session.open_spans"]
    assert [span.partition(" (")[0] for span in opened] == ["open scene", "build rig"]
    assert crash.attributes["session.log_lines"] == ["INFO opened /mnt/proj/sh020.ma"]
    assert crash.attributes["dcc.scene.path"] == "/mnt/proj/sh020.ma"
    production = {"project": "demo", "shot": "sq010_sh020"}
    assert_always(crash, desk, service=("scene-builder", "2.1"), production=production)
    assert ending(receiver) == ("crashed", "crashed")
    # The crash is found from the trace, and the trace from the crash.
    receiver.wait_for(lambda: len(receiver.spans()) == 2, 30)
    inner = next(span for span in receiver.spans() if span.record.name == "build rig")
    assert crash.record.span_id == inner.record.span_id
    assert crash.attributes["session.id"] == inner.attributes["session.id"]


@pytest.mark.diagnosis("force-quit")
def test_a_host_that_is_killed_at_work_is_told_as_killed_and_not_as_a_crash(
    receiver: Inbox, desk: Workstation
) -> None:
    assert die(desk, "os.kill(os.getpid(), 9)") == -signal.SIGKILL
    end = event(receiver, "session.end")
    # A kernel that tells how it ended leaves no doubt: who was fast enough to see it alive need not guess.
    assert end.record.body.string_value.startswith("The application was killed during 'build rig'")
    assert ending(receiver) == ("abnormal", "killed")
    assert len(end.attributes["session.open_spans"]) == 2
    assert "app.crash" not in names(receiver)


@pytest.mark.diagnosis("clean-exit")
@pytest.mark.parametrize(
    "end",
    [
        "ctypes.PyDLL(None).exit(0)",  # a host without atexit
        "os._exit(0)",
        "sys.exit(0)",
        "os.execv('/bin/true', ['true'])",
    ],
)
def test_no_way_to_quit_is_told_as_anything_but_an_exit(receiver: Inbox, desk: Workstation, end: str) -> None:
    assert die(desk, end) == 0
    assert ending(receiver)[0] == "exited"
    assert "app.crash" not in names(receiver)


def test_a_quit_that_leaves_nothing_is_unknown_and_no_crash(receiver: Inbox, desk: Workstation) -> None:
    host = desk.start('import ctypes; clientobs.init("x"); ctypes.PyDLL(None)._exit(0)')
    assert host.process.wait(60) == 0
    look(desk)
    assert ending(receiver) == ("unknown", "unknown")
    assert "app.crash" not in names(receiver)


def test_the_crash_of_a_forked_child_is_its_own(receiver: Inbox, desk: Workstation) -> None:
    fork = """
    import ctypes, os
    clientobs.init("farm-host")
    with clientobs.span("parent work"):
        pid = os.fork()
        if pid == 0:
            with clientobs.span("child work"):
                import time
                deadline = time.monotonic() + 20
                home = os.path.join(os.environ["CLIENTOBS_HOME"], "v1")
                while time.monotonic() < deadline and not [
                    run for run in os.listdir(home)
                    if os.path.exists(os.path.join(home, run, "fault.txt"))
                    and os.path.exists(os.path.join(home, run, "running"))
                    and run != clientobs.init().run
                ]:
                    time.sleep(0.05)
                ctypes.string_at(0)
        say(os.waitpid(pid, 0)[1])
    """
    host = desk.start(fork)
    assert host.heard() & 0x7F == signal.SIGSEGV
    assert host.process.wait(60) == 0
    look(desk)
    crash = event(receiver, "app.crash")
    assert "child work" in crash.record.body.string_value
    assert ending(receiver)[0] == "exited"  # the parent's own


def test_a_host_with_a_fault_handler_of_its_own_keeps_it(receiver: Inbox, desk: Workstation) -> None:
    own = desk.folder / "own.txt"
    program = f"""
    import faulthandler, ctypes
    own = open({str(own)!r}, "w")
    faulthandler.enable(own)
    clientobs.init("host")
    clientobs.shutdown()
    assert faulthandler.is_enabled()
    ctypes.string_at(0)
    """
    assert desk.start(program).process.wait(60) == -signal.SIGSEGV
    assert "Segmentation fault" in own.read_text()


def test_a_fault_handler_that_the_host_enables_later_survives_our_shutdown(desk: Workstation) -> None:
    own = desk.folder / "own.txt"
    program = f"""
    import faulthandler, ctypes
    clientobs.init("host")
    own = open({str(own)!r}, "w")
    faulthandler.enable(own)
    clientobs.shutdown()
    assert faulthandler.is_enabled()
    ctypes.string_at(0)
    """
    assert desk.start(program).process.wait(60) == -signal.SIGSEGV
    assert "Segmentation fault" in own.read_text()


def test_the_third_start_after_two_early_deaths_patches_nothing_and_says_so(
    receiver: Inbox, desk: Workstation
) -> None:
    patched = (
        'runtime = clientobs.init("host"); import builtins, io; say([list(runtime.patched), runtime.run])'
    )
    assert die(desk, SEGFAULT) < 0
    assert die(desk, SEGFAULT) < 0
    third = WORK.replace("{end}", "say(list(clientobs.init().patched))")
    host = desk.start(third)
    assert host.heard() == []
    assert host.process.wait(60) == 0
    look(desk)
    loop = event(receiver, "clientobs.crash_loop")
    assert loop.attributes["clientobs.crash_loop.deaths"] == 2
    # It ended well, so the next one is as before; and another application never was concerned.
    for program in (third, patched):
        host = desk.start(program)
        assert host.heard()
        assert host.process.wait(60) == 0


def test_no_mark_and_no_empty_file_is_left_by_a_clean_end(desk: Workstation) -> None:
    host = desk.start('say(clientobs.init("x").run)')
    run = host.heard()
    assert host.process.wait(60) == 0
    left = {path.name for path in (desk.home / "v1" / run).iterdir()}
    assert not left & {"fault.txt", "running"}
