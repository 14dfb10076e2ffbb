"""What a person needs to see beside the end of a run: what was open, what was said last, where Python stood."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.drain.deaths.fault_text import signal_of
from clientobs.drain.runs.evidence import name_of_status
from clientobs.drain.runs.growth import growth_of, size_text, timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clientobs.drain.runs.evidence import Ending, Evidence
    from clientobs.journal.records import LogRecord, SpanRecord

__all__ = ["LOG_LINES", "dcc_attributes", "ending_attributes", "iso", "log_line", "sentence"]

LOG_LINES: Final = 50
"""Log records of a dead run that are told with its crash."""

_MAX_LINE: Final = 500
_MAX_SPANS: Final = 50
_MAX_STACKS: Final = 32_768
_SENTENCES: Final[dict[str, str]] = {
    "exited": "The application ended.",
    "crashed": "The application crashed",
    "killed": "The application was killed",
    "hang_killed": "The application was killed while it did not answer",
    "out_of_memory": "The system ended the application for want of memory",
    "machine_down": "The machine went down under the application",
    "rebooted": "The machine was shut down or restarted under the application",
    "power_loss": "The machine lost power, or its system failed, under the application",
}


def sentence(ending: Ending, evidence: Evidence, spans: Sequence[SpanRecord]) -> str:
    """Return the end in one sentence: what, and in the middle of what.

    >>> from clientobs.drain.runs.evidence import Ending, Evidence
    >>> sentence(Ending(status="crashed", evidence="", kind="crashed"), Evidence(fatal="Bus error"), ())
    'The application crashed (SIGBUS).'
    """
    if ending.status == "exited":
        return _SENTENCES["exited"]
    said = _SENTENCES.get(ending.kind, "The application ended")
    if ending.status == "hung":
        said = "The application was closed because it did not answer"
    signal = f" ({_signal_of(evidence)})" if ending.kind == "crashed" and _signal_of(evidence) else ""
    during = f" during {spans[-1].name!r}" if spans else ""
    module = f" in {_base(evidence.found.module)}" if signal and evidence.found.module else ""
    is_guessed = ending.kind == "killed" and evidence.exit_status is None
    or_else = ", or ended by a fault that left no trace" if is_guessed else ""
    if ending.kind == "unknown":
        return f"The application ended{during} without a clean close, and nothing shows why."
    silent = f"; it had not answered for {evidence.silent_ns / 1e9:.1f} s" if ending.kind == "killed" else ""
    silent = silent if evidence.silent_since_ns else ""
    return f"{said}{signal}{module}{during}{_growth_text(ending, evidence, spans)}{or_else}{silent}."


def _base(module: str) -> str:
    return module.replace("\\", "/").rpartition("/")[2]


def _growth_text(ending: Ending, evidence: Evidence, spans: Sequence[SpanRecord]) -> str:
    growth = growth_of(evidence.found.memory, spans) if ending.kind == "out_of_memory" else None
    if growth is None:
        return ""
    under = f" under {growth.span.name!r}" if growth.span is not None and growth.span != spans[-1] else ""
    sizes = f"from {size_text(growth.before)} to {size_text(growth.after)}"
    return f": it had grown {sizes} in {growth.seconds:.1f} s{under}"


def ending_attributes(
    ending: Ending,
    evidence: Evidence,
    *,
    spans: Sequence[SpanRecord],
    logs: Iterable[LogRecord],
    last_mono: int,
) -> dict[str, Any]:
    """Return what is told of an end beside its status. `spans` are those that were open, outermost first."""
    attributes: dict[str, Any] = {
        semconv.SESSION_ENDING: ending.kind,
        semconv.SESSION_EVIDENCE: ending.evidence,
    }
    since = evidence.hung_since_ns if ending.kind == "hang_killed" else evidence.silent_since_ns
    if since and ending.status != "exited":
        attributes[semconv.HANG_SINCE] = iso(since)
    if spans:
        attributes[semconv.OPEN_SPANS] = [_told(span, last_mono) for span in spans[-_MAX_SPANS:]]
    if evidence.exit_status is not None:
        attributes[semconv.PROCESS_EXIT_CODE] = evidence.exit_status
    if ending.status == "exited":
        return attributes
    attributes.update(_memory_attributes(evidence, spans))
    if evidence.found.files:
        attributes[semconv.CRASH_FILES] = list(evidence.found.files)
    lines = [line for log in logs if (line := log_line(log))]
    if lines:
        attributes[semconv.LAST_LOG_LINES] = lines
    if ending.kind == "crashed":
        name = _signal_of(evidence)
        attributes[semconv.ERROR_TYPE] = attributes[semconv.EXCEPTION_TYPE] = name or "fatal_error"
        attributes[semconv.EXCEPTION_MESSAGE] = evidence.fatal or ending.evidence
        if evidence.found.module:
            attributes[semconv.CRASH_MODULE] = evidence.found.module
        if stacks := evidence.stacks or evidence.found.stacks:
            attributes[semconv.EXCEPTION_STACKTRACE] = stacks[:_MAX_STACKS]
    return attributes


def dcc_attributes(spans: Iterable[SpanRecord]) -> dict[str, Any]:
    """Return what the open spans say of the application and its scene; `spans` outermost first, the innermost wins."""
    return {
        name: value
        for span in spans
        for name, value in span.attributes.items()
        if name.startswith(semconv.DCC_PREFIX)
    }


def iso(wall_ns: int) -> str:
    """Return a time as text.

    >>> iso(0)
    '1970-01-01T00:00:00.000Z'
    """
    moment = datetime.fromtimestamp(wall_ns / 1e9, tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _signal_of(evidence: Evidence) -> str:
    if evidence.fatal:
        return signal_of(evidence.fatal)
    return evidence.found.crash or name_of_status(evidence.exit_status)


def _memory_attributes(evidence: Evidence, spans: Sequence[SpanRecord]) -> dict[str, Any]:
    samples = evidence.found.memory
    if not samples:
        return {}
    attributes: dict[str, Any] = {semconv.SESSION_MEMORY: samples[-1].size}
    growth = growth_of(samples, spans)
    if growth is not None:
        attributes[semconv.SESSION_MEMORY_GROWTH] = growth.size
        attributes[semconv.SESSION_MEMORY_GROWTH_DURATION] = growth.seconds
        attributes[semconv.SESSION_MEMORY_TIMELINE] = timeline(samples)
        if growth.span is not None:
            attributes[semconv.SESSION_MEMORY_GROWTH_SPAN] = growth.span.name
    return attributes


def _told(span: SpanRecord, last_mono: int) -> str:
    seconds = max(0, last_mono - span.start_mono) / 1e9
    return f"{span.name} ({seconds:.1f} s)"


def log_line(log: LogRecord) -> str:
    """Return a log record as one line."""
    text = log.body if isinstance(log.body, str) else str(log.body or "")
    return f"{log.severity_text} {text}".strip()[:_MAX_LINE]
