"""The dialog for Qt hosts, with the real bindings, offscreen, in processes of their own."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

from clientobs import hosts
from clientobs.hosts import qt_dialog
from support.programs import answer_of
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

BINDINGS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(name) is None, reason=f"{name} is not installed: it has 100 MB and more"
        ),
    )
    for name in ("PySide6", "PyQt6", "PySide2", "PyQt5")
]
HOST = """
import json, os, sys, time
from {binding} import QtCore, QtWidgets
import clientobs
from clientobs import hosts
{init}
app = QtWidgets.QApplication([])
window = QtWidgets.QMainWindow()
window.resize(400, 300)
window.show()
told = []
def find(dialog, name):
    return dialog.findChild(QtWidgets.QWidget, "clientobs_report_" + name)
def run_for(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        app.processEvents()
        time.sleep(0.005)
answer = {{}}
"""
ON = 'clientobs.init("tool")'
END = """
print(json.dumps(answer))
sys.stdout.flush()
clientobs.shutdown()
os._exit(0)
"""
# Quiet: the platform plug-in says what it can't do, and these programs must not say anything.
OFFSCREEN = {
    "QT_QPA_PLATFORM": "offscreen",
    "QT_LOGGING_RULES": "*=false",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "CLIENTOBS_EXIT_FLUSH": "0",
}


def host(binding: str, program: str, init: str = ON) -> Any:
    return answer_of(HOST.format(binding=binding, init=init) + program + END, environ=OFFSCREEN)


@pytest.mark.parametrize("binding", BINDINGS)
def test_what_is_typed_is_reported_and_the_code_shown(binding: str, home: Path) -> None:
    answer = host(
        binding,
        """
dialog = hosts.qt_report_dialog(window, language="ko", on_reported=told.append, window_name="Publisher")
text, send, picture = find(dialog, "message"), find(dialog, "send"), find(dialog, "picture")
answer.update(title=dialog.windowTitle(), modal=dialog.isModal(), before=send.isEnabled(), ticked=picture.isChecked())
text.setPlainText("   ")
answer["blank"] = send.isEnabled()
text.setPlainText("툴이 안 돼요 \\U0001f622\\n둘째 줄")
answer["typed"] = send.isEnabled()
picture.setChecked(True)
send.click()
send.click()
code = find(dialog, "code")
answer.update(code=code.text(), told=told, copied=app.clipboard().text(), hidden=not text.isVisible())
dialog.close()
run_for(lambda: not hosts.qt_dialog._open_dialogs)
answer["kept"] = len(hosts.qt_dialog._open_dialogs)
""",
    )
    assert answer["title"] == "문제 신고"
    assert (answer["before"], answer["blank"], answer["typed"]) == (False, False, True)
    assert (answer["modal"], answer["ticked"], answer["hidden"], answer["kept"]) == (False, False, True, 0)
    assert answer["told"] == [answer["code"]]
    assert answer["copied"] == answer["code"]
    (report,) = seen(home).events("problem.report")
    assert report.attributes["problem.code"] == answer["code"]
    assert report.attributes["problem.message"] == "툴이 안 돼요 😢\n둘째 줄"
    assert report.attributes["window_name"] == "Publisher"
    (picture,) = home.glob("v1/*/*.png")
    assert picture.name == f"{answer['code']}.png"
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.stat().st_size == report.attributes["problem.screenshot.size"]


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_dialog_that_ends_with_its_parent_is_kept_no_longer_nor_is_the_parent(
    binding: str, home: Path
) -> None:
    answer = host(
        binding,
        """
import gc, weakref
core = QtCore.QCoreApplication
first, second = QtWidgets.QMainWindow(), QtWidgets.QMainWindow()
kept = [weakref.ref(first), weakref.ref(second)]
for parent in (first, second):
    hosts.qt_report_dialog(parent)
answer["open"] = len(hosts.qt_dialog._open_dialogs)
second.close()
second.deleteLater()
del first, second, parent
gc.collect()
core.sendPostedEvents(None, getattr(QtCore.QEvent, "Type", QtCore.QEvent).DeferredDelete)
gc.collect()
answer["left"] = len(hosts.qt_dialog._open_dialogs)
answer["freed"] = kept[1]() is None
""",
    )
    assert answer == {"open": 2, "left": 1, "freed": True}


@pytest.mark.parametrize("binding", BINDINGS)
def test_no_picture_is_taken_unasked(binding: str, home: Path) -> None:
    host(
        binding,
        """
dialog = hosts.qt_report_dialog(window)
find(dialog, "message").setPlainText("x")
find(dialog, "send").click()
""",
    )
    (report,) = seen(home).events("problem.report")
    assert not [name for name in report.attributes if "screenshot" in name]
    assert not list(home.glob("v1/*/*.png"))


@pytest.mark.parametrize("binding", BINDINGS)
def test_where_nothing_is_recorded_the_artist_is_told(binding: str) -> None:
    answer = host(
        binding,
        """
dialog = hosts.qt_report_dialog(window, on_reported=told.append)
find(dialog, "message").setPlainText("my words")
find(dialog, "send").click()
labels = [label.text() for label in dialog.findChildren(QtWidgets.QLabel)]
answer.update(labels=labels, told=told, words=find(dialog, "message").toPlainText())
""",
        init="",
    )
    assert any("could not be recorded" in label for label in answer["labels"])
    assert (answer["told"], answer["words"]) == ([""], "my words")


@pytest.mark.parametrize("binding", BINDINGS)
def test_cancel_reports_nothing(binding: str, home: Path) -> None:
    answer = host(
        binding,
        """
dialog = hosts.qt_report_dialog(window)
find(dialog, "message").setPlainText("x")
find(dialog, "cancel").click()
run_for(lambda: not hosts.qt_dialog._open_dialogs)
answer["kept"] = len(hosts.qt_dialog._open_dialogs)
""",
    )
    assert answer == {"kept": 0}
    assert not seen(home).events("problem.report")


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_callback_that_raises_ends_no_host(binding: str) -> None:
    answer = host(
        binding,
        """
def broken(code):
    raise RuntimeError("of the studio")
dialog = hosts.qt_report_dialog(window, on_reported=broken)
find(dialog, "message").setPlainText("x")
find(dialog, "send").click()
answer["code"] = find(dialog, "code").text()
""",
    )
    assert answer["code"]


@pytest.mark.parametrize("binding", BINDINGS)
def test_another_thread_gets_no_dialog(binding: str) -> None:
    answer = host(
        binding,
        """
import threading
thread = threading.Thread(target=lambda: told.append(hosts.qt_report_dialog()))
thread.start()
thread.join()
answer["told"] = told
""",
    )
    assert answer["told"] == [None]


def test_without_qt_there_is_no_dialog_and_none_is_loaded() -> None:
    answer = answer_of(
        """
        import json, sys
        import clientobs
        from clientobs import hosts
        loaded = "clientobs.hosts.qt_dialog" in sys.modules
        given = hosts.qt_report_dialog()
        qt = [name for name in sys.modules if name.startswith(("PySide", "PyQt", "shiboken"))]
        print(json.dumps([loaded, given, qt]))
        """
    )
    assert answer == [False, None, []]


def test_qt_without_an_application_gives_no_dialog(monkeypatch: pytest.MonkeyPatch) -> None:
    class Widgets:
        class QApplication:
            @staticmethod
            def instance() -> None:
                return None

    monkeypatch.setattr(qt_dialog, "_loaded", lambda: qt_dialog._Qt(None, Widgets))
    assert hosts.qt_report_dialog() is None


def test_both_languages_say_all_there_is_to_say() -> None:
    assert {"en", "ko"} == qt_dialog._WORDS.keys()
    for words in qt_dialog._WORDS.values():
        assert all(words)


def test_an_unknown_name_of_the_package_is_told() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        hosts.no_such_thing  # noqa: B018
