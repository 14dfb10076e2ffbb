"""What Qt itself complains of (a signal that is not there, a timer on the wrong thread), as log records. On demand.

The handler that was there before is called as ever; where none was, the line goes to stderr as Qt's own handler
writes it. Off unless `exceptions.qt_messages` asks for it, for two reasons: Python can neither see nor call a handler
that a host has installed in C++, and with a Python handler every message of every thread waits for the GIL.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.logs.messages import message

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.patching import Switch

__all__ = ["MODULES", "QtMessages"]

MODULES: Final = ("PySide6.QtCore", "PyQt6.QtCore", "PySide2.QtCore", "PyQt5.QtCore")
_SEVERITIES: Final = {0: "debug", 1: "warning", 2: "error", 3: "critical", 4: "info"}
"""By the numbers of QtMsgType, which all releases share; how Python names them is another in each binding."""
_STDERR: Final = 2


class QtMessages:
    """The message handler, while the instrument is on."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._core: Any = None
        self._before: Any = None

    def install(self, core: ModuleType) -> None:
        """Install the handler with a binding that is loaded; the first one counts, they share one Qt."""
        if self._core is None:
            self._core = core
            self._before = self._core.qInstallMessageHandler(self._handle)

    def uninstall(self) -> None:
        """Put back the one before; one that came on top of ours stays, and calls through us."""
        if self._core is None:
            return
        now = self._core.qInstallMessageHandler(self._before)
        if now is not None and now != self._handle:
            self._core.qInstallMessageHandler(now)
            return
        self._core = self._before = None

    def _handle(self, kind: Any, context: Any, text: str) -> None:
        if self._switch.on:
            try:
                _record(kind, context, text)
            except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
                faults.record("qt.message", error)
        if self._before is not None:
            self._before(kind, context, text)
            return
        try:
            shown = getattr(self._core, "qFormatLogMessage", lambda _kind, _context, line: line)
            os.write(_STDERR, shown(kind, context, text).encode(errors="replace") + b"\n")
        except (OSError, AttributeError):  # no stderr: Qt's own handler is silent then too
            return


def _record(kind: Any, context: Any, text: str) -> None:
    attributes: dict[str, Any] = {semconv.QT_CATEGORY: str(context.category or "default")}
    if context.file:
        attributes |= {semconv.CODE_FILE_PATH: str(context.file), semconv.CODE_LINE_NUMBER: context.line}
    if context.function:
        attributes[semconv.CODE_FUNCTION_NAME] = str(context.function)
    message("qt", text, severity=_SEVERITIES.get(_number_of(kind), "info"), attributes=attributes)


def _number_of(kind: Any) -> int:
    try:
        return int(getattr(kind, "value", kind))
    except (TypeError, ValueError):
        return -1
