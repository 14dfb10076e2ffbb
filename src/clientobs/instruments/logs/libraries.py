"""structlog and loguru: one line in a program's set-up each, in place of an instrumentation.

Both hand over what they have: a dict with typed values, a record with file, line, function and exception. Neither is
imported here.

    structlog.configure(processors=[..., structlog_processor, structlog.dev.ConsoleRenderer()])
    loguru.logger.add(loguru_sink, format="{message}")
"""

from __future__ import annotations

import sys
from typing import Any, Final

from clientobs import semconv
from clientobs._guarded import faults, guarded
from clientobs.instruments.logs.attributes import severity_of
from clientobs.instruments.logs.messages import LEVELS, desk
from clientobs.instruments.logs.rendering import shown
from clientobs.record import recorder as _recorder
from clientobs.record.exceptions import exception_attributes

__all__ = ["loguru_sink", "structlog_processor"]

_STRUCTLOG_OWN: Final = frozenset(
    {"event", "level", "log_level", "timestamp", "exc_info", "exception", "stack_info", "logger"}
)
_STRUCTLOG: Final = "structlog"
_FRAMES: Final = 12
_MOST: Final = 64


def structlog_processor(logger: Any, method: str, event_dict: Any) -> Any:
    """Record an event of structlog; it goes on to the next processor as it came.

    Place it before the renderer, and leave it out where structlog writes through `logging`: that is seen anyway.

    >>> structlog_processor(None, "info", {"event": "published", "shot": "sh010"})
    {'event': 'published', 'shot': 'sh010'}
    """
    try:
        _take_structlog(logger, method, event_dict)
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("logs.structlog", error)
    return event_dict


@guarded("logs.loguru", default=None)
def loguru_sink(message: Any) -> None:
    """Record a message of loguru, with what it was bound to (`bind`, `contextualize`)."""
    record = message.record
    error = getattr(record["exception"], "value", None)
    attributes = {name: shown(value) for name, value in list(record["extra"].items())[:_MOST]}
    attributes |= {
        semconv.CODE_FILE_PATH: record["file"].path,
        semconv.CODE_LINE_NUMBER: record["line"],
        semconv.CODE_FUNCTION_NAME: record["function"],
    }
    if record["thread"].name != "MainThread":
        attributes |= {semconv.THREAD_NAME: record["thread"].name, semconv.THREAD_ID: record["thread"].id}
    _write(record["name"] or "loguru", record["level"].no, record["message"], attributes, error)


def _take_structlog(logger: Any, method: str, event_dict: Any) -> None:
    named = event_dict.get("logger") or getattr(logger, "name", None)
    attributes = {
        str(name): shown(value)
        for name, value in list(event_dict.items())[:_MOST]
        if name not in _STRUCTLOG_OWN
    }
    attributes |= _caller()
    given = event_dict.get("exc_info")
    error = given[1] if type(given) is tuple and len(given) > 1 else given
    if given is True or (given is None and method == "exception"):
        error = sys.exc_info()[1]
    text = shown(event_dict.get("event", ""))
    level = LEVELS.get(method, LEVELS["info"])
    _write(named if type(named) is str else _STRUCTLOG, level, str(text), attributes, error)


def _caller() -> dict[str, Any]:
    """Return the first frame above structlog's own."""
    frame = sys._getframe(2)  # noqa: SLF001  # as logging finds its caller
    for _ in range(_FRAMES):
        name = frame.f_globals.get("__name__")
        if type(name) is str and name.partition(".")[0] not in (_STRUCTLOG, "clientobs"):
            return {
                semconv.CODE_FILE_PATH: frame.f_code.co_filename,
                semconv.CODE_LINE_NUMBER: frame.f_lineno,
                semconv.CODE_FUNCTION_NAME: frame.f_code.co_name,
            }
        if frame.f_back is None:
            break
        frame = frame.f_back
    return {}


def _write(name: str, level: int, text: str, attributes: dict[str, Any], error: object) -> None:
    here, recorder = desk(), _recorder.active()
    if here is None or recorder is None or level < here.levels[name]:
        return
    file = attributes.get(semconv.CODE_FILE_PATH, "")
    key = (file, attributes.get(semconv.CODE_LINE_NUMBER, 0), level, name)
    before = here.admit(key, text)
    if before < 0:
        return
    if isinstance(error, BaseException):
        for key_, value in exception_attributes(recorder, error, "log").items():
            attributes.setdefault(key_, value)
    if before:
        attributes[semconv.LEFT_OUT] = before
    here.line(name, *severity_of(level), text, attributes)
