"""The event loop of Qt, asked once a second whether it goes round; no Python runs on its thread for that.

How: a QTimer that is never due lives on the interface's thread, and a queued call of its C++ slot `start` or `stop`
is sent to it by turns. That its state has changed is the answer. The queued call takes neither the interpreter
lock nor any Python on the interface's thread, also in nested loops (a modal dialog, a menu, a drag). A second one
is started by `aboutToQuit`: what is silent after its loop has ended is no hang.

Works with PySide2, PySide6, PyQt5 and PyQt6, whichever the host has loaded; loads none, and keeps no application
alive: it holds the two timers, which have no parent.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from clientobs._guarded import quiet

__all__ = ["QtLoop"]

_BINDINGS: Final = ("PySide6", "PyQt6", "PySide2", "PyQt5")
_NEVER: Final = 1 << 30  # milliseconds: 12 days

_abandoned: list[Any] = []
"""Timers of a parent process: destroying them in a forked child would touch a Qt that isn't there."""


class QtLoop:
    """One event loop; used from the keeper's thread alone.

    `running` says whether it has ever answered, and has not ended since.
    """

    def __init__(self) -> None:
        self.running = False
        self._core: Any = None
        self._ear: Any = None
        self._end: Any = None
        self._asked: bool | None = None
        """The state that the ear is to take; None while nothing is asked."""

    def ask(self) -> bool:
        """Say whether all that was asked has been answered, and ask anew if so."""
        if self._ear is None and not self._find():
            return False
        if self._asked is not None and self._is_on(self._ear) is not self._asked:
            if self.running and self._is_on(self._end):
                self.running = False
            return False
        answered = self._asked is not None
        self.running = self.running or answered
        if answered and self._is_on(self._end):  # a second loop, after the first one ended
            self._call(self._end, "stop")
        self._asked = not self._is_on(self._ear)
        self._call(self._ear, "start" if self._asked else "stop")
        return answered

    def close(self) -> None:
        """Let go of the timers, on their own thread."""
        self.running = False
        ear, end = self._ear, self._end
        self._ear = self._end = self._asked = None
        for timer in (ear, end):
            if timer is not None:
                with quiet("hang.qt.close"):
                    timer.stop() if self._is_here(timer) else self._call(timer, "stop")
                    timer.deleteLater()

    def after_fork_in_child(self) -> None:
        """Leave the parent's timers alone."""
        _abandoned.extend((self._ear, self._end))
        self.running = False
        self._core = self._ear = self._end = self._asked = None

    def _find(self) -> bool:
        for binding in _BINDINGS:
            core = sys.modules.get(f"{binding}.QtCore")
            application = core.QCoreApplication.instance() if core is not None else None
            if application is not None and _has_windows(application):
                self._core = core
                self._begin(application)
                return True
        return False

    def _begin(self, application: Any) -> None:
        thread = application.thread()
        ear, end = self._core.QTimer(), self._core.QTimer()
        for timer in (ear, end):
            timer.setInterval(_NEVER)
            timer.moveToThread(thread)
        application.aboutToQuit.connect(end.start)
        self._ear, self._end = ear, end

    def _call(self, timer: Any, slot: str) -> None:
        queued = getattr(self._core.Qt, "ConnectionType", self._core.Qt).QueuedConnection
        self._core.QMetaObject.invokeMethod(timer, slot, queued)

    def _is_on(self, timer: Any) -> bool:
        return bool(timer.timerId() != -1)

    def _is_here(self, timer: Any) -> bool:
        return bool(timer.thread() == self._core.QThread.currentThread())


def _has_windows(application: Any) -> bool:
    try:
        return bool(application.inherits("QGuiApplication"))
    except RuntimeError:  # its thread is making or unmaking it at this very moment: asked again in a second
        return False
