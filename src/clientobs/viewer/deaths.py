"""How the runs behind a trace have ended, as the drain would tell it: the journal holds no verdict, but all for one.

One run is read from its first segment to its last for that, so it is done for the traces that are shown and no others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from clientobs.drain.deaths.findings import NOTHING_FOUND, read_findings
from clientobs.drain.runs.evidence import read_evidence, with_findings
from clientobs.drain.runs.recover import RunEnd
from clientobs.errors import JournalError
from clientobs.journal.reader import read_segment
from clientobs.journal.records import LogRecord
from clientobs.journal.runs import read_run
from clientobs.viewer.model import Log

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.viewer.model import Run, Trace

__all__ = ["tell_deaths"]


def tell_deaths(folder: str, traces: Iterable[Trace]) -> None:
    """Add to each trace how its runs ended that wrote no end of their own; `folder` holds the runs.

    What they left open has lasted until then, as far as is known: longer than to their last record.
    """
    told: dict[str, Log | None] = {}
    for trace in traces:
        for run in trace.runs:
            if run.alive or run.closed:
                continue
            if run.run not in told:
                end = told[run.run] = _end_of(os.path.join(folder, run.run), run)
                run.last_ns = max(run.last_ns, end.record.time_ns if end is not None else 0)
            log = told[run.run]
            if log is not None and log.record.trace_id == trace.trace_id:
                _place(trace, log)


def _place(trace: Trace, log: Log) -> None:
    span = next((span for span in trace.walk() if span.record.span_id == log.record.span_id), None)
    (span.logs if span is not None else trace.logs).append(log)


def _end_of(path: str, run: Run) -> Log | None:
    folder = read_run(path)
    if folder.state != "dead":
        return None
    end = RunEnd()
    for segment in folder.segments:
        offset, more = 0, True
        while more:
            try:
                reading = read_segment(segment.path, offset, live=False)
            except (OSError, JournalError):
                break  # retention took it
            if offset == 0 and reading.header is not None:
                end.begin(reading.header)
            for frame in reading.frames:
                end.feed(frame)
            offset, more = reading.next_offset, reading.more
    items = end.items(with_findings(read_evidence(path), read_findings(path) or NOTHING_FOUND))
    for item in items:
        if isinstance(item.record, LogRecord):
            context = item.contexts.get(item.record.context)
            return Log(run=run, record=item.record, context=context.values if context else {})
    return None
