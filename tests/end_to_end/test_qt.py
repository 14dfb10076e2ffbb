"""Applications with Qt's event loop, offscreen, side by side: what nobody saw, what stood still, what only seemed to.

The nox session `qt` runs these; PySide6 is not among what every test run installs.
"""

from __future__ import annotations

import importlib.util
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.otlp_receiver import OtlpReceiver
from support.qt import bindings
from support.stage import Stage
from support.workstation import Workstation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_inbox import Telemetry

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of threads"),
    pytest.mark.skipif(
        importlib.util.find_spec("PySide6") is None, reason="PySide6 comes with the nox session `qt`"
    ),
]

HEAD = """
import threading, time
from PySide6 import QtCore, QtWidgets
app = QtWidgets.QApplication([])
clientobs.init(sys.argv[1], version="2.1", hangs={"seconds": float(sys.argv[2])})
clientobs.set_context(project="demo", shot="sq010_sh020")
def when_it_goes_round(slot):
    QtCore.QTimer.singleShot(0, lambda: say(clientobs.init().run))
    def listen():  # for the test's word, beside the loop
        for _ in sys.stdin:
            QtCore.QMetaObject.invokeMethod(starter, "start", QtCore.Qt.ConnectionType.QueuedConnection)
            return
    global starter
    starter = QtCore.QTimer(singleShot=True, interval=0)
    starter.timeout.connect(slot)
    threading.Thread(target=listen, daemon=True).start()
"""
BLOCKED = """
def on_click():
    with clientobs.span("rebuild rig"):
        time.sleep(60)
when_it_goes_round(on_click)
app.exec()
"""
RECOVERS = """
def on_click():
    time.sleep(4)
    QtCore.QTimer.singleShot(0, app.quit)
when_it_goes_round(on_click)
app.exec()
clientobs.shutdown()
"""
DIALOG = """
def on_click():
    with clientobs.span("publish"):
        dialog = QtWidgets.QDialog()
        threading.Thread(target=lambda: (sys.stdin.readline(), QtCore.QMetaObject.invokeMethod(
            dialog, "accept", QtCore.Qt.ConnectionType.QueuedConnection)), daemon=True).start()
        dialog.exec()
    app.quit()
when_it_goes_round(on_click)
app.exec()
"""
DEBUGGED = """
import io, pdb
def on_click():
    debugger = pdb.Pdb(stdin=io.TextIOWrapper(sys.stdin.buffer), stdout=open(os.devnull, "w"), nosigint=True)
    debugger.set_trace()
    QtCore.QTimer.singleShot(0, app.quit)
when_it_goes_round(on_click)
app.exec()
"""
AUTOSAVE = """
def autosave():
    with clientobs.span("autosave"), open("scene.autosave", "wb") as out:
        for _ in range(40):
            out.write(bytes(1 << 16)); out.flush(); time.sleep(0.1)
    QtCore.QMetaObject.invokeMethod(window, "close", QtCore.Qt.ConnectionType.QueuedConnection)
window = QtWidgets.QMainWindow()
window.show()
threading.Thread(target=autosave, name="autosave").start()
sys.exit(app.exec())
"""
BROKEN = """
class Publisher(QtWidgets.QWidget):
    def __init__(self):
        super().__init__()
        self.setObjectName("publisher")
        self.button = QtWidgets.QPushButton(self)
        self.button.setObjectName("go")
        self.button.clicked.connect(self.publish)
    def publish(self):
        raise LookupError("no such shot: sh0400")
class Encoder(QtCore.QThread):
    def run(self):
        raise RuntimeError("encoder gave up at 37")
window, encoder = Publisher(), Encoder()
encoder.finished.connect(app.quit)
QtCore.QTimer.singleShot(0, window.button.click)
QtCore.QTimer.singleShot(0, encoder.start)
app.exec()
encoder.wait()
"""

IDLE = "when_it_goes_round(lambda: None)\napp.exec()\n"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("qt")
    with OtlpReceiver() as receiver, Workstation(folder, receiver.base) as desk:
        desk.environ["QT_QPA_PLATFORM"] = "offscreen"
        made = Stage(desk, receiver, HEAD)
        # Who must not be told stands still before those who must be.
        quiet = {"dialog": DIALOG, "debugged": DEBUGGED, "idle": IDLE}
        standing = {"blocked": BLOCKED, "impatient": BLOCKED, "recovers": RECOVERS}
        for programs in (quiet, standing):
            for name, program in programs.items():
                made.start(name, program, "30" if name == "impatient" else "2")
            for name in programs:
                made.until_beat(made.hosts[name].heard(), lambda beat: beat.watch == "loop")
                made.hosts[name].go()
        made.start("autosave", AUTOSAVE, "2")
        made.start("broken", BROKEN, "2")
        yield made
        receiver.closing.set()


@bindings()
def test_the_loop_of_each_binding_is_heard(receiver: OtlpReceiver, desk: Workstation, binding: str) -> None:
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
    stage = Stage(desk, receiver, "")
    stage.event("shelf", "session.end")
    end = stage.event("shelf", "app.hang.end")
    hang = stage.event("shelf", "app.hang")
    assert hang.attributes["app.hang.reason"] == "interface"
    assert hang.attributes["code.function.name"] == "__main__.on_click"
    assert end.attributes["app.hang.id"] == hang.attributes["app.hang.id"]


def end_of(stage: Stage, name: str) -> tuple[object, object]:
    end = stage.event(name, "session.end").attributes
    return end["session.status"], end.get("session.ending", "")


@pytest.mark.diagnosis("force-quit")
def test_an_artist_who_does_not_wait_for_the_hang_is_told_with_since_when_it_was_silent(stage: Stage) -> None:
    runs = stage.desk.home / "v1"
    (run,) = [one.name for one in runs.iterdir() if run_of(stage, "impatient") == one.name]
    stage.until_beat(run, lambda beat: beat.at - beat.answered > 1.2e9)
    stage.kill("impatient")
    end = stage.event("impatient", "session.end")
    said = end.attributes
    assert (said["session.status"], said["session.ending"]) == ("abnormal", "killed")
    assert [span.partition(" (")[0] for span in said["session.open_spans"]] == ["rebuild rig"]
    body = end.record.body.string_value
    assert body.startswith("The application was killed during 'rebuild rig'")
    assert "; it had not answered for " in body
    opened = stage.span("impatient", "rebuild rig").record.start_time_unix_nano
    since = datetime.fromisoformat(said["app.hang.since"].replace("Z", "+00:00"))
    assert abs(since.timestamp() - opened / 1e9) < 2.5  # the loop is asked once a second
    assert_always(end, stage.desk, service=("impatient", "2.1"), production={"shot": "sq010_sh020"})


@pytest.mark.diagnosis("force-quit")
def test_an_application_that_only_waits_for_its_artist_is_killed_all_the_same(stage: Stage) -> None:
    stage.kill("idle")
    assert end_of(stage, "idle") == ("abnormal", "killed")
    end = stage.event("idle", "session.end")
    assert end.record.body.string_value in {
        "The application was killed.",  # by the word of a kernel that tells (Linux 6.15)
        "The application was killed, or ended by a fault that left no trace.",
    }


@pytest.mark.diagnosis("force-quit")
def test_a_slot_that_blocks_the_interface_is_a_hang_and_so_is_told_the_kill(stage: Stage) -> None:
    hang = stage.event("blocked", "app.hang")
    assert hang.attributes["app.hang.reason"] == "interface"
    assert hang.attributes["code.function.name"] == "__main__.on_click"
    stage.kill("blocked")
    end = stage.event("blocked", "session.end")
    assert end.attributes["session.ending"] == "hang_killed"
    assert end.attributes["app.hang.since"] == hang.attributes["app.hang.since"]


def test_an_interface_that_answers_again_says_how_long_it_took(stage: Stage) -> None:
    hang, end = stage.event("recovers", "app.hang"), stage.event("recovers", "app.hang.end")
    assert end.attributes["app.hang.id"] == hang.attributes["app.hang.id"]
    assert end.attributes["app.hang.duration"] > hang.attributes["app.hang.duration"] >= 2
    assert end_of(stage, "recovers") == ("exited", "exited")


@pytest.mark.diagnosis("background-work", "debugger")
def test_a_dialog_over_lunch_and_a_debugger_in_a_slot_are_no_hang(stage: Stage) -> None:
    stage.event("recovers", "app.hang")  # these have stood still for longer by now
    stage.hosts["dialog"].go()
    debugged = stage.hosts["debugged"]
    assert debugged.process.stdin is not None
    debugged.process.stdin.write(b"continue\n")
    debugged.process.stdin.flush()
    for name in ("dialog", "debugged"):
        assert stage.hosts[name].end() == 0
        assert end_of(stage, name) == ("exited", "exited")
        assert stage.events(name, "app.hang") == []


@pytest.mark.diagnosis("background-work", "clean-exit")
def test_an_autosave_beside_the_loop_is_no_hang_and_a_closed_window_an_exit(stage: Stage) -> None:
    assert stage.hosts["autosave"].process.wait(30) == 0
    assert end_of(stage, "autosave") == ("exited", "exited")
    saved = stage.span("autosave", "autosave").record
    assert saved.end_time_unix_nano - saved.start_time_unix_nano > 4e9
    assert stage.events("autosave", "app.hang") == []
    assert stage.events("autosave", "exception") == []


@pytest.mark.diagnosis("unseen-exception")
def test_an_exception_in_a_slot_that_nobody_saw(stage: Stage) -> None:
    stage.event("broken", "session.end")
    told = exception(stage, "LookupError")
    said = told.attributes
    assert said["exception.message"] == "no such shot: sh0400"
    line = stage.line_of(BROKEN, '        raise LookupError("no such shot: sh0400")')
    assert f"line {line}, in publish" in said["exception.stacktrace"]
    assert said["exception.fingerprint"].startswith("1-")
    assert said["qt.receiver"] == "Publisher 'publisher'"
    assert said["qt.slot"] == "Publisher.publish"
    assert said["qt.sender"] == "QPushButton 'go'"
    assert_always(
        told, stage.desk, service=("broken", "2.1"), production={"shot": "sq010_sh020"}, traced=False
    )


@pytest.mark.diagnosis("unseen-exception")
def test_an_exception_in_a_thread_of_qt_that_nobody_saw(stage: Stage) -> None:
    stage.event("broken", "session.end")
    (told,) = [
        one
        for one in stage.events("broken", "exception")
        if one.attributes["exception.type"] == "RuntimeError"
    ]
    assert told.attributes["exception.message"] == "encoder gave up at 37"
    assert "in run" in told.attributes["exception.stacktrace"]
    assert told.attributes["thread.name"]


def exception(stage: Stage, kind: str) -> Telemetry:
    found = stage.events("broken", "exception")
    (told,) = [one for one in found if one.attributes["exception.type"] == kind]
    return told


def run_of(stage: Stage, name: str) -> str:
    """Return the id of a host's run, as its records bear it."""
    return str(stage.event(name, "session.start").resource["service.instance.id"])
