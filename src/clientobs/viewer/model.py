"""What a reader of the journal sees: runs, spans, logs and the traces they form.

These are views of records (`journal/records.py`), joined with what a record only refers to: the run that
wrote it, the production context and the instrumentation scope.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from clientobs import semconv
from clientobs.journal.records import WITNESS_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.journal.records import Attributes, LogRecord, SpanRecord

__all__ = ["WARNING", "Log", "Run", "Span", "SpanState", "Trace", "TraceState"]

SpanState: TypeAlias = Literal["ok", "failed", "open", "interrupted"]
"""open: its run lives. interrupted: its run is gone, and nobody ended the span."""
TraceState: TypeAlias = Literal["ok", "errors", "failed", "open", "interrupted"]
"""errors: the work as a whole went well, but a span inside it failed (a retry, a caught exception)."""

WARNING: Final = 13
"""OpenTelemetry's SeverityNumber of WARN."""
_ERROR_STATUS: Final = 2


@dataclass(slots=True, kw_only=True)
class Run:
    """One process that recorded. `last_ns` is the date of its last good record."""

    run: str
    session: str
    pid: int
    role: str = "main"
    resource: Attributes = field(default_factory=dict)
    started_ns: int = 0
    last_ns: int = 0
    alive: bool = False
    closed: str = ""
    """How it said good-bye ("exited" ...); "" where it did not."""

    @property
    def is_witness(self) -> bool:
        """Whether it only speaks for another run that can't: no process that a reader would know of."""
        return self.role == WITNESS_ROLE

    def text(self, key: str) -> str:
        """Return a resource attribute as text, "" where there is none."""
        value = self.resource.get(key)
        return "" if value is None else str(value)


@dataclass(slots=True, kw_only=True, eq=False)
class Log:
    """A log record or event. `time_ns` falls back to the observed time."""

    run: Run
    record: LogRecord
    context: Attributes = field(default_factory=dict)
    scope: str = ""

    @property
    def time_ns(self) -> int:
        """When it happened, in nanoseconds since the epoch."""
        return self.record.time_ns or self.record.observed_ns


@dataclass(slots=True, kw_only=True, eq=False)
class Span:
    """A span in its trace. `children` and `logs` are in order of time once the trace is built."""

    run: Run
    record: SpanRecord
    ended: bool
    context: Attributes = field(default_factory=dict)
    scope: str = ""
    children: list[Span] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    parent_missing: bool = False
    """Its parent is not in this journal: another machine's, evicted, or lost."""

    @property
    def state(self) -> SpanState:
        """How the span stands now."""
        if not self.ended:
            return "open" if self.run.alive else "interrupted"
        if self.record.attributes.get(semconv.INTERRUPTED) is True:
            return "interrupted"
        return "failed" if self.record.status == _ERROR_STATUS else "ok"

    def end_ns(self, now_ns: int) -> int:
        """Return its end; for an open one `now_ns`, for an interrupted one its run's last record."""
        if self.ended:
            return max(self.record.end_ns, self.record.start_ns)
        return max(now_ns if self.run.alive else self.run.last_ns, self.record.start_ns)

    def duration_ns(self, now_ns: int) -> int:
        """Return how long it took, or has been running until `now_ns`."""
        return self.end_ns(now_ns) - self.record.start_ns


@dataclass(slots=True, kw_only=True)
class Trace:
    """A trace as far as this journal knows it.

    `roots` are in order of time; `logs` are those whose span is not in this journal.
    """

    trace_id: int
    roots: list[Span] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)

    def walk(self) -> Iterator[Span]:
        """Yield all spans, parents first, without recursion: a runaway loop can nest 100,000 deep."""
        stack = self.roots[::-1]
        while stack:
            span = stack.pop()
            yield span
            stack.extend(reversed(span.children))

    @property
    def start_ns(self) -> int:
        """The earliest start of a span, or the earliest log."""
        starts = [span.record.start_ns for span in self.walk()] or [log.time_ns for log in self.logs]
        return min(starts, default=0)

    def end_ns(self, now_ns: int) -> int:
        """Return the latest end of a span, or the latest log."""
        ends = [span.end_ns(now_ns) for span in self.walk()] or [log.time_ns for log in self.logs]
        return max(ends, default=0)

    @property
    def state(self) -> TraceState:
        """How the trace stands: the worst of its roots, then whether anything inside failed."""
        roots = {root.state for root in self.roots}
        inner = {span.state for span in self.walk()}
        if "interrupted" in inner:
            return "interrupted"
        if "open" in inner:
            return "open"
        if "failed" in roots:
            return "failed"
        return "errors" if "failed" in inner else "ok"

    @property
    def runs(self) -> list[Run]:
        """The runs that took part, in order of appearance; who only bore witness did not."""
        seen: dict[str, Run] = {}
        for span in self.walk():
            seen.setdefault(span.run.run, span.run)
        for log in self.logs:
            if not log.run.is_witness:
                seen.setdefault(log.run.run, log.run)
        return list(seen.values())
