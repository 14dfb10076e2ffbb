"""An exception that leaves a span: one log record with exception.*, and what it means for the outcome.

The record is made where the exception is first seen; the spans around it get their status, not another copy.
No exception, frame or traceback is kept: "seen" is remembered as two integers.
"""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.record.undecodable import undecodable_facts

if TYPE_CHECKING:
    from clientobs.record.recorder import Recorder

__all__ = ["Outcome", "emit_exception", "error_type", "fail", "first_sight", "outcome_of", "tell"]

Outcome = semconv.ToolOutcome
_MAX_STACK: Final = 32_768
_MAX_FRAMES: Final = 200
_MAX_STATUS: Final = 1024

_seen = threading.local()


def tell(recorder: Recorder, started: Any, error: BaseException, context: Any) -> None:
    """Say on an open span what the exception that leaves it means, and record the exception where it is new."""
    outcome = outcome_of(error)
    if outcome == "ok":
        return
    if outcome != "failed":
        started.set_attribute(semconv.TOOL_OUTCOME, outcome)
        return
    fail(started, error_type(error), f"{error_type(error)}: {_short(error)}")
    parent = getattr(started, "parent", None)
    parent_id = parent.span_id if parent is not None else 0
    if first_sight(error, started.get_span_context().span_id, parent_id):
        emit_exception(recorder, error, context)


def fail(started: Any, error: str, message: str) -> None:
    """Mark an open span as failed; `error` is the name to group by."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415  # loaded with the SDK

    started.set_attribute(semconv.TOOL_OUTCOME, "failed")
    started.set_attribute(semconv.ERROR_TYPE, error)
    started.set_status(StatusCode.ERROR, message[:_MAX_STATUS])


def error_type(error: BaseException) -> str:
    """Return the qualified name of an exception's class, as exception.type wants it."""
    kind = type(error)
    module = getattr(kind, "__module__", "")
    return kind.__qualname__ if module in ("builtins", "", None) else f"{module}.{kind.__qualname__}"


def outcome_of(error: BaseException | None) -> Outcome:
    """Return what an exception that leaves a tool's span says of the tool.

    KeyboardInterrupt, GeneratorExit and asyncio.CancelledError are a person or the program stopping the work;
    SystemExit with code 0 or None is an ordinary end.
    """
    if error is None:
        return "ok"
    if isinstance(error, SystemExit):
        return "ok" if error.code in (None, 0) else "failed"
    if isinstance(error, Exception):
        return "failed"
    return "cancelled"


def first_sight(error: BaseException, span_id: int, parent_id: int) -> bool:
    """Say whether no inner span of this thread has reported `error` on its way out."""
    before = getattr(_seen, "mark", None)
    _seen.mark = (id(error), parent_id)
    # The exception is alive while it travels, so its id is unique; and it travels from child to parent.
    return before != (id(error), span_id)


def emit_exception(recorder: Recorder, error: BaseException, context: Any) -> None:
    """Write the log record of an exception, tied to the span in `context`."""
    from opentelemetry._logs import SeverityNumber  # noqa: PLC0415  # loaded with the SDK; keeps import light

    attributes: dict[str, Any] = {
        semconv.EXCEPTION_TYPE: error_type(error),
        semconv.EXCEPTION_MESSAGE: _message(error),
        semconv.EXCEPTION_STACKTRACE: stack_of(error),
    }
    if isinstance(error, UnicodeError):
        attributes |= undecodable_facts(error)
    recorder.voice.logger.emit(
        context=context,
        severity_number=SeverityNumber.ERROR,
        severity_text="ERROR",
        body=f"{attributes[semconv.EXCEPTION_TYPE]}: {attributes[semconv.EXCEPTION_MESSAGE]}",
        attributes=attributes,
        event_name=semconv.EXCEPTION,
    )


def stack_of(error: BaseException) -> str:
    """Return the formatted traceback, causes included; the middle is cut out of a long one."""
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__, limit=_MAX_FRAMES)
        text = "".join(lines)
    except Exception as fault:  # noqa: BLE001  # foreign __str__ or linecache hooks may do anything
        return f"(traceback could not be formatted: {type(fault).__name__})"
    if len(text) <= _MAX_STACK:
        return text
    half = _MAX_STACK // 2
    return f"{text[:half]}\n... {len(text) - _MAX_STACK} characters left out ...\n{text[-half:]}"


def _short(error: BaseException) -> str:
    try:
        return str(error)[:_MAX_STATUS]
    except Exception:  # noqa: BLE001  # foreign __str__
        return "(message could not be read)"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as fault:  # noqa: BLE001  # foreign __str__
        return f"(message could not be read: {type(fault).__name__})"
