"""What the payloads mean: the tuples that the pipeline writes, and their readable form for drain and CLI.

Writers build the tuples by hand, because the hot path can't afford a class (pipeline/); readers call
`decode`, which accepts every shorter tuple of the same major version (fields are only ever appended) and
returns one of the frozen dataclasses below, or None for a payload that is not of its kind's shape.

Ids are integers (trace 128 bit, span 64 bit, 0 for none). Times are nanoseconds: `*_ns` since the Unix epoch,
`*_mono` on the run's monotonic clock. Attribute values are str, bool, int, float, bytes, None, or lists
and str-keyed dicts of these. `context` and `scope` are numbers of CONTEXT records of the same segment
(0 for none): ten attributes stamped on each record would double its cost.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final, TypeAlias

from clientobs._dataclass import dataclass
from clientobs.journal.format import Kind

__all__ = [
    "DRAIN_ROLES",
    "HANG_NOTE",
    "LATE_ROLE",
    "LOG_FILES_ROLE",
    "WITNESS_ROLE",
    "Attributes",
    "ContextRecord",
    "Header",
    "LogRecord",
    "MetricsRecord",
    "NoteRecord",
    "Record",
    "SpanEvent",
    "SpanLink",
    "SpanRecord",
    "decode",
]

Attributes: TypeAlias = dict[str, Any]

LOG_FILES_ROLE: Final = "log files"
"""Role of a run that the drain writes: records read from tools' own log files."""

WITNESS_ROLE: Final = "witness"
"""Role of a run that the drain writes: what it saw of a host that could not speak, under the host's session."""

LATE_ROLE: Final = "late"
"""Role of a run that holds what was recorded after the process had ended its session: nobody ends it but its first
record, which is a clean close."""

DRAIN_ROLES: Final = frozenset({LOG_FILES_ROLE, WITNESS_ROLE})

HANG_NOTE: Final = "hang"
"""Type of the notes that a host writes while its main thread doesn't answer (guard/hang/watch.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who wrote a segment: the payload of its first frame, a dict with these keys.

    `resource` are the redacted resource attributes. `destination` is the keyed hash of endpoint and
    credential ("" where none is configured). `role` is "main", "child" for a forked process, which has no
    session events of its own, LATE_ROLE, or one of DRAIN_ROLES. `pid_start` and `boot_id` tell this process from
    a later one with its pid.
    """

    run: str
    session: str
    lane: str
    number: int
    role: str = "main"
    pid: int
    pid_start: str = ""
    boot_id: str = ""
    wall_ns: int
    mono_ns: int
    destination: str = ""
    version: str = ""
    resource: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An event on a span. Tuple: (name, time_ns, attributes)."""

    name: str
    time_ns: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class SpanLink:
    """A link to another span. Tuple: (trace_id, span_id, trace_state, attributes)."""

    trace_id: int
    span_id: int
    trace_state: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A span, started or ended: both kinds share this tuple; a started one stops after `links`.

    kind: 0 internal, 1 server, 2 client, 3 producer, 4 consumer (OpenTelemetry API's SpanKind).
    status: 0 unset, 1 ok, 2 error. `end_ns` is 0 while the span is open.
    dropped: counts of attributes, events and links that limits cut off.
    """

    trace_id: int
    span_id: int
    parent_id: int
    name: str
    kind: int
    flags: int
    trace_state: str
    context: int
    scope: int
    start_ns: int
    start_mono: int
    attributes: Attributes
    links: tuple[SpanLink, ...] = ()
    end_ns: int = 0
    status: int = 0
    status_message: str = ""
    events: tuple[SpanEvent, ...] = ()
    dropped: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A log record or, with `event_name`, an event. `severity` is OpenTelemetry's SeverityNumber (1-24)."""

    time_ns: int
    observed_ns: int
    severity: int
    severity_text: str
    body: Any
    event_name: str
    attributes: Attributes
    trace_id: int
    span_id: int
    flags: int
    context: int
    scope: int
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class MetricsRecord:
    """Deltas of one collection.

    `metrics` are tuples (scope, name, unit, description, kind, monotonic, points).

    kind: "sum", "gauge" or "histogram". A point of a sum or gauge is (attributes, value, start_ns, time_ns,
    exemplars); of a histogram (attributes, (count, sum, min, max, bounds, bucket counts), start_ns, time_ns,
    exemplars). An exemplar is (value, time_ns, trace_id, span_id, attributes).
    """

    time_ns: int
    metrics: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class ContextRecord:
    """Attributes written once a segment and referred to by `number`.

    type: "production" (attributes of the production context, of the tool, session.id), or
    "scope" ({"name", "version", "schema_url", "attributes"}).
    """

    number: int
    type: str
    values: Attributes


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """What the run says of itself, by `type`.

    "anchor"  {"wall_ns", "mono_ns"}             a new wall-clock anchor, after the machine slept
    "loss"    {reason: count, ...}               totals of the run so far: the newest one counts
    "sealed"  {}                                 the last record of a segment that was left in good order
    "ended"   {"key": key}                       in bulk, for the end of a span that went to vital
    "log file" {path, device, inode ...}          records that follow are from this file (drain/logfiles)
    "closed"  {"status": "exited", "detail": s}  the run's clean close; also by fork children, exec, os._exit
    "watched" {"faults", "exits", "program", "group", "supervised", "file", "size"}
                                                 what a death would leave: guard/crash.py, guard/exit_mark.py; again
                                                 where the host has changed it. file: of the host's own faulthandler
    "survived" {}                                Python goes on after a fatal error was written to fault.txt
    """

    type: str
    values: Attributes


Record: TypeAlias = SpanRecord | LogRecord | MetricsRecord | ContextRecord | NoteRecord


def decode(kind: int, payload: bytes) -> Header | Record | None:
    """Return the record of one payload, or None where it doesn't have its kind's shape.

    Never raises: a payload whose checksum held but which cannot be read is damage like any other.
    """
    try:
        value = marshal.loads(payload)  # noqa: S302  # own file, own user, checksum held: see format.py
        return _BUILD[kind](value)
    except (EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None


def _header(value: dict[str, Any]) -> Header:
    known = {key: value[key] for key in Header.__dataclass_fields__ if key in value}
    return Header(**known)


def _span(value: tuple[Any, ...]) -> SpanRecord:
    head, links, rest = value[:12], value[12], value[13:]
    span_links = tuple(SpanLink(*link[:4]) for link in links or ())
    if not rest:
        return SpanRecord(*head, span_links)  # type: ignore[call-arg]  # head has the 12 fields before it
    end_ns, status, message, events, dropped = rest[:5]
    return SpanRecord(
        *head,
        span_links,  # type: ignore[call-arg]
        end_ns,
        status,
        message or "",
        tuple(SpanEvent(*event[:3]) for event in events or ()),
        tuple(dropped) if dropped else (0, 0, 0),
    )


_BUILD: Final[dict[int, Callable[[Any], Header | Record]]] = {
    Kind.HEADER: _header,
    Kind.SPAN_STARTED: _span,
    Kind.SPAN_ENDED: _span,
    Kind.LOG: lambda value: LogRecord(*value[:13]),
    Kind.METRICS: lambda value: MetricsRecord(*value[:2]),
    Kind.CONTEXT: lambda value: ContextRecord(*value[:3]),
    Kind.NOTE: lambda value: NoteRecord(*value[:2]),
}
