"""The span processor that ends in the journal: own copy, redact, append.

Runs on the host's thread at the start and at the end of every sampled span, so it is written for speed: a
tuple, not a class; one marshal; one append. A span is written when it starts too, so that a process that
dies leaves word of what was open.

Durations come from the monotonic clock: end = start + monotonic difference. The SDK stamps spans with the
wall clock; a stamp within a millisecond of now is taken for the SDK's own and replaced, any other was given by
the program and stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.context import get_current
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from clientobs._clock import Clock
from clientobs._guarded import faults
from clientobs.journal.format import Kind, encode_payload
from clientobs.pipeline.context import ContextNumbers
from clientobs.pipeline.lean import LeanSpan
from clientobs.pipeline.scopes import ScopeNumbers

if TYPE_CHECKING:
    from opentelemetry.context import Context

__all__ = ["JournalSpanProcessor", "Redacts", "SpanSink"]

_OWN_STAMP_NS: Final = 1_000_000


class SpanSink(Protocol):
    """What the journal does for spans."""

    def span_started(self, key: int, payload: bytes, contexts: tuple[int, ...]) -> bool:
        """Append a started span, and again in each new segment until it ends."""

    def span_ended(self, key: int, payload: bytes, lane: str, contexts: tuple[int, ...]) -> bool:
        """Append an ended span."""


class Redacts(Protocol):
    """What privacy does for records."""

    def attributes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Return a bounded, redacted copy."""

    def name(self, name: str) -> str:
        """Return a bounded, redacted name."""

    def text(self, text: str, limit: int | None = None) -> str:
        """Return a redacted text of at most `limit` characters."""

    def value(self, key: str, value: Any) -> Any:
        """Return one redacted value, by the rules for its key."""


class JournalSpanProcessor(SpanProcessor):
    """Write each sampled span at its start and at its end.

    The tuples are those of `journal.records.SpanRecord`.
    """

    def __init__(
        self,
        sink: SpanSink,
        redactor: Redacts,
        clock: Clock,
        contexts: ContextNumbers,
        scopes: ScopeNumbers,
    ) -> None:
        self._started: Callable[[int, bytes, tuple[int, ...]], bool] = sink.span_started
        self._ended: Callable[[int, bytes, str, tuple[int, ...]], bool] = sink.span_ended
        self._redact = redactor.attributes
        self._name = redactor.name
        self._text = redactor.text
        self._clock = clock
        self._contexts = contexts
        self._scopes = scopes
        # By span id: what the end needs of the start. Entries leave with their span.
        self._open: dict[int, tuple[Any, ...]] = {}
        self._silent = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Write the span as open."""
        try:
            lean = type(span) is LeanSpan
            context: Any = span._context  # noqa: SLF001  # properties cost: this runs for every span
            if self._silent or not context.trace_flags & 1:
                return
            mono = span.start_mono if lean else self._clock.mono()  # type: ignore[attr-defined]
            start = span._start_time if lean else self._own_start(span._start_time, mono)  # noqa: SLF001
            number = self._contexts.of(get_current() if parent_context is None else parent_context)
            scope = self._scopes.of(span._instrumentation_scope)  # noqa: SLF001
            parent: Any = span._parent  # noqa: SLF001
            span_id: int = context.span_id
            head = (
                context.trace_id,
                span_id,
                parent.span_id if parent is not None else 0,
                self._name(span._name),  # noqa: SLF001
                span._kind._value_,  # noqa: SLF001
                int(context.trace_flags),
                context.trace_state.to_header() if context.trace_state else "",
                number,
                scope,
                start,
                mono,
            )
            if lean:
                span.journal_head = head  # type: ignore[attr-defined]
            else:
                self._open[span_id] = head
            payload = encode_payload((*head, self._redact(_plain(span)), self._links(span)))
            self._started(span_id, payload, (number, scope))
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("spans.start", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Write the span as ended; it survives the death of the process from here on."""
        try:
            lean = type(span) is LeanSpan
            if lean:
                head = span.journal_head  # type: ignore[attr-defined]
                end = span._end_time  # noqa: SLF001
            else:
                mono = self._clock.mono()
                head = self._open.pop(span.context.span_id, None) or self._head_of_stranger(span, mono)
                end = self._own_end(span.end_time, head, mono) if head else 0
            if head is None or self._silent:  # not sampled, or after the end
                return
            if span._name != head[3]:  # noqa: SLF001  # update_name(), or a redacted one
                head = (*head[:3], self._name(span._name), *head[4:])  # noqa: SLF001
            status = span._status  # noqa: SLF001
            message = status.description
            payload = encode_payload(
                (
                    *head,
                    self._redact(_plain(span)),
                    self._links(span),
                    end,
                    status.status_code._value_,
                    self._text(message) if message else "",
                    self._events(span),
                    _dropped(span),
                )
            )
            self._ended(head[1], payload, "bulk", (head[7], head[8]))
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("spans.end", error)

    def silence(self) -> None:
        """Write nothing from here on: a processor can't be taken off the application's provider."""
        self._silent = True

    def forget_open(self) -> None:
        """Drop the notes on open spans: in a forked child they belong to the parent."""
        self._open = {}

    def _own_start(self, stamp: int | None, mono: int) -> int:
        anchored = mono + self._clock.offset
        if stamp is None or -_OWN_STAMP_NS < stamp - anchored < _OWN_STAMP_NS:
            return anchored
        # Far from the anchor: the wall clock was set since, or the program gave the time itself.
        return anchored if 0 <= time.time_ns() - stamp < _OWN_STAMP_NS else stamp

    def _own_end(self, stamp: int | None, head: tuple[Any, ...], mono: int) -> int:
        start: int = head[9]
        measured = start + (mono - head[10])
        if stamp is None or -_OWN_STAMP_NS < stamp - measured < _OWN_STAMP_NS:
            return measured
        if 0 <= time.time_ns() - stamp < _OWN_STAMP_NS:
            return measured
        return max(stamp, start)

    def _head_of_stranger(self, span: ReadableSpan, mono: int) -> tuple[Any, ...] | None:
        context = span.context
        if not context.trace_flags & 1:
            return None
        start = span.start_time or self._clock.wall_at(mono)
        return (
            context.trace_id,
            context.span_id,
            span.parent.span_id if span.parent is not None else 0,
            self._name(span.name),
            span.kind.value,
            int(context.trace_flags),
            context.trace_state.to_header() if context.trace_state else "",
            self._contexts.of(get_current()),
            self._scopes.of(span.instrumentation_scope),
            start,
            mono - max(0, time.time_ns() - start),
        )

    def _links(self, span: ReadableSpan) -> tuple[Any, ...]:
        # The public properties copy an empty list each time; a LeanSpan would have to make one first.
        links = span.made_links() if type(span) is LeanSpan else span._links  # noqa: SLF001
        return tuple(self._link(link) for link in links) if links else ()

    def _link(self, link: Any) -> tuple[Any, ...]:
        context = link.context
        state = context.trace_state.to_header() if context.trace_state else ""
        return (context.trace_id, context.span_id, state, self._redact(link.attributes or {}))

    def _events(self, span: ReadableSpan) -> tuple[Any, ...]:
        events: Any = span.made_events() if type(span) is LeanSpan else span._events  # noqa: SLF001
        return (
            tuple(
                (self._name(event.name), event.timestamp, self._redact(event.attributes or {}))
                for event in events
            )
            if events
            else ()
        )


def _plain(span: ReadableSpan) -> Mapping[str, Any]:
    # Iterating BoundedAttributes takes its lock and copies, 2.4 us: the dict inside is what we copy anyway.
    attributes = span._attributes  # noqa: SLF001
    plain = getattr(attributes, "_dict", None)
    return plain if plain is not None else (attributes or {})


def _dropped(span: ReadableSpan) -> tuple[int, int, int] | None:
    if type(span) is LeanSpan and span.made_events() is None and span.made_links() is None:
        dropped = span._attributes.dropped  # type: ignore[union-attr]  # noqa: SLF001  # BoundedAttributes
        return (dropped, 0, 0) if dropped else None
    attributes, events, links = span.dropped_attributes, span.dropped_events, span.dropped_links
    return (attributes, events, links) if attributes or events or links else None
