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
from marshal import dumps
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.context import get_current
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from clientobs._guarded import faults
from clientobs.journal.format import MARSHAL_VERSION
from clientobs.pipeline.lean import LeanSpan
from clientobs.pipeline.recorded import describe_nothing, watch_record_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.context import Context

    from clientobs._clock import Clock
    from clientobs._loss import LossLedger
    from clientobs.pipeline.context import ContextNumbers
    from clientobs.pipeline.recent import Recent
    from clientobs.pipeline.recorded import Describe
    from clientobs.pipeline.scopes import ScopeNumbers

__all__ = ["JournalSpanProcessor", "Redacts", "SpanSink"]

_ERROR: Final = 2  # StatusCode.ERROR
_OWN_STAMP_NS: Final = 1_000_000
_ROOM: Final = 300_000
"""Bytes that a span's events may take, and as many its links."""
_WRITTEN: Final = ()


class SpanSink(Protocol):
    """What the journal does for spans."""

    def span_started(self, key: int, payload: bytes, contexts: tuple[int, ...]) -> bool:
        """Append a started span, and again in each new segment until it ends."""

    def span_ended(self, key: int, payload: bytes, lane: str, contexts: tuple[int, ...]) -> bool:
        """Append an ended span."""


class Redacts(Protocol):
    """What privacy does for records."""

    def attributes(self, attributes: Mapping[str, Any], limit: int | None = None) -> dict[str, Any]:
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
        recent: Recent,
        describe: Describe = describe_nothing,
        *,
        loss: LossLedger,
    ) -> None:
        self._loss = loss
        self.describe = describe
        self._done = recent.ended
        self._started: Callable[[int, bytes, tuple[int, ...]], bool] = sink.span_started
        self._ended: Callable[[int, bytes, str, tuple[int, ...]], bool] = sink.span_ended
        self._redact = redactor.attributes
        self._name = redactor.name
        self._text = redactor.text
        self._clock = clock
        self._number_in = contexts.of
        self._scope_of = scopes.of
        # By span id: what the end needs of the start. Entries leave with their span.
        self._open: dict[int, tuple[Any, ...]] = {}
        self._silent = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Write the span as open."""
        if self._silent:
            return
        try:
            if type(span) is LeanSpan:
                self._start_lean(span, parent_context)
            elif span.context.trace_flags & 1:
                mono = self._clock.mono()
                watch_record_exception(span, self.describe)
                head = self._head(span, parent_context, self._own_start(span.start_time, mono), mono)
                self._open[head[1]] = head
                self._write_start(head, self._redact(span.attributes or {}), self._links(span.links))
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("spans.start", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Write the span as ended; it survives the death of the process from here on."""
        if self._silent:
            return
        try:
            if type(span) is LeanSpan:
                self._end_lean(span)
                span.head = _WRITTEN  # whoever was interrupted in here and tries again writes it once
                return
            mono = self._clock.mono()
            head = self._open.pop(span.context.span_id, None) or self._head_of_stranger(span, mono)
            if head is not None:
                self._write_end(
                    span,
                    head,
                    self._redact(span.attributes or {}),
                    self._own_end(span.end_time, head, mono),
                )
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("spans.end", error)

    # A LeanSpan's fields are read without its properties: each costs a call, and this is every span's way.

    def _start_lean(self, span: LeanSpan, context: Context | None) -> None:
        fields = span.__dict__
        trace_id, span_id, _, flags, state, _ = fields["_context"]
        parent = fields["_parent"]
        number = self._number_in(get_current() if context is None else context)
        scope = self._scope_of(fields["_instrumentation_scope"])
        links = self._links(fields["links_made"]) if "links_made" in fields else ()
        clean = fields["clean"] = self._redact(fields["_attributes"]._dict)
        head = fields["head"] = (
            trace_id,
            span_id,
            0 if parent is None else parent[1],
            self._name(fields["_name"]),
            fields["_kind"]._value_,
            int(flags),
            state.to_header() if state else "",
            number,
            scope,
            fields["_start_time"],
            fields["start_mono"],
        )
        self._started(span_id, dumps((*head, clean, _newest(links)), MARSHAL_VERSION), (number, scope))

    def _end_lean(self, span: LeanSpan) -> None:
        fields = span.__dict__
        head = fields["head"]
        if not head:
            if head is _WRITTEN:
                return
            # What has failed at its start need not fail again.
            head = self._head(span, None, fields["_start_time"], fields["start_mono"])
        clean = fields.get("clean")
        if clean is None:
            clean = self._redact(fields["_attributes"]._dict)
        elif "late" in fields:
            clean = {**clean, **self._redact(fields["late"])}
        status = fields["_status"]
        if "events_made" in fields or "links_made" in fields or status.description or span._name != head[3]:
            self._write_end(span, head, clean, fields["_end_time"])
            return
        dropped = fields["_attributes"].dropped
        if dropped:
            self._loss.add("attributes", dropped)
        payload = dumps(
            (
                *head,
                clean,
                (),
                fields["_end_time"],
                status.status_code._value_,
                "",
                (),
                (dropped, 0, 0) if dropped else None,
            ),
            MARSHAL_VERSION,
        )
        self._ended(head[1], payload, "bulk", (head[7], head[8]))
        parent = fields["_parent"]
        if parent is None or parent[2]:  # is_remote: another process's
            failed = status.status_code._value_ == _ERROR
            self._done(head[0], head[3], fields["_end_time"], failed=failed)

    # Every other span of the SDK: of the application's own provider, or of an unknown release.

    def _head(self, span: Any, context: Context | None, start: int, mono: int) -> tuple[Any, ...]:
        own = span.context
        return (
            own.trace_id,
            own.span_id,
            span.parent.span_id if span.parent is not None else 0,
            self._name(span.name),
            span.kind.value,
            int(own.trace_flags),
            own.trace_state.to_header() if own.trace_state else "",
            self._number_in(get_current() if context is None else context),
            self._scope_of(span.instrumentation_scope),
            start,
            mono,
        )

    def _head_of_stranger(self, span: ReadableSpan, mono: int) -> tuple[Any, ...] | None:
        """Return the head of a span that started before this processor was there, None if not sampled."""
        if not span.context.trace_flags & 1:
            return None
        start = span.start_time or self._clock.wall_at(mono)
        return self._head(span, None, start, mono - max(0, time.time_ns() - start))

    def _write_start(self, head: tuple[Any, ...], clean: dict[str, Any], links: tuple[Any, ...]) -> None:
        payload = dumps((*head, clean, _newest(links)), MARSHAL_VERSION)
        self._started(head[1], payload, (head[7], head[8]))

    def _write_end(self, span: ReadableSpan, head: tuple[Any, ...], clean: dict[str, Any], end: int) -> None:
        if span.name != head[3]:  # update_name(), or a redacted one
            head = (*head[:3], self._name(span.name), *head[4:])
        status = span.status
        message = self._text(status.description) if status.description else ""
        events = tuple(
            (self._name(event.name), event.timestamp, self._redact(event.attributes or {}))
            for event in span.events
        )
        links = self._links(span.links)
        kept_events, kept_links = _newest(events), _newest(links)
        dropped = (
            span.dropped_attributes,
            span.dropped_events + len(events) - len(kept_events),
            span.dropped_links + len(links) - len(kept_links),
        )
        if span.dropped_attributes:
            self._loss.add("attributes", span.dropped_attributes)
        payload = dumps(
            (
                *head,
                clean,
                kept_links,
                end,
                status.status_code.value,
                message,
                kept_events,
                dropped if any(dropped) else None,
            ),
            MARSHAL_VERSION,
        )
        self._ended(head[1], payload, "bulk", (head[7], head[8]))
        if span.parent is None or span.parent.is_remote:
            self._done(head[0], head[3], end, failed=status.status_code.value == _ERROR)

    def _links(self, links: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(
            (
                link.context.trace_id,
                link.context.span_id,
                link.context.trace_state.to_header() if link.context.trace_state else "",
                self._redact(link.attributes or {}),
            )
            for link in links
        )

    def silence(self) -> None:
        """Write nothing from here on: a processor can't be taken off the application's provider."""
        self._silent = True

    def forget_open(self) -> None:
        """Drop the notes on open spans: in a forked child they belong to the parent."""
        self._open = {}

    def _own_start(self, stamp: int | None, mono: int) -> int:
        anchored: int = mono + self._clock.offset
        if stamp is None or -_OWN_STAMP_NS < stamp - anchored < _OWN_STAMP_NS:
            return anchored
        # Far from the anchor: the wall clock was set since, or the program gave the time itself.
        return anchored if 0 <= time.time_ns() - stamp < _OWN_STAMP_NS else stamp

    def _own_end(self, stamp: int | None, head: tuple[Any, ...], mono: int) -> int:
        start: int = head[9]
        measured: int = start + (mono - head[10])
        if stamp is None or -_OWN_STAMP_NS < stamp - measured < _OWN_STAMP_NS:
            return measured
        if 0 <= time.time_ns() - stamp < _OWN_STAMP_NS:
            return measured
        return max(stamp, start)


def _newest(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return as many of a span's events or links, from the newest back, as a record has room for.

    A record is bounded to 1 MiB and attributes to a quarter of that; 128 events of the largest size that each may
    have would lose the whole span.
    """
    if len(parts) <= 1:
        return parts
    room = _ROOM
    for place in range(len(parts) - 1, -1, -1):
        room -= len(dumps(parts[place], MARSHAL_VERSION))
        if room < 0:
            return parts[place + 1 :]
    return parts
