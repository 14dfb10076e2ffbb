"""Exceptions in Qt's slots, with the real bindings, offscreen: told with receiver, slot and sender; ended as ever."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

HOST = """
import sys
from {binding} import QtCore, QtWidgets
if sys.argv[1] == "on":
    import clientobs
    clientobs.init("tool")
app = QtWidgets.QApplication([])

class Dialog(QtWidgets.QWidget):
    def __init__(self):
        super().__init__()
        self.setObjectName("publish_dialog")
        self.go = QtWidgets.QPushButton("Publish", self)
        self.go.setObjectName("go")
        self.go.clicked.connect(self.publish)
        self.plain = QtWidgets.QPushButton("Plain", self)
        self.plain.clicked.connect(lambda: {{}}["shot"])
    def publish(self, *_):
        raise ValueError("no shot")

dialog = Dialog()
QtCore.QTimer.singleShot(0, dialog.go.click)
QtCore.QTimer.singleShot(10, dialog.plain.click)
QtCore.QTimer.singleShot(50, app.quit)
(getattr(app, "exec", None) or app.exec_)()
print("went on")
"""
OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "*=false"}


def needs(binding: str) -> None:
    if importlib.util.find_spec(binding) is None:  # not imported here: it would change this very process
        pytest.skip("comes with the dependency group `qt`")


def run(binding: str, argument: str = "on") -> Any:
    needs(binding)
    return run_program(HOST.format(binding=binding), argument, environ=OFFSCREEN)


@pytest.mark.parametrize("binding", ["PySide6", "PySide2"])
def test_pyside_tells_receiver_slot_and_sender_and_goes_on(home: Path, binding: str) -> None:
    off, on = run(binding, "off"), run(binding)
    assert (on.returncode, on.stdout, on.stderr) == (off.returncode, off.stdout, off.stderr)
    assert on.stdout == "went on\n"
    slot, plain = seen(home).events("exception")
    assert slot.attributes["exception.mechanism"] == "qt"
    assert slot.attributes["qt.receiver"] == "Dialog 'publish_dialog'"
    assert slot.attributes["qt.slot"] == "Dialog.publish"
    assert slot.attributes["qt.sender"] == "QPushButton 'go'"
    assert "raise ValueError" in slot.attributes["exception.stacktrace"] or "in publish" in str(slot)
    assert plain.attributes["exception.type"] == "KeyError"
    assert "<lambda>" in plain.attributes["qt.slot"]


@pytest.mark.parametrize("binding", ["PyQt6", "PyQt5"])
def test_pyqt_aborts_as_it_does_without_us_and_the_fault_is_there(home: Path, binding: str) -> None:
    off, on = run(binding, "off"), run(binding)
    assert (on.returncode, on.stdout, on.stderr) == (off.returncode, off.stdout, off.stderr)
    assert on.returncode == -6
    (slot,) = seen(home).events("exception")
    assert slot.attributes["qt.receiver"] == "Dialog 'publish_dialog'"
    assert slot.attributes["qt.slot"] == "Dialog.publish"


MESSAGES = """
import sys
if sys.argv[1] == "on":
    import clientobs
    clientobs.init("tool", exceptions={{"qt_messages": True}})
from {binding} import QtCore
{before}
QtCore.qWarning("no such signal")
if sys.argv[1] == "on": clientobs.shutdown()
QtCore.qWarning("after")
"""


@pytest.mark.parametrize("binding", ["PySide6", "PyQt6", "PySide2", "PyQt5"])
@pytest.mark.parametrize(
    "before",
    ["", "QtCore.qInstallMessageHandler(lambda kind, context, text: print('host:', text))"],
    ids=["Qt's own", "the host's"],
)
def test_qt_s_own_messages_are_told_when_asked_for_and_shown_as_before(
    home: Path, binding: str, before: str
) -> None:
    needs(binding)
    source = MESSAGES.format(binding=binding, before=before)
    off, on = (run_program(source, each, environ={"QT_QPA_PLATFORM": "offscreen"}) for each in ("off", "on"))
    assert (on.returncode, on.stdout, on.stderr) == (off.returncode, off.stdout, off.stderr)
    told = [log for log in seen(home).logs if log.attributes.get("log.source") == "qt"]
    assert [(log.body, log.severity) for log in told] == ([("no such signal", 13)] if not before else [])
