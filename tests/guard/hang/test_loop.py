"""Qt's own loop, asked from another thread. Needs a Qt for Python, which clientobs does not depend on."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest

from clientobs.guard.hang.loop import QtLoop

if TYPE_CHECKING:
    from pathlib import Path

BINDINGS = ("PySide6", "PyQt6", "PySide2", "PyQt5")

PROGRAM = """
import os, sys, threading, time
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from {binding} import QtCore, QtWidgets
from clientobs.guard.hang.loop import QtLoop

app = QtWidgets.QApplication([])
loop, heard, told = QtLoop(), [], []
for module in (QtCore, QtWidgets):
    loop.take(module)

def answers(within=5.0):
    until = time.monotonic() + within
    while time.monotonic() < until:
        if loop.ask():
            return True
        time.sleep(0.005)
    return False

def watch():
    heard.append(("goes round", answers() and answers() and loop.running))
    blocking.set()
    assert blocked.wait(10)
    answers(0.1)
    heard.append(("stands still", not answers(0.3)))
    release.set()
    heard.append(("goes round again", answers()))
    assert in_dialog.wait(10)
    heard.append(("in a dialog", answers() and answers()))
    finish.set()
    done.wait(10)
    for _ in range(3):
        loop.ask()
    heard.append(("has ended", not loop.running))

blocking, blocked, release, in_dialog, finish, done = (threading.Event() for _ in range(6))

def poll():
    if blocking.is_set() and not blocked.is_set():
        blocked.set()
        release.wait(10)
        dialog = QtWidgets.QDialog()
        watcher = QtCore.QTimer(dialog)
        watcher.timeout.connect(lambda: dialog.accept() if finish.is_set() else None)
        watcher.start(10)
        in_dialog.set()
        (dialog.exec if hasattr(dialog, "exec") else dialog.exec_)()
        app.quit()

timer = QtCore.QTimer()
timer.timeout.connect(poll)
timer.start(10)
thread = threading.Thread(target=watch)
thread.start()
(app.exec if hasattr(app, "exec") else app.exec_)()
done.set()
thread.join()
assert all(good for _, good in heard) and len(heard) == 5, heard
timer.stop()
if sys.argv[1] == "close":
    loop.close()
    app.processEvents()
ghost = app
del app, ghost, timer
print("good")
"""


@pytest.mark.parametrize("ending", ["close", "leave"])
@pytest.mark.parametrize("binding", BINDINGS)
def test_the_loop_is_heard_and_nothing_of_ours_is_left_or_said(
    binding: str, ending: str, tmp_path: Path
) -> None:
    if importlib.util.find_spec(binding) is None:
        pytest.skip(f"{binding} is not installed in this environment")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM).replace("{binding}", binding), ending],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},  # which Qt 5 complains of the lack of
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "good\n", "")


def test_without_qt_there_is_no_loop_and_none_is_loaded() -> None:
    before = set(sys.modules)
    loop = QtLoop()
    assert not loop.ask()
    assert not loop.running
    loop.close()
    assert set(sys.modules) == before


def test_an_application_that_is_being_unmade_is_none() -> None:
    class Gone:
        """What PyQt5 hands out while the application's own thread is at it."""

        @staticmethod
        def instance() -> Gone:
            return Gone()

        def inherits(self, name: str) -> bool:
            raise RuntimeError(f"wrapped C/C++ object of type {name} has been deleted")

    loop = QtLoop()
    core = ModuleType("PyQt5.QtCore")
    vars(core).update(QCoreApplication=Gone, QMetaObject=None, QThread=None, QTimer=None)
    loop.take(core)
    assert not loop.ask()


class _Lazy(ModuleType):
    """A QtCore that makes each class when it is asked for, as PySide6 does; it writes down who asks."""

    def __init__(self) -> None:
        super().__init__("PySide6.QtCore")
        self.asked: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "QGui", "QApp")):
            raise AttributeError(name)
        self.asked.append((name, threading.current_thread().name))
        return MagicMock(name=name)


def test_the_keeper_asks_qt_for_no_name() -> None:
    core = _Lazy()
    loop = QtLoop()
    loop.take(core)
    assert {name for name, _ in core.asked} == {"QCoreApplication", "QMetaObject", "QThread", "QTimer"}

    def keep() -> None:
        loop.ask()
        loop.ask()
        loop.close()

    ours = threading.Thread(target=keep, name="ours")
    ours.start()
    ours.join()
    assert {thread for _, thread in core.asked} == {"MainThread"}


LAZY = """
import os, threading
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6 import QtCore, QtWidgets
from clientobs.guard.hang.loop import QtLoop

app = QtWidgets.QApplication([])
loop, left = QtLoop(), threading.Event()
for module in (QtCore, QtWidgets):
    loop.take(module)
timer = QtCore.QTimer()
before = set(vars(QtCore)) | set(vars(QtWidgets))

def watch():
    while not loop.ask():
        left.wait(0.01)
    loop.close()

thread = threading.Thread(target=watch)
thread.start()
timer.timeout.connect(lambda: None if thread.is_alive() else app.quit())
timer.start(10)
app.exec()
print(sorted((set(vars(QtCore)) | set(vars(QtWidgets))) - before))
"""


def test_no_class_of_pyside_is_made_on_the_keepers_thread(tmp_path: Path) -> None:
    if importlib.util.find_spec("PySide6") is None:
        pytest.skip("PySide6 is not installed in this environment")
    done = subprocess.run(
        [sys.executable, "-c", LAZY],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
