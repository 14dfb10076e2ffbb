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

__all__ = ["last_lines", "open_spans"]

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
    newest = next(iter(_newest(run)), None)
    if newest is None:
        return [], {}
    opened: dict[int, SpanRecord] = {}
    context = 0
    try:
        frames = read_segment(newest.path, live=True).frames
    except (OSError, JournalError):
        return [], {}
    for frame in frames:
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


def _newest(run: RunTail) -> list[SegmentTail]:
    """Return the newest segments of the bulk lane, the newest first."""
    found = [tail for tail in run.tails.values() if isinstance(tail, SegmentTail) and tail.lane == "bulk"]
    return sorted(found, key=lambda tail: tail.number, reverse=True)[:_ENOUGH]
