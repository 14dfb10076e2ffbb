"""A session seen from another process: what a problem report about it needs, read from its journal and its process.

The session that is meant: the one that was named; else the application that this process was started from (a menu
entry, a console in it); else the one that lives and wrote last; else the last one there was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.drain.hangs.episode import OpenSpan
from clientobs.journal.process import process_start
from clientobs.journal.runs import header_of
from clientobs.viewer.homes import runs_folder
from clientobs.viewer.overview import overview
from clientobs.viewer.recordings import Recordings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clientobs.journal.records import Attributes, Header
    from clientobs.viewer.model import Log, Span, Trace
    from clientobs.viewer.overview import RunView
    from clientobs.viewer.traces import TraceBook

__all__ = ["Session", "find_session"]

_ERROR: Final = 17
_MOST_TRACES: Final = 8
_MOST_ERRORS: Final = 10
_MOST_LINES: Final = 50
_MOST_TEXT: Final = 500
_MOST_READ: Final = 16 << 20
"""Bytes of the newest segments: what was last is in them, whatever the size of a week's session."""
_MOST_ANCESTORS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session as it stands now. `span` is the innermost that is open, None where none is or it is over."""

    header: Header
    attributes: dict[str, Any]
    production: Attributes = field(default_factory=dict)
    span: OpenSpan | None = None


def find_session(home: str, wanted: str | None, *, leave_out: str) -> Session | None:
    """Return the session that is meant, None where there is none; `leave_out` is a service that only reports.

    Raises JournalError where the home can't be listed.
    """
    view = _choose(overview(home).runs, wanted, leave_out)
    header = header_of(f"{runs_folder(home)}/{view.run.run}") if view is not None else None
    if view is None or header is None:
        return None
    book = _read(home, view.run.run)
    traces = [book.trace(trace_id) for trace_id in book.ids()[::-1][:_MOST_TRACES]]
    logs = sorted(book.logs(), key=lambda log: log.time_ns)
    current = _innermost(traces) if view.run.alive else None
    return Session(
        header=header,
        attributes={**_before(traces, logs), **(_process(header) if view.run.alive else {})},
        production=_context(current, traces, logs),
        span=_open_span(current) if current is not None else None,
    )


def _choose(views: Sequence[RunView], wanted: str | None, leave_out: str) -> RunView | None:
    known = [
        view for view in views if view.run.text(semconv.SERVICE_NAME) != leave_out and not view.run.is_witness
    ]
    if wanted:
        known = [view for view in known if view.run.session.startswith(wanted)]
        return max(known, key=lambda view: (view.run.role == "main", view.written_ns), default=None)
    main = [view for view in known if view.run.role == "main"]
    living = {view.run.pid: view for view in main if view.run.alive}
    for pid in _ancestors() if living else ():
        if pid in living:
            return living[pid]
    return max(main, key=lambda view: (view.run.alive, view.written_ns), default=None)


def _ancestors() -> Iterable[int]:
    import psutil  # noqa: PLC0415  # where somebody asks from within a living application only

    try:
        return [process.pid for process in psutil.Process().parents()[:_MOST_ANCESTORS]]
    except (psutil.Error, OSError):
        return []


def _read(home: str, run: str) -> TraceBook:
    recordings = Recordings(runs_folder(home))
    room = _MOST_READ
    for folder, segment in recordings.newest_first():
        if folder.run == run and room > 0:
            room -= segment.size
            recordings.read(folder, segment)
    return recordings.book


def _before(traces: Sequence[Trace], logs: Sequence[Log]) -> dict[str, Any]:
    names = [trace.roots[0].record.name if trace.roots else "(logs only)" for trace in traces]
    errors = [log for log in logs if log.record.severity >= _ERROR]
    lines = [log for log in logs if not log.record.event_name.startswith("session.")]
    found = {
        semconv.PROBLEM_TRACES: [f"{trace.trace_id:032x}" for trace in traces],
        semconv.PROBLEM_TRACE_NAMES: [
            f"{name} ({trace.state})" for name, trace in zip(names, traces, strict=True)
        ],
        semconv.PROBLEM_ERRORS: [_told(log) for log in errors[-_MOST_ERRORS:]],
        semconv.LAST_LOG_LINES: [
            f"{log.record.severity_text} {log.record.body}"[:_MOST_TEXT].strip()
            for log in lines[-_MOST_LINES:]
        ],
    }
    return {name: value for name, value in found.items() if value}


def _told(log: Log) -> str:
    ago = max(0, time.time_ns() - log.time_ns) // 10**9
    trace = f", trace {log.record.trace_id:032x}" if log.record.trace_id else ""
    return f"{str(log.record.body)[:_MOST_TEXT]} ({ago} s ago{trace})"


def _innermost(traces: Iterable[Trace]) -> Span | None:
    spans = [span for trace in traces for span in trace.walk() if span.state == "open"]
    return max(spans, key=lambda span: span.record.start_mono, default=None)


def _open_span(span: Span) -> OpenSpan:
    record = span.record
    return OpenSpan(
        trace_id=record.trace_id,
        span_id=record.span_id,
        name=record.name,
        flags=record.flags,
        context=record.context,
        start_mono=record.start_mono,
    )


def _context(current: Span | None, traces: Iterable[Trace], logs: Sequence[Log]) -> Attributes:
    """Return the production context of now: of the open span, else of what was recorded last."""
    if current is not None:
        return current.context
    spans = [(span.end_ns(0), span.context) for trace in traces for span in trace.walk()]
    dated = [*spans, *((log.time_ns, log.context) for log in logs)]
    return max(dated, key=lambda pair: pair[0], default=(0, {}))[1]


def _process(header: Header) -> dict[str, Any]:
    """Return memory, processor time and threads of the application, where it may be looked at."""
    import psutil  # noqa: PLC0415  # as above

    try:
        process = psutil.Process(header.pid)
        with process.oneshot():
            times = process.cpu_times()
            found = {
                semconv.PROCESS_MEMORY_RESIDENT: process.memory_info().rss,
                semconv.PROCESS_USED_CPU: round(times.user + times.system, 3),
                semconv.PROBLEM_THREADS: process.num_threads(),
            }
    except (psutil.Error, OSError):
        return {}
    # Asked last: the pid may have gone to another process meanwhile.
    return found if process_start(header.pid) == header.pid_start else {}
