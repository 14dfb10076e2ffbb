"""The attributes of a log record: code.*, the thread, and what the program handed over as extra=."""

from __future__ import annotations

import logging
from typing import Any, Final

from clientobs import semconv
from clientobs.instruments.logs.rendering import shown
from clientobs.record.plainly import SIMPLE

__all__ = ["attributes_of", "severity_of"]

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEAST: Final = len(vars(logging.makeLogRecord({})))
_MOST: Final = 128
_MAIN: Final = "MainThread"
_FIRST_OF_RANGE: Final = ((50, 21), (40, 17), (30, 13), (20, 9), (10, 5), (1, 1))
"""Level of `logging` and the first SeverityNumber of its range:
opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber"""

_severities: dict[int, tuple[Any, str]] = {}


def attributes_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the attributes of a record; extra= fields as they are, objects of the host by their class's name."""
    fields = record.__dict__
    found: dict[str, Any] = {}
    if len(fields) > _LEAST:
        for key, value in list(fields.items())[: _LEAST + _MOST]:
            if key not in _OWN:
                found[key] = value if type(value) in SIMPLE else shown(value)
    found[semconv.CODE_FILE_PATH] = record.pathname
    found[semconv.CODE_LINE_NUMBER] = record.lineno
    if record.funcName:
        found[semconv.CODE_FUNCTION_NAME] = record.funcName
    if record.threadName != _MAIN and record.threadName:
        found[semconv.THREAD_NAME] = record.threadName
        found[semconv.THREAD_ID] = record.thread
    if record.stack_info:
        found[semconv.CODE_STACKTRACE] = record.stack_info
    return found


def severity_of(level: int) -> tuple[Any, str]:
    """Return SeverityNumber and the name of a level of `logging`."""
    known = _severities.get(level)
    if known is None:
        known = _make_severity(level)
        if len(_severities) < _MOST:
            _severities[level] = known
    return known


def _make_severity(level: int) -> tuple[Any, str]:
    from opentelemetry._logs import SeverityNumber  # noqa: PLC0415  # loaded with the SDK

    name = logging.getLevelName(level)
    for first, number in _FIRST_OF_RANGE:
        if level >= first:
            return SeverityNumber(number + min(level - first, 3)), str(name)
    return SeverityNumber.UNSPECIFIED, str(name)
