"""Traces from records: duplicates joined, children hung under parents, cycles cut.

A journal is no clean export. The start of a span is written again whenever a segment is sealed. A resend or a
copied folder repeats whole records. Parents live on other machines, or were evicted. Several processes write into
one trace, and a broken tool can make a span its own grandparent. None of this may lose a span: one that cannot be
placed becomes a root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientobs.viewer.model import Log, Span, Trace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.journal.records import Attributes, LogRecord, SpanRecord
    from clientobs.viewer.model import Run

__all__ = ["TraceBook"]

_NEVER: Final = 1 << 63


class _Pages:
    """What is known of one trace: spans by id, logs in order of arrival, and when they were."""

    __slots__ = ("broken", "first_ns", "last_ns", "logs", "open", "spans")

    def __init__(self) -> None:
        self.spans: dict[int, Span] = {}
        self.logs: list[Log] = []
        self.first_ns = _NEVER
        self.last_ns = 0
        self.open: set[int] = set()
        self.broken = False

    def seen(self, first_ns: int, last_ns: int) -> None:
        self.first_ns = min(self.first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)


class TraceBook:
    """Collect records in any order, then `trace(id)` puts one trace together.

    >>> book = TraceBook()
    >>> book.ids()
    []
    """

    def __init__(self) -> None:
        self._pages: dict[int, _Pages] = {}
        self.loose: list[Log] = []
        """Logs outside any trace: session events, messages between two spans."""

    def add_span(
        self, run: Run, record: SpanRecord, *, ended: bool, context: Attributes, scope: str = ""
    ) -> None:
        """Add a started or ended span; of two records with one id the ended counts, then the fuller."""
        pages = self._pages_of(record.trace_id)
        known = pages.spans.get(record.span_id)
        if known is not None and (known.ended or not _fuller(record, known.record, ended=ended)):
            return
        pages.seen(record.start_ns, max(record.end_ns, record.start_ns))
        span = Span(run=run, record=record, ended=ended, context=context, scope=scope)
        pages.spans[record.span_id] = span
        if ended:
            pages.open.discard(record.span_id)
            pages.broken = pages.broken or span.state != "ok"
        else:
            pages.open.add(record.span_id)

    def add_log(self, run: Run, record: LogRecord, *, context: Attributes, scope: str = "") -> None:
        """Add a log record or event; one without a trace is kept in `loose`."""
        log = Log(run=run, record=record, context=context, scope=scope)
        if record.trace_id == 0:
            self.loose.append(log)
            return
        pages = self._pages_of(record.trace_id)
        pages.seen(log.time_ns, log.time_ns)
        pages.logs.append(log)

    def ids(self) -> list[int]:
        """Return the trace ids, the one with the most recent activity last."""
        return sorted(self._pages, key=lambda trace_id: self._pages[trace_id].last_ns)

    def bounds(self, trace_id: int) -> tuple[int, int]:
        """Return the first and the last moment that is known of a trace."""
        pages = self._pages[trace_id]
        return pages.first_ns, pages.last_ns

    def has_open(self, trace_id: int) -> bool:
        """Say whether a span of the trace is still running in a living process."""
        pages = self._pages[trace_id]
        return any(pages.spans[span_id].run.alive for span_id in pages.open)

    def is_broken(self, trace_id: int) -> bool:
        """Say whether a span of the trace failed or was interrupted."""
        pages = self._pages[trace_id]
        return pages.broken or any(not pages.spans[span_id].run.alive for span_id in pages.open)

    def lacks_parents(self, trace_id: int) -> bool:
        """Say whether a span refers to a parent that is not known (yet)."""
        spans = self._pages[trace_id].spans
        return any(span.record.parent_id and span.record.parent_id not in spans for span in spans.values())

    def logs(self) -> list[Log]:
        """Return all logs, in and outside of traces."""
        return [*self.loose, *(log for one in self._pages.values() for log in one.logs)]

    def take(self) -> tuple[list[Span], list[Log]]:
        """Return all spans and logs as they came, and forget them."""
        pages, self._pages = list(self._pages.values()), {}
        loose = self.loose[:]
        self.loose.clear()
        spans = [span for one in pages for span in one.spans.values()]
        return spans, [*loose, *(log for one in pages for log in one.logs)]

    def forget(self, trace_id: int) -> None:
        """Drop a trace: one that was shown, or that nobody asked for; memory stays small."""
        self._pages.pop(trace_id, None)

    def trace(self, trace_id: int) -> Trace:
        """Put a trace together; KeyError where nothing of it was added."""
        pages = self._pages[trace_id]
        spans = pages.spans
        for span in spans.values():
            span.children, span.logs, span.parent_missing = [], [], False
        trace = Trace(trace_id=trace_id, roots=_hang(spans))
        for log in pages.logs:
            owner = spans.get(log.record.span_id)
            (owner.logs if owner is not None else trace.logs).append(log)
        for listed in (trace.logs, *(span.logs for span in spans.values() if len(span.logs) > 1)):
            listed.sort(key=_log_order)
        return trace

    def _pages_of(self, trace_id: int) -> _Pages:
        pages = self._pages.get(trace_id)
        if pages is None:
            pages = self._pages[trace_id] = _Pages()
        return pages


def _fuller(record: SpanRecord, known: SpanRecord, *, ended: bool) -> bool:
    return ended or len(record.attributes) > len(known.attributes)


def _hang(spans: dict[int, Span]) -> list[Span]:
    """Hang children under parents and return the roots: no parent, a missing one, or a cut cycle."""
    in_order = sorted(spans.values(), key=_span_order)
    cut = _first_of_each_cycle(in_order, spans)
    roots: list[Span] = []
    for span in in_order:
        parent = spans.get(span.record.parent_id)
        if parent is not None and span.record.span_id not in cut:
            parent.children.append(span)
            continue
        span.parent_missing = parent is None and span.record.parent_id != 0
        roots.append(span)
    return roots


def _first_of_each_cycle(in_order: Iterable[Span], spans: dict[int, Span]) -> set[int]:
    """Return the ids at which parent chains that run in a circle are to be cut."""
    settled: set[int] = set()
    cut: set[int] = set()
    for span in in_order:
        path: dict[int, None] = {}
        at: Span | None = span
        while at is not None and at.record.span_id not in settled:
            if at.record.span_id in path:
                cut.add(at.record.span_id)
                break
            path[at.record.span_id] = None
            at = spans.get(at.record.parent_id)
        settled.update(path)
    return cut


def _span_order(span: Span) -> tuple[int, int]:
    return span.record.start_ns, span.record.span_id


def _log_order(log: Log) -> int:
    return log.time_ns
