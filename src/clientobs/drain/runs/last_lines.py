"""What a live run said last: its log lines, the spans that are open, the production context of now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs.drain.runs.last_words import LOG_LINES, log_line
from clientobs.drain.runs.tail import SegmentTail
from clientobs.errors import JournalError
from clientobs.journal.format import Kind
from clientobs.journal.reader import read_segment
from clientobs.journal.records import LogRecord, SpanRecord, decode

if TYPE_CHECKING:
    from clientobs.drain.runs.run_tail import RunTail
    from clientobs.journal.reader import Frame

__all__ = ["last_lines", "newest_span", "open_spans"]

_ENOUGH: Final = 2
"""Segments of the bulk lane that are looked into: each begins with all spans that are open."""


def last_lines(run: RunTail) -> list[str]:
    """Return the last log lines of a run, the newest last."""
    records: list[LogRecord] = []
    for tail in _newest(run):
        if len(records) < LOG_LINES:
            records = [*tail.recent_logs(LOG_LINES - len(records)), *records]
    return [line for record in records if (line := log_line(record))]


def open_spans(run: RunTail) -> tuple[list[SpanRecord], dict[str, Any]]:
    """Return the spans that are open, outermost first, and the production context of the newest record."""
    opened: dict[int, SpanRecord] = {}
    context = 0
    for frame in _newest_frames(run):
        if frame.kind not in (Kind.SPAN_STARTED, Kind.SPAN_ENDED, Kind.LOG):
            continue
        record = decode(frame.kind, frame.payload)
        if isinstance(record, SpanRecord):
            context = record.context
            if frame.kind == Kind.SPAN_STARTED:
                opened[record.span_id] = record
            else:
                opened.pop(record.span_id, None)
        elif isinstance(record, LogRecord):
            context = record.context
    return sorted(opened.values(), key=lambda span: span.start_mono), run.context(context)


def newest_span(run: RunTail) -> int:
    """Return when a span has begun or ended last, on the run's monotonic clock, 0 where none is known of."""
    newest = 0
    for frame in _newest_frames(run):
        if frame.kind == Kind.SPAN_ENDED:
            newest = max(newest, frame.mono_ns)
        elif frame.kind == Kind.SPAN_STARTED:  # perhaps written again, into a new segment
            record = decode(frame.kind, frame.payload)
            newest = max(newest, record.start_mono if isinstance(record, SpanRecord) else 0)
    return newest


def _newest_frames(run: RunTail) -> list[Frame]:
    newest = next(iter(_newest(run)), None)
    try:
        return list(read_segment(newest.path, live=True).frames) if newest is not None else []
    except (OSError, JournalError):
        return []


def _newest(run: RunTail) -> list[SegmentTail]:
    """Return the newest segments of the bulk lane, the newest first."""
    found = [tail for tail in run.tails.values() if isinstance(tail, SegmentTail) and tail.lane == "bulk"]
    return sorted(found, key=lambda tail: tail.number, reverse=True)[:_ENOUGH]
