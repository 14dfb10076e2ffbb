"""Python's warnings: the patch of `warnings._showwarnmsg`, through which each warning goes that is to be shown.

`warnings.showwarning`, the name that hosts replace, stays untouched, and whoever replaced it is called as ever. The
file and line are those that the stack level of the warning said, found before we are asked.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.logs.attributes import severity_of
from clientobs.instruments.patching import dressed
from clientobs.instruments.showing import showing
from clientobs.record import recorder as _recorder
from clientobs.record.stacks import message_of

if TYPE_CHECKING:
    from clientobs.instruments.logs.desk import Desk
    from clientobs.instruments.patching import Switch

__all__ = ["wrap_show"]

_LOGGER: Final = "py.warnings"
"""The name under which logging.captureWarnings() logs them."""
_WARNING: Final = logging.WARNING


def wrap_show(original: Any, switch: Switch, desk: Desk) -> Any:
    """Return `_showwarnmsg` with ours in front."""
    usual = getattr(warnings, "_showwarnmsg_impl", None)

    def _showwarnmsg(*args: Any) -> Any:
        if switch.on and len(args) == 1 and hasattr(args[0], "category"):
            _record(args[0], desk, usual)
        with showing:
            return original(*args)

    return dressed(_showwarnmsg, original)


def _record(shown: Any, desk: Desk, usual: Any) -> None:
    try:
        recorder = _recorder.active()
        if recorder is None or _is_kept_by_the_program(usual) or _goes_through_logging():
            return
        if desk.levels[_LOGGER] > _WARNING:
            return
        key = (shown.filename, shown.lineno, _WARNING, _LOGGER)
        text = message_of(shown.message)
        before = desk.admit(key, text)
        if before < 0:
            return
        number, severity = severity_of(_WARNING)
        attributes = {
            semconv.WARNING_CATEGORY: shown.category.__qualname__,
            semconv.CODE_FILE_PATH: shown.filename,
            semconv.CODE_LINE_NUMBER: shown.lineno,
            **({semconv.LEFT_OUT: before} if before else {}),
        }
        desk.line(_LOGGER, number, severity, f"{shown.category.__qualname__}: {text}", attributes)
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("logs.warning", error)


def _is_kept_by_the_program(usual: Any) -> bool:
    """Say whether catch_warnings(record=True) collects it: the program looks at it itself."""
    return getattr(warnings, "_showwarnmsg_impl", None) is not usual


def _goes_through_logging() -> bool:
    """Say whether logging.captureWarnings() is on: then it comes as a log record."""
    return warnings.showwarning is getattr(logging, "_showwarning", None)
