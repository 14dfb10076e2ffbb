"""An exception that leaves an open span: what it means for the span, and whether it is news."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.record.behind import is_a
from clientobs.record.exceptions import error_type, report_exception, report_rejection
from clientobs.record.outcomes import judged
from clientobs.record.shortage import RESERVE
from clientobs.record.stacks import message_of

if TYPE_CHECKING:
    from clientobs.record.recorder import Recorder

__all__ = ["fail", "tell"]

_MAX_STATUS: Final = 1024


def tell(recorder: Recorder, started: Any, error: BaseException, context: Any) -> None:
    """Say on an open span what the exception that leaves it means, and record the exception where it is new."""
    if is_a(error, MemoryError):
        RESERVE.clear()  # what follows needs some
    told = getattr(started, "attributes", None) or {}
    outcome = judged(error, recorder.outcomes)
    if outcome == "ok":
        return
    said = told.get(semconv.TOOL_OUTCOME)
    if said in ("rejected", "cancelled"):
        outcome = said  # the program has said what its exception, or its exit code, stands for
    around = getattr(started, "parent", None)
    ids = {
        "leaving": started.get_span_context().span_id,
        "parent": around.span_id if around is not None and not around.is_remote else 0,
    }
    if outcome == "failed":
        fail(started, error_type(error), f"{error_type(error)}: {message_of(error)}")
        follows = told.get(semconv.FAULT_ID)
        report_exception(recorder, error, "span", context=context, follows=follows, **ids)
        return
    started.set_attribute(semconv.TOOL_OUTCOME, outcome)
    if outcome == "rejected":
        report_rejection(recorder, error, context=context, **ids)


def fail(started: Any, error: str, message: str) -> None:
    """Mark an open span as failed; `error` is the name to group by."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415  # loaded with the SDK

    started.set_attribute(semconv.TOOL_OUTCOME, "failed")
    started.set_attribute(semconv.ERROR_TYPE, error)
    started.set_status(StatusCode.ERROR, message[:_MAX_STATUS])
