"""An exception made a record: one headline for each fault, with exception.*, its stack and its fingerprint.

The headline is an event named `exception`, written where the exception is first seen to end something: a span, a
thread, the program. The spans around it get their status, not another copy; a `logger.exception` of the same
exception is a log record of the same fault (`fault.id`), and so is an exception that was raised from it.
No exception, frame or traceback is kept (sightings.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from clientobs import semconv
from clientobs._guarded import quiet
from clientobs.record import recorder as _recorder
from clientobs.record.behind import is_a, trace_of
from clientobs.record.causes import fault_before, forget_children
from clientobs.record.circumstances import circumstances_of
from clientobs.record.fingerprints import Frame, fingerprint, is_own
from clientobs.record.imports import import_facts
from clientobs.record.outcomes import Outcome, outcome_of
from clientobs.record.rates import Rates
from clientobs.record.shortage import RESERVE, is_shortage, keep_reserve, shortage_facts
from clientobs.record.sightings import sightings
from clientobs.record.stacks import error_type, links_of, tell, text_of
from clientobs.record.threads import is_main_thread, thread_facts
from clientobs.record.undecodable import undecodable_facts
from clientobs.record.variables import variables_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clientobs.record.recorder import Recorder
    from clientobs.record.stacks import Line, Told

__all__ = [
    "Mechanism",
    "Outcome",
    "error_type",
    "event_attributes",
    "exception_attributes",
    "fault_of",
    "forget",
    "outcome_of",
    "report_exception",
    "report_rejection",
]

Mechanism: TypeAlias = Literal[
    "span",
    "main",
    "thread",
    "unraisable",
    "asyncio",
    "future",
    "callback",
    "qt",
    "publish",
    "log",
    "handling",
    "printed",
]

_PER_MINUTE: Final = 60
_BODY: Final = 1_024
_rates = Rates(_PER_MINUTE)


def report_exception(
    recorder: Recorder,
    error: BaseException,
    mechanism: Mechanism,
    *,
    context: Any = None,
    facts: Mapping[str, Any] | None = None,
    follows: str | None = None,
    headline: bool = True,
    leaving: int | None = None,
    parent: int = 0,
) -> str:
    """Write the record of an exception that ended something, unless it was told before; return its fault's id.

    It is the fault's headline but for three cases: `headline` is False, `follows` names a fault that had one, or the
    exception goes on with one that had (causes.py). `leaving` and `parent` are the spans that it leaves and goes on
    to (sightings.NO_SPAN for a place that is no span); it is recognized from there on.
    """
    if is_a(error, MemoryError):
        RESERVE.clear()
    mark = sightings.find(error, leaving)
    if mark is not None and (mark.headline or not headline):
        sightings.add(error, mark.fault, headline=mark.headline, parent=parent)
        return mark.fault
    follows = follows or fault_before(error, leaving, _trace_id(context))
    fault = mark.fault if mark is not None else follows
    attributes = exception_attributes(recorder, error, mechanism, fault=fault)
    fault = str(attributes[semconv.FAULT_ID])
    sightings.add(error, fault, headline=headline or follows is not None, parent=parent)
    before = _rates.admit((attributes[semconv.EXCEPTION_FINGERPRINT], headline))
    if before < 0:
        recorder.count_loss("exceptions")
        return fault
    if before:
        attributes[semconv.LEFT_OUT] = before
    name = semconv.EXCEPTION if headline and follows is None else None
    _emit(recorder, {**attributes, **(facts or {})}, context, name=name)
    return fault


def report_rejection(
    recorder: Recorder,
    error: BaseException,
    mechanism: Mechanism = "span",
    *,
    context: Any = None,
    facts: Mapping[str, Any] | None = None,
    leaving: int | None = None,
    parent: int = 0,
) -> None:
    """Write down why a tool said no: a log record, once, which is no failure and no headline."""
    mark = sightings.find(error, leaving)
    if mark is not None and mechanism == "span":
        sightings.add(error, mark.fault, headline=mark.headline, parent=parent)
        return
    fault = (
        mark.fault if mark is not None else None
    )  # logged by pyblish itself, which doesn't say whose it is
    attributes = exception_attributes(recorder, error, mechanism, fault=fault, stack=False)
    sightings.add(error, attributes[semconv.FAULT_ID], headline=False, parent=parent)
    _emit(recorder, {**attributes, **(facts or {})}, context, severity="INFO")


def exception_attributes(
    recorder: Recorder,
    error: BaseException,
    mechanism: Mechanism,
    *,
    fault: str | None = None,
    stack: bool = True,
) -> dict[str, Any]:
    """Return exception.*, the fingerprint, the place in the program's own code, and what its class calls for."""
    short = is_shortage(error)
    RESERVE.clear() if short else keep_reserve()
    chain = tell(error)
    last = chain[-1]
    attributes: dict[str, Any] = {
        semconv.EXCEPTION_TYPE: last.kind,
        semconv.EXCEPTION_MESSAGE: last.message,
        semconv.EXCEPTION_FINGERPRINT: fingerprint(links_of(chain)),
        semconv.EXCEPTION_MECHANISM: mechanism,
        semconv.FAULT_ID: fault or sightings.new_fault(),
    }
    if stack:
        attributes[semconv.EXCEPTION_STACKTRACE] = text_of(chain, recorder.may_read)
    attributes |= _place(chain)
    if short:
        attributes |= shortage_facts()
    with quiet("exceptions.facts"):  # of fields that a class may have made properties of
        attributes |= import_facts(error)
        attributes |= circumstances_of(error, files=recorder.paths == "keep")
        if is_a(error, UnicodeError):
            attributes |= undecodable_facts(error)
    if recorder.keep_locals:
        attributes[semconv.EXCEPTION_LOCALS] = variables_of(trace_of(error), recorder.redactor)
    return attributes


def event_attributes(error: BaseException) -> dict[str, Any]:
    """Return the attributes of the event `exception` that somebody records on a span; {} where nothing records."""
    recorder = _recorder.active()
    if recorder is None:
        return {}
    chain = tell(error)
    last = chain[-1]
    return {
        semconv.EXCEPTION_TYPE: last.kind,
        semconv.EXCEPTION_MESSAGE: last.message,
        semconv.EXCEPTION_STACKTRACE: text_of(chain, recorder.may_read),
        semconv.EXCEPTION_FINGERPRINT: fingerprint(links_of(chain)),
        semconv.FAULT_ID: fault_of(error, may_be_again=True),
    }


def fault_of(error: BaseException, *, may_be_again: bool) -> str:
    """Return the id of the fault of an exception that is told without its ending anything; it is known from there on.

    One that was told at this very place may be the same, or the next one of a loop that has got its id. A program logs
    an exception once, so there it is the next one; OpenTelemetry records it on each span that it leaves.
    """
    mark = sightings.find(error)
    if mark is not None and mark.headline:
        return mark.fault
    is_next = mark is not None and not may_be_again and sightings.is_at(error, mark)
    fault = mark.fault if mark is not None and not is_next else sightings.new_fault()
    sightings.add(error, fault, headline=False, passing=may_be_again)
    return fault


def forget() -> None:
    """Begin anew: in a forked child, and for tests."""
    sightings.forget()
    forget_children()
    _rates.forget()


def _trace_id(context: Any) -> int:
    from opentelemetry.trace import get_current_span  # noqa: PLC0415  # loaded with the SDK; keeps import light

    return get_current_span(context).get_span_context().trace_id


def _place(chain: Sequence[Told]) -> dict[str, Any]:
    """Return the innermost line of the program's own code, of the root cause if it has one."""
    for one in chain:
        own = [line for line in one.lines if line.file and is_own(Frame(line.file, line.function))]
        if own:
            return _code(own[-1])
    return {}


def _code(line: Line) -> dict[str, Any]:
    return {
        semconv.CODE_FILE_PATH: line.file,
        semconv.CODE_FUNCTION_NAME: line.function,
        semconv.CODE_LINE_NUMBER: line.number,
    }


def _emit(
    recorder: Recorder,
    attributes: dict[str, Any],
    context: Any,
    *,
    name: str | None = None,
    severity: str = "ERROR",
) -> None:
    from opentelemetry._logs import SeverityNumber  # noqa: PLC0415  # loaded with the SDK; keeps import light

    if semconv.THREAD_ID not in attributes and not is_main_thread():
        attributes |= thread_facts()
    message = attributes[semconv.EXCEPTION_MESSAGE]
    recorder.voice.logger.emit(
        context=context,
        severity_number=SeverityNumber[severity],
        severity_text=severity,
        body=": ".join(part for part in (attributes[semconv.EXCEPTION_TYPE], message) if part)[:_BODY],
        attributes=attributes,
        event_name=name,
    )
