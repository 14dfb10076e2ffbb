"""A small dialog in which an artist says what is wrong and gets the code to read out: for Qt hosts.

Works with the binding that the host has loaded (PySide6, PySide2, PyQt6, PyQt5) and loads none. It is a window of its
own that waits for nobody: the host goes on behind it. No class is derived from Qt's, and each slot is guarded, since
an exception in a slot ends an application under PyQt.

A picture is taken only where the artist ticks the box, and only of the host's own window: it may show a scene under
NDA, and stays on the machine until somebody makes a bundle.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from clientobs._guarded import guarded
from clientobs.record.problems import report_problem

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Language", "qt_report_dialog"]

Language: TypeAlias = Literal["en", "ko"]

_BINDINGS: Final = ("PySide6", "PySide2", "PyQt6", "PyQt5")
_WIDEST: Final = 1_920
"""Pixels of a picture: enough to read, and encoded in a tenth of a second."""
_QUICK: Final = 80  # of Qt's scale for PNG, from 0 (small) to 100 (quick)
_MOST_TYPED: Final = 20_000
_open_dialogs: Final[set[Any]] = set()
"""While they are open: a dialog without a reference would be closed at once."""


class _Words(NamedTuple):
    title: str
    ask: str
    hint: str
    picture: str
    send: str
    cancel: str
    close: str
    copy: str
    done: str
    lost: str


_WORDS: Final[dict[str, _Words]] = {
    "en": _Words(
        title="Report a problem",
        ask="What is wrong?",
        hint="What did you want to do, and what happened instead?",
        picture="Add a picture of this application's window",
        send="Send",
        cancel="Cancel",
        close="Close",
        copy="Copy",
        done="Thank you. Read this code out to support:",
        lost="This could not be recorded. Please tell support in your own words.",
    ),
    "ko": _Words(
        title="문제 신고",
        ask="무엇이 문제인가요?",
        hint="무엇을 하려고 했고, 대신 어떤 일이 일어났나요?",
        picture="이 프로그램의 창 화면을 첨부합니다",
        send="보내기",
        cancel="취소",
        close="닫기",
        copy="복사",
        done="감사합니다. 지원팀에 이 코드를 불러 주세요:",
        lost="기록하지 못했습니다. 지원팀에 직접 설명해 주세요.",
    ),
}


class _Qt(NamedTuple):
    core: Any
    widgets: Any


@guarded("hosts.qt_report_dialog", default=None)
def qt_report_dialog(
    parent: Any = None,
    *,
    language: Language | None = None,
    on_reported: Callable[[str], object] | None = None,
    **attributes: Any,
) -> Any:
    """Show the dialog, and return it: a QDialog, not modal, that deletes itself when it is closed.

    `parent` is the host's main window (default: the active one). `language` is "en" or "ko" (default: the
    system's, English for any other). `on_reported` is called with the code ("" where nothing could be recorded).
    `attributes` are recorded with the report.

    Returns None where no Qt binding is loaded, no application runs, or another thread than its own calls.
    """
    qt = _loaded()
    application = qt.widgets.QApplication.instance() if qt is not None else None
    if qt is None or application is None or qt.core.QThread.currentThread() != application.thread():
        return None
    words = _WORDS[language if language in _WORDS else _language_of(qt)]
    window = parent if parent is not None else qt.widgets.QApplication.activeWindow()
    dialog = _Dialog(qt, window, words, attributes, on_reported)
    _open_dialogs.add(dialog)
    end = guarded("hosts.qt.end", default=None)(dialog.end)
    dialog.window.finished.connect(end)
    dialog.window.destroyed.connect(end)  # with its parent, without ever having been finished
    dialog.window.show()
    return dialog.window


class _Dialog:
    """The widgets of one dialog, and what its buttons do."""

    def __init__(
        self,
        qt: _Qt,
        host: Any,
        words: _Words,
        attributes: dict[str, Any],
        on_reported: Callable[[str], object] | None,
    ) -> None:
        self._qt = qt
        self._host = host
        self._words = words
        self._attributes = attributes
        self._on_reported = on_reported
        self.window = qt.widgets.QDialog(host)
        self.window.setObjectName("clientobs_report")
        self.window.setWindowTitle(words.title)
        self.window.setAttribute(qt.core.Qt.WidgetAttribute.WA_DeleteOnClose)
        self.window.setMinimumWidth(420)
        self._layout = qt.widgets.QVBoxLayout(self.window)
        self._ask()

    def end(self, *_: object) -> None:
        """Let go of the host's window; the bindings may keep slots, and us with them, for longer."""
        _open_dialogs.discard(self)
        self._host = None

    def _ask(self) -> None:
        widgets, words = self._qt.widgets, self._words
        self._label = widgets.QLabel(words.ask)
        self._text = _named(widgets.QPlainTextEdit(), "message")
        self._text.setPlaceholderText(words.hint)
        self._text.setTabChangesFocus(True)
        self._picture = _named(widgets.QCheckBox(words.picture), "picture")
        self._picture.setEnabled(self._host is not None)
        self._send = _named(widgets.QPushButton(words.send), "send")
        self._send.setEnabled(False)
        self._send.setDefault(True)
        self._cancel = _named(widgets.QPushButton(words.cancel), "cancel")
        row = widgets.QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._cancel)
        row.addWidget(self._send)
        for widget in (self._label, self._text, self._picture):
            self._layout.addWidget(widget)
        self._layout.addLayout(row)
        self._text.textChanged.connect(guarded("hosts.qt.typed", default=None)(self._typed))
        self._send.clicked.connect(guarded("hosts.qt.send", default=None)(self._report))
        self._cancel.clicked.connect(self.window.reject)

    def _typed(self, *_: object) -> None:
        self._send.setEnabled(bool(self._text.toPlainText().strip()))

    def _report(self, *_: object) -> None:
        self._send.setEnabled(False)  # a double click is one report
        message = self._text.toPlainText().strip()[:_MOST_TYPED]
        shot = self._take_picture if self._picture.isChecked() else None
        code = report_problem(message, screenshot=shot, **self._attributes)
        self._answer(code)
        if self._on_reported is not None:
            self._on_reported(code)

    def _answer(self, code: str) -> None:
        """Put the code where the question was; where there is none, the words stay to be copied."""
        widgets, words = self._qt.widgets, self._words
        self._label.setText(words.done if code else words.lost)
        self._picture.hide()
        self._cancel.setText(words.close)
        if not code:
            self._text.setReadOnly(True)
            self._send.hide()
            return
        self._text.hide()
        shown = _named(widgets.QLineEdit(code), "code")
        shown.setReadOnly(True)
        font = shown.font()
        font.setPointSize(max(font.pointSize(), 10) * 2)
        shown.setFont(font)
        shown.setAlignment(self._qt.core.Qt.AlignmentFlag.AlignCenter)
        self._layout.insertWidget(1, shown)
        self._send.setText(words.copy)
        self._send.setEnabled(True)
        self._send.clicked.disconnect()
        self._send.clicked.connect(guarded("hosts.qt.copy", default=None)(lambda *_: self._copy(code)))
        shown.selectAll()

    def _copy(self, code: str) -> None:
        self._qt.widgets.QApplication.clipboard().setText(code)

    def _take_picture(self) -> bytes:
        """Return the host's window as PNG; it is drawn anew, so that nothing in front of it is on it."""
        core = self._qt.core
        pixmap = self._host.window().grab()
        if pixmap.width() > _WIDEST:
            pixmap = pixmap.scaledToWidth(_WIDEST)
        buffer = core.QBuffer()
        buffer.open(core.QIODevice.OpenModeFlag.WriteOnly)
        pixmap.save(buffer, "PNG", _QUICK)
        return bytes(buffer.data())


def _loaded() -> _Qt | None:
    """Return the first binding whose widgets the host has loaded."""
    for name in _BINDINGS:
        core, widgets = sys.modules.get(f"{name}.QtCore"), sys.modules.get(f"{name}.QtWidgets")
        if core is not None and widgets is not None:
            return _Qt(core, widgets)
    return None


def _language_of(qt: _Qt) -> str:
    return "ko" if str(qt.core.QLocale.system().name()).startswith("ko") else "en"


def _named(widget: Any, name: str) -> Any:
    """Name a widget, for tests and for a studio's style sheet."""
    widget.setObjectName(f"clientobs_report_{name}")
    return widget
