"""Journal records as OTLP: the messages of opentelemetry-proto, joined to requests by their bytes.

Each item is serialized once, on its own (`Encoded`), so that a request can be cut in two, or sent again, with
the very same bytes and without building it again. `assemble` then joins items to a request: it groups them
by resource and scope, and writes nothing but the frames around finished messages. The three signals number
those fields alike, so one function serves all:

    request  { resource_* = 1 { resource = 1, scope_* = 2 { scope = 1, records = 2, schema_url = 3 } } }

Spans and logs get their production context and session written out here; their journal only has its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from clientobs.drain.otlp.attributes import AttributeBytes, any_value, framed, key_values, utf8
from clientobs.drain.otlp.encode_metrics import encode_metrics
from clientobs.journal.records import ContextRecord, LogRecord, MetricsRecord, SpanEvent, SpanLink, SpanRecord
from clientobs.semconv import LOG_RECORD_UID, SESSION_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clientobs.drain.batch import Item

__all__ = ["Encoded", "Encoder", "assemble"]

_SPAN_ATTRIBUTES: Final = trace_pb2.Span.ATTRIBUTES_FIELD_NUMBER
_LOG_ATTRIBUTES: Final = logs_pb2.LogRecord.ATTRIBUTES_FIELD_NUMBER
_MAX_KNOWN: Final = 512
_UINT64: Final = (1 << 64) - 1
_UINT32: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One item as bytes, or the reason why it can't be.

    resource  the framed Resource (and nothing else)
    parts     (framed scope and schema_url, framed record) pairs; a metrics record may have several
    size      bytes that this item adds to a request, counted generously
    """

    item: Item
    resource: bytes = b""
    parts: tuple[tuple[bytes, bytes], ...] = ()
    size: int = 0
    error: str = ""


class Encoder:
    """Turns items of one signal into bytes; keeps what repeats (resources, scopes, contexts) serialized."""

    def __init__(self) -> None:
        self._spans = AttributeBytes(_SPAN_ATTRIBUTES)
        self._logs = AttributeBytes(_LOG_ATTRIBUTES)
        self._resources: dict[str, tuple[Mapping[str, Any], bytes]] = {}
        # By id(): looking a context up by its content would cost as much as encoding it. The record is kept
        # beside its bytes, so that its id stays its own.
        self._scopes: dict[int, tuple[ContextRecord, bytes]] = {}
        self._shared: dict[int, tuple[ContextRecord, bytes]] = {}

    def encode(self, item: Item) -> Encoded:
        """Return the item as bytes. Never raises: what can't be encoded is said in `error`."""
        try:
            resource = self._resource(item)
            parts = self._parts(item)
        except Exception as error:  # noqa: BLE001  # any content: one odd record must not stop the others
            return Encoded(item=item, error=f"cannot be encoded: {type(error).__name__}: {error}"[:300])
        size = len(resource) + sum(len(scope) + len(body) for scope, body in parts) + 16
        return Encoded(item=item, resource=resource, parts=parts, size=size)

    def _parts(self, item: Item) -> tuple[tuple[bytes, bytes], ...]:
        record = item.record
        if isinstance(record, SpanRecord):
            return ((self._scope(item, record.scope), framed(2, self._span(item, record))),)
        if isinstance(record, LogRecord):
            return ((self._scope(item, record.scope), framed(2, self._log(item, record))),)
        if isinstance(record, MetricsRecord):
            return tuple(
                (self._scope(item, scope), framed(2, body)) for scope, body in encode_metrics(record)
            )
        raise TypeError(f"a {type(record).__name__} is no span, log or metric")

    def _resource(self, item: Item) -> bytes:
        header = item.header
        known = self._resources.get(header.run)
        if known is not None and (known[0] is header.resource or known[0] == header.resource):
            return known[1]
        made = framed(
            1, Resource(attributes=key_values(header.resource)).SerializeToString(deterministic=True)
        )
        _room(self._resources)[header.run] = (header.resource, made)
        return made

    def _scope(self, item: Item, number: object) -> bytes:
        context = item.contexts.get(number) if isinstance(number, int) else None
        if context is None:
            name = utf8(number) if isinstance(number, str) else ""
            return framed(1, InstrumentationScope(name=name).SerializeToString(deterministic=True))
        known = self._scopes.get(id(context))
        if known is not None:
            return known[1]
        values = context.values
        scope = InstrumentationScope(
            name=utf8(values.get("name") or ""),
            version=utf8(values.get("version") or ""),
            attributes=key_values(values.get("attributes") or {}),
        )
        made = framed(1, scope.SerializeToString(deterministic=True))
        if schema_url := values.get("schema_url"):
            made += framed(3, utf8(schema_url).encode())
        _room(self._scopes)[id(context)] = (context, made)
        return made

    def _span(self, item: Item, span: SpanRecord) -> bytes:
        if not span.trace_id or not span.span_id:
            raise ValueError("a span needs a trace id and a span id")
        events, links = span.events, span.links
        message = trace_pb2.Span(
            trace_id=_id(span.trace_id, 16),
            span_id=_id(span.span_id, 8),
            parent_span_id=_id(span.parent_id, 8),
            trace_state=utf8(span.trace_state or ""),
            flags=span.flags & _UINT32,
            name=utf8(span.name),
            kind=_SPAN_KINDS.get(span.kind, trace_pb2.Span.SPAN_KIND_INTERNAL),
            start_time_unix_nano=_time(span.start_ns),
            end_time_unix_nano=_time(span.end_ns or span.start_ns),
        )
        if events:
            message.events.extend([_event(event) for event in events])
        if links:
            message.links.extend([_link(link) for link in links])
        if any(span.dropped):
            (
                message.dropped_attributes_count,
                message.dropped_events_count,
                message.dropped_links_count,
            ) = (_count(number) for number in span.dropped)
        if span.status:
            message.status.code = _STATUS.get(span.status, trace_pb2.Status.STATUS_CODE_UNSET)
            if span.status_message:
                message.status.message = utf8(span.status_message)
        return bytes(message.SerializeToString(deterministic=True)) + self._attributes(
            self._spans, item, span.context, span.attributes
        )

    def _log(self, item: Item, log: LogRecord) -> bytes:
        message = logs_pb2.LogRecord(
            time_unix_nano=_time(log.time_ns),
            observed_time_unix_nano=_time(log.observed_ns or log.time_ns),
            severity_number=_severity(log.severity),
            severity_text=utf8(log.severity_text or ""),
            event_name=utf8(log.event_name or ""),
            trace_id=_id(log.trace_id, 16),
            span_id=_id(log.span_id, 8),
            flags=log.flags & _UINT32,
            dropped_attributes_count=_count(log.dropped),
        )
        if log.body is not None:
            message.body.CopyFrom(any_value(log.body))
        return (
            bytes(message.SerializeToString(deterministic=True))
            + self._attributes(self._logs, item, log.context, log.attributes)
            + self._logs.one(LOG_RECORD_UID, item.uid)
        )

    def _attributes(
        self, cache: AttributeBytes, item: Item, number: int, attributes: Mapping[str, Any]
    ) -> bytes:
        context = item.contexts.get(number)
        shared: Mapping[str, Any] = context.values if context is not None else {}
        if attributes.keys().isdisjoint(shared):
            joined = cache.join(attributes) + self._shared_bytes(cache, context)
        else:
            # What the record says of itself wins, and a key may stand only once.
            own = {key: value for key, value in shared.items() if key not in attributes}
            joined = cache.join(attributes) + cache.join(own)
        session = item.header.session
        if session and SESSION_ID not in shared and SESSION_ID not in attributes:
            joined += cache.join({SESSION_ID: session})
        return joined

    def _shared_bytes(self, cache: AttributeBytes, context: ContextRecord | None) -> bytes:
        if context is None:
            return b""
        known = self._shared.get(id(context))
        if known is None:
            known = _room(self._shared)[id(context)] = (context, cache.join(context.values))
        return known[1]


def assemble(items: Iterable[Encoded]) -> bytes:
    """Return the serialized request of these items; those that can't be encoded are left out.

    The same items in the same order always make the same bytes.
    """
    resources: dict[bytes, dict[bytes, list[bytes]]] = {}
    for item in items:
        for scope, body in item.parts:
            resources.setdefault(item.resource, {}).setdefault(scope, []).append(body)
    return b"".join(
        framed(
            1,
            resource + b"".join(framed(2, scope + b"".join(bodies)) for scope, bodies in scopes.items()),
        )
        for resource, scopes in resources.items()
    )


_SPAN_KINDS: Final = {
    0: trace_pb2.Span.SPAN_KIND_INTERNAL,
    1: trace_pb2.Span.SPAN_KIND_SERVER,
    2: trace_pb2.Span.SPAN_KIND_CLIENT,
    3: trace_pb2.Span.SPAN_KIND_PRODUCER,
    4: trace_pb2.Span.SPAN_KIND_CONSUMER,
}


_STATUS: Final = {1: trace_pb2.Status.STATUS_CODE_OK, 2: trace_pb2.Status.STATUS_CODE_ERROR}


def _event(event: SpanEvent) -> trace_pb2.Span.Event:
    return trace_pb2.Span.Event(
        name=utf8(event.name), time_unix_nano=_time(event.time_ns), attributes=key_values(event.attributes)
    )


def _link(link: SpanLink) -> trace_pb2.Span.Link:
    return trace_pb2.Span.Link(
        trace_id=_id(link.trace_id, 16),
        span_id=_id(link.span_id, 8),
        trace_state=utf8(link.trace_state or ""),
        attributes=key_values(link.attributes),
    )


def _id(value: int, size: int) -> bytes:
    """Return an id's bytes; no bytes at all for none, as OTLP wants it."""
    return value.to_bytes(size, "big") if value else b""


def _severity(number: int) -> logs_pb2.SeverityNumber.ValueType:
    known = number in logs_pb2.SeverityNumber.values()
    return cast("logs_pb2.SeverityNumber.ValueType", number if known else 0)


def _time(value: int) -> int:
    return min(max(int(value), 0), _UINT64)


def _count(value: int) -> int:
    return min(max(int(value), 0), _UINT32)


def _room(cache: dict[Any, Any]) -> dict[Any, Any]:
    if len(cache) >= _MAX_KNOWN:
        cache.clear()
    return cache
