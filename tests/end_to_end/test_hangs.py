"""Main threads that stand still, each for real, and work that only looks like it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.qt import bindings
from support.slow_mount import slow_mount
from support.workstation import until

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Inbox, Telemetry
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads what Linux tells of threads"
)

INTERACTIVE = 'clientobs.init("rigger", version="2.1", session_kind="interactive", hangs={"seconds": 2})\n'


def event(receiver: Inbox, name: str, patience: float = 30) -> Telemetry:
    receiver.wait_for(lambda: [log for log in receiver.logs() if log.record.event_name == name], patience)
    (found,) = [log for log in receiver.logs() if log.record.event_name == name]
    return found


def names(receiver: Inbox) -> list[str]:
    return [log.record.event_name for log in receiver.logs()]


def test_an_endless_loop_is_told_while_it_runs_and_so_is_the_kill_that_ends_it(
    receiver: Inbox, desk: Workstation
) -> None:
    host = desk.start(
        INTERACTIVE
        + """
clientobs.set_context(project="demo", shot="sq010_sh020")
def solve_constraints():
    while True:
        pass
def build_rig():
    solve_constraints()
with clientobs.span("build rig") as span:
    say(f"{span.get_span_context().span_id:016x}")
    build_rig()
"""
    )
    span_id = host.heard()
    hang = event(receiver, "app.hang")
    assert host.process.poll() is None  # it was told while it hung
    assert hang.record.severity_text == "ERROR"
    assert hang.attributes["app.hang.reason"] == "computing"
    assert hang.attributes["code.function.name"] == "__main__.solve_constraints"
    stacks = hang.attributes["app.hang.stacks"]
    assert stacks[0].startswith("__main__.<module>;__main__.build_rig;__main__.solve_constraints ")
    assert hang.record.span_id.hex() == span_id
    assert hang.attributes["production.shot"] == "sq010_sh020"
    assert hang.resource["service.version"] == "2.1"
    assert host.kill() == -signal.SIGKILL
    end = event(receiver, "session.end")
    assert end.attributes["session.status"] == "hung"
    assert end.attributes["session.ending"] == "hang_killed"
    assert end.attributes["app.hang.since"] == hang.attributes["app.hang.since"]
    assert end.attributes["session.id"] == hang.attributes["session.id"]
    assert [span.partition(" (")[0] for span in end.attributes["session.open_spans"]] == ["build rig"]
    assert names(receiver).count("session.end") == 1


NATIVE = (
    INTERACTIVE
    + """
import ctypes, time
def refresh_viewport():
    ctypes.PyDLL(None).usleep(int(float(sys.argv[1]) * 1e6))
with clientobs.span("orbit"):
    clientobs.event("scene.opened", "opened /mnt/proj/sh020.ma")
    time.sleep(2.5)  # until the first beats are written, and a drain is there
    refresh_viewport()
    say("back")
    wait()
"""
)


def test_native_code_that_holds_the_interpreter_is_seen_from_outside(
    receiver: Inbox, desk: Workstation, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[hangs]\npy_spy = "/nowhere/py-spy"\n')
    host = desk.start(NATIVE, "4.5", environ={"CLIENTOBS_CONFIG": str(settings)})
    hang = event(receiver, "app.hang")
    assert hang.attributes["app.hang.reason"] == "native"
    assert hang.attributes["app.hang.stack_source"] == "none"
    assert [span.partition(" (")[0] for span in hang.attributes["session.open_spans"]] == ["orbit"]
    assert "INFO opened /mnt/proj/sh020.ma" in hang.attributes["session.log_lines"]
    assert "app.hang.end" not in names(receiver)  # it is told while it hangs
    assert host.heard() == "back"
    end = event(receiver, "app.hang.end")
    assert end.attributes["app.hang.id"] == hang.attributes["app.hang.id"]
    assert end.attributes["app.hang.duration"] > hang.attributes["app.hang.duration"]
    assert host.end() == 0
    assert event(receiver, "session.end").attributes["session.status"] == "exited"


@pytest.mark.skipif(
    shutil.which("py-spy") is None, reason="the extra `stacks` (py-spy) is not installed here"
)
def test_the_python_stack_under_native_code_is_read_by_py_spy(receiver: Inbox, desk: Workstation) -> None:
    host = desk.start(NATIVE, "60")
    hang = event(receiver, "app.hang")
    assert hang.attributes["app.hang.stack_source"] == "py-spy"
    assert hang.attributes["code.function.name"] == "refresh_viewport"
    assert host.kill() == -signal.SIGKILL
    assert event(receiver, "session.end").attributes["session.ending"] == "hang_killed"


def test_a_stat_on_storage_that_went_away_names_call_path_and_mount(
    receiver: Inbox, desk: Workstation, tmp_path: Path
) -> None:
    shown, point = tmp_path / "export", tmp_path / "nas"
    shown.mkdir()
    point.mkdir()
    program = """
clientobs.init("scene-loader", hangs={"seconds": 2})
def find_reference(path):
    return os.stat(path)
with clientobs.span("check references"):
    find_reference(sys.argv[1])
"""
    with slow_mount(shown, point, delay=60) as mounted:
        if not mounted:
            pytest.skip("no file system can be mounted here")
        host = desk.start(program, str(point / "sq010" / "rig.ma"))
        try:
            hang = event(receiver, "app.hang")
            assert hang.attributes["app.hang.reason"] == "file"
            assert hang.attributes["file.operation"] == "stat"
            assert hang.attributes["file.path"] == str(point / "sq010" / "rig.ma")
            assert hang.attributes["storage.mount"] == str(point)
            assert hang.attributes["code.function.name"] == "__main__.find_reference"
            storage = event(receiver, "storage.hung")
            assert storage.attributes["storage.mount"] == str(point)
            assert storage.attributes["app.hang.id"] == hang.attributes["app.hang.id"]
            assert host.process.poll() is None
        finally:
            os.kill(host.pid, signal.SIGKILL)


def test_a_deadlock_says_who_waits_for_whom(receiver: Inbox, desk: Workstation) -> None:
    host = desk.start(
        """
import threading
clientobs.init("publisher", hangs={"seconds": 2})
class Cache:
    def __init__(self):
        self.lock = threading.Lock()
cache, scene = Cache(), threading.RLock()
here, there = threading.Event(), threading.Event()
def prefetch():
    with cache.lock:
        there.set(); here.wait()
        with scene:
            pass
def publish():
    with scene:
        here.set(); there.wait()
        with cache.lock:
            pass
threading.Thread(target=prefetch, name="prefetch", daemon=True).start()
with clientobs.span("publish"):
    publish()
"""
    )
    hang = event(receiver, "app.hang")
    assert hang.attributes["app.hang.reason"] == "deadlock"
    assert hang.attributes["app.hang.waits"] == [
        "MainThread waits for cache.lock, held by prefetch",
        "prefetch waits for scene, held by MainThread",
    ]
    assert any(stack.startswith("prefetch: ") for stack in hang.attributes["app.hang.threads"])
    assert host.kill() == -signal.SIGKILL


HEALTHY = {
    "a scene load that computes": 'with clientobs.span("load scene"): compute(4)',
    "a render, said to be one": 'with clientobs.span("beauty", **{"tool.work": "render"}): compute(4)',
    "a long step that prints how far it is": """
with clientobs.span("check"):
    for percent in range(40):
        compute(0.1); print(percent, file=sys.stderr, flush=True)
""",
    "a tool that waits for a child": """
import subprocess
with clientobs.span("transcode"): subprocess.run(["sleep", "4"], check=True)
""",
    "a tool that waits for its worker": """
import threading
with clientobs.span("publish"):
    worker = threading.Thread(target=compute, args=(4,)); worker.start(); worker.join()
""",
    "a tool that waits for the farm": 'import time\nwith clientobs.span("farm"): time.sleep(4)',
    "a computation outside of every span": "compute(4)",
}
COMPUTE = """
def compute(seconds):
    import time
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))
"""


def test_work_that_takes_long_is_no_hang(receiver: Inbox, desk: Workstation) -> None:
    programs = [INTERACTIVE + COMPUTE + program for program in HEALTHY.values()]
    programs.append(
        INTERACTIVE.replace("interactive", "batch") + COMPUTE + 'with clientobs.span("x"): compute(4)'
    )
    hosts = [desk.start(program) for program in programs]
    assert [host.process.wait(60) for host in hosts] == [0] * len(hosts)
    receiver.wait_for(lambda: names(receiver).count("session.end") == len(hosts), 30)
    assert not told(receiver)


def told(receiver: Inbox) -> list[Any]:
    return [
        log.attributes for log in receiver.logs() if log.record.event_name in {"app.hang", "storage.hung"}
    ]


def test_a_process_that_somebody_has_stopped_is_no_hang(receiver: Inbox, desk: Workstation) -> None:
    stopped = desk.start(
        INTERACTIVE + 'with clientobs.span("paint"): say("in it"); import time; time.sleep(1); wait()'
    )
    debugged = desk.start(
        INTERACTIVE
        + """
import io, pdb
def stroke():
    pdb.Pdb(stdin=io.TextIOWrapper(sys.stdin.buffer), stdout=open(os.devnull, "w"), nosigint=True).set_trace()
    return 1
with clientobs.span("paint"):
    say("in it")
    stroke()
"""
    )
    assert stopped.heard() == debugged.heard() == "in it"
    until(lambda: (desk.home / "v1").exists() and len(list(desk.home.glob("v1/*/beat"))) == 2)
    os.kill(stopped.pid, signal.SIGSTOP)
    witness = desk.start(INTERACTIVE + COMPUTE + 'with clientobs.span("dig"): compute(7)')
    event(receiver, "app.hang")  # the one that does hang: the others have stood still for longer by now
    os.kill(stopped.pid, signal.SIGCONT)
    assert stopped.end() == 0
    assert debugged.process.stdin is not None
    debugged.process.stdin.write(b"continue\n")
    debugged.process.stdin.flush()
    assert debugged.end() == 0
    assert witness.process.wait(60) == 0
    receiver.wait_for(lambda: names(receiver).count("session.end") == 3, 30)
    assert len(told(receiver)) == 1


@bindings()
def test_a_slot_that_blocks_the_interface_is_a_hang_and_a_dialog_is_none(
    receiver: Inbox, desk: Workstation, binding: str
) -> None:
    host = desk.start(
        f"from {binding} import QtCore, QtWidgets"
        """
import time
run = lambda loop: (getattr(loop, "exec", None) or loop.exec_)()
app = QtWidgets.QApplication([])
clientobs.init("shelf", hangs={"seconds": 2})
def on_click():
    time.sleep(4)
def over_lunch():
    dialog = QtWidgets.QDialog()
    QtCore.QTimer.singleShot(4000, dialog.accept)
    run(dialog)
    app.quit()
QtCore.QTimer.singleShot(2000, on_click)
QtCore.QTimer.singleShot(6500, over_lunch)
run(app)
clientobs.shutdown()
""",
        environ={"QT_QPA_PLATFORM": "offscreen"},
    )
    assert host.process.wait(60) == 0
    event(receiver, "session.end")
    end = event(receiver, "app.hang.end")
    hang = event(receiver, "app.hang")
    assert hang.attributes["app.hang.reason"] == "interface"
    assert hang.attributes["code.function.name"] == "__main__.on_click"
    assert end.attributes["app.hang.id"] == hang.attributes["app.hang.id"]
