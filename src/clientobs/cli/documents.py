"""Traces as JSON: what `clientobs show --json` prints.

Ids are lower-case hex, times ISO 8601 in UTC with nanoseconds, durations nanoseconds. Values that JSON has no
form for become text: bytes as base64, NaN and infinities by name. Spans are listed parents first; `parent` is
the id that was recorded, whether or not that span is in this journal.
"""

from __future__ import annotations

import base64
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clientobs.viewer.model import Log, Run, Span, Trace

__all__ = ["iso_time", "log_document", "run_document", "trace_document"]

_NS = 1_000_000_000


def trace_document(trace: Trace, now_ns: int) -> dict[str, Any]:
    """Return one trace with its runs, spans and logs."""
    return {
        "trace": f"{trace.trace_id:032x}",
        "state": trace.state,
        "start": iso_time(trace.start_ns),
        "duration_ns": trace.end_ns(now_ns) - trace.start_ns,
        "runs": [run_document(run) for run in trace.runs],
        "spans": [_span_document(span, now_ns) for span in trace.walk()],
        "logs": [log_document(log) for log in trace.logs],
    }


def run_document(run: Run) -> dict[str, Any]:
    """Return one run."""
    return {
        "run": run.run,
        "session": run.session,
        "pid": run.pid,
        "role": run.role,
        "alive": run.alive,
        "resource": _plain(run.resource),
    }


def log_document(log: Log) -> dict[str, Any]:
    """Return one log record or event."""
    record = log.record
    return {
        "time": iso_time(log.time_ns),
        "severity": record.severity,
        "event": record.event_name or None,
        "body": _plain(record.body),
        "attributes": _plain(record.attributes),
        "run": log.run.run,
    }


def iso_time(ns: int) -> str:
    """Return a date with all its nanoseconds.

    >>> iso_time(1_795_000_000_123_456_789)
    '2026-11-18T11:06:40.123456789Z'
    """
    try:
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(ns // _NS))}.{ns % _NS:09d}Z"
    except (OverflowError, OSError, ValueError):
        return f"@{ns}"


def _span_document(span: Span, now_ns: int) -> dict[str, Any]:
    record = span.record
    return {
        "span": f"{record.span_id:016x}",
        "parent": f"{record.parent_id:016x}" if record.parent_id else None,
        "name": record.name,
        "state": span.state,
        "status_message": record.status_message or None,
        "start": iso_time(record.start_ns),
        "duration_ns": span.duration_ns(now_ns),
        "attributes": _plain(record.attributes),
        "context": _plain(span.context),
        "scope": span.scope or None,
        "run": span.run.run,
        "events": [
            {"name": event.name, "time": iso_time(event.time_ns), "attributes": _plain(event.attributes)}
            for event in record.events
        ],
        "links": [
            {
                "trace": f"{link.trace_id:032x}",
                "span": f"{link.span_id:016x}",
                "attributes": _plain(link.attributes),
            }
            for link in record.links
        ],
        "logs": [log_document(log) for log in span.logs],
    }


def _plain(anything: Any) -> Any:
    if isinstance(anything, dict):
        return {str(key): _plain(item) for key, item in anything.items()}
    if isinstance(anything, (list, tuple)):
        return [_plain(item) for item in anything]
    if isinstance(anything, (bytes, bytearray)):
        return base64.b64encode(anything).decode("ascii")
    if isinstance(anything, float) and not math.isfinite(anything):
        return str(anything)
    return anything
