"""The event loop of Qt, asked once a second whether it goes round; no Python runs on its thread for that.

How: a QTimer that is never due lives on the interface's thread, and a queued call of its C++ slot `start` or `stop`
is sent to it by turns. That its state has changed is the answer. The queued call takes neither the interpreter
lock nor any Python on the interface's thread, also in nested loops (a modal dialog, a menu, a drag). A second one
is started by `aboutToQuit`: what is silent after its loop has ended is no hang.

Works with PySide2, PySide6, PyQt5 and PyQt6, whichever the host has loaded; loads none, and keeps no application
alive: it holds the two timers, which have no parent.

PySide6 makes each class when its name is first asked for, and lets other threads see it half made: one that asks at
the same time gets an AttributeError for a member that is there. So the keeper asks for no name. All that it uses is
taken by `take`, on a thread of the host that has just loaded the module; the namespace `Qt`, which alone takes
26 ms to make, is not used at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["QT_MODULES", "QtLoop"]

QT_MODULES: Final = tuple(
    f"{binding}.{part}"
    for binding in ("PySide6", "PyQt6", "PySide2", "PyQt5")
    for part in ("QtCore", "QtGui", "QtWidgets")
)
_NEVER: Final = 1 << 30  # milliseconds: 12 days

_abandoned: list[Any] = []
"""Timers of a parent process: destroying them in a forked child would touch a Qt that isn't there."""


class _Kit(NamedTuple):
    """Classes of one binding."""

    application: Any
    meta: Any
    thread: Any
    timer: Any


class QtLoop:
    """One event loop; used from the keeper's thread alone, but for `take`.

    `running` says whether it has ever answered, and has not ended since.
    """

    def __init__(self) -> None:
        self.running = False
        self._kits: tuple[_Kit, ...] = ()
        self._kit: _Kit | None = None
        self._ear: Any = None
        self._end: Any = None
        self._asked: bool | None = None
        """The state that the ear is to take; None while nothing is asked."""

    def take(self, module: ModuleType) -> None:
        """Take the classes of one of QT_MODULES; to be called on the thread that has loaded it.

        An application that a host made in C++ is of a class of QtGui or QtWidgets to Python: asked for by the keeper,
        it would be made there.
        """
        part: Any = module
        if hasattr(module, "QCoreApplication"):
            kit = _Kit(part.QCoreApplication, part.QMetaObject, part.QThread, part.QTimer)
            self._kits = (*self._kits, kit)
        for name in ("QGuiApplication", "QApplication"):
            getattr(module, name, None)

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
        self._kit = self._ear = self._end = self._asked = None

    def _find(self) -> bool:
        for kit in self._kits:
            application = kit.application.instance()
            if application is not None and _has_windows(application):
                self._begin(kit, application)
                return True
        return False

    def _begin(self, kit: _Kit, application: Any) -> None:
        thread = application.thread()
        ear, end = kit.timer(), kit.timer()
        for timer in (ear, end):
            timer.setInterval(_NEVER)
            timer.moveToThread(thread)
        application.aboutToQuit.connect(end.start)
        self._kit, self._ear, self._end = kit, ear, end

    def _call(self, timer: Any, slot: str) -> None:
        """Call on the timer's thread: by default that is queued, where another thread asks."""
        if self._kit is not None:
            self._kit.meta.invokeMethod(timer, slot)

    def _is_on(self, timer: Any) -> bool:
        return bool(timer.timerId() != -1)

    def _is_here(self, timer: Any) -> bool:
        return self._kit is not None and bool(timer.thread() == self._kit.thread.currentThread())


def _has_windows(application: Any) -> bool:
    try:
        return bool(application.inherits("QGuiApplication"))
    except RuntimeError:  # its thread is making or unmaking it at this very moment: asked again in a second
        return False
