"""What Qt tells of an exception that left a slot: the receiver, the slot, and who had sent the signal.

PySide prints it through sys.excepthook while the signal is still being delivered; so does PyQt, which then aborts if
the hook is Python's own. Both keep the receiver in the slot's frame. Nothing of Qt is imported here.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from clientobs import semconv

__all__ = ["facts_of", "qt_core"]

_BINDINGS: Final = ("PySide6", "PyQt6", "PySide2", "PyQt5")


def qt_core() -> Any:
    """Return the QtCore that the program has loaded, and whose application runs; else None."""
    for binding in _BINDINGS:
        core = sys.modules.get(f"{binding}.QtCore")
        # Read, not asked for: PySide6 would make the class here, on whatever thread this is (guard/hang/loop.py).
        application = vars(core).get("QCoreApplication") if core is not None else None
        if application is not None and application.instance() is not None:
            return core
    return None


def facts_of(error: object, *, is_called: bool) -> dict[str, Any]:
    """Return qt.* of an exception that left a slot or an event handler; empty for any other.

    is_called: whether the hook was called under a frame of the program, which then is in Qt's event loop.
    """
    trace = error.__traceback__ if isinstance(error, BaseException) else None
    core = qt_core() if trace is not None else None
    if core is None or trace is None:
        return {}
    frame = trace.tb_frame
    code = frame.f_code
    if code.co_name == "<module>" or not (is_called or frame.f_back is None):
        return {}
    receiver = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    name = getattr(code, "co_qualname", code.co_name)  # from Python 3.11 on
    base = vars(core).get("QObject")
    if base is None or not isinstance(receiver, base):
        return {semconv.QT_SLOT: f"{frame.f_globals.get('__name__', '?')}.{name}"}
    facts = {semconv.QT_SLOT: name, semconv.QT_RECEIVER: _described(receiver)}
    if name == code.co_name:
        facts[semconv.QT_SLOT] = f"{type(receiver).__qualname__}.{name}"
    sender = receiver.sender()
    if sender is not None:
        facts[semconv.QT_SENDER] = _described(sender)
    return facts


def _described(thing: Any) -> str:
    name = thing.objectName()
    kind = type(thing).__qualname__
    return f"{kind} {name!r}" if name else kind
