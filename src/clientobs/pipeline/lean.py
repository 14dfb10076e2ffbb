"""The SDK's span, made without the SDK's detours.

`Tracer.start_span` and `Span.end` take most of a bare SDK span's time: limits looked up, values checked
three times, two empty bounded lists, a copy of the whole span for processors that keep it. Ours keeps none.
A `LeanSpan` is an SDK `Span` in every respect (type, methods, limits); only its making and its end are short.
The SDK makes one prototype span per tracer, whose fields are copied for each span. What is costly and mostly
unused (events, links) is made when it is asked for.

This leans on field names that the SDK does not promise. So each tracer compares them with those known here, and
`LeanFactory.fits` is False when they differ: then spans are made by the SDK, slower and just as right. A test
holds that it fits the lowest and the newest release that pyproject.toml declares.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, Span
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import DEFAULT_TRACE_STATE, SpanContext, TraceFlags, TraceState

from clientobs import semconv
from clientobs._guarded import quiet
from clientobs._ids import ids
from clientobs.pipeline.older_sdks import SPANS_TAKE_ANY_VALUE, AnyAttributes
from clientobs.pipeline.recorded import describe_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Tracer
    from opentelemetry.trace import Link, SpanKind

    from clientobs._clock import Clock

__all__ = ["LeanFactory", "LeanSpan"]

# fmt: off
_PER_SPAN: Final = frozenset({
    "_name", "_context", "_parent", "_kind", "_start_time", "_end_time", "_status", "_attributes", "_events",
    "_links", "_lock",
})
_SHARED: Final = frozenset({
    "_resource", "_instrumentation_info", "_instrumentation_scope", "_sampler", "_trace_config",
    "_record_exception", "_set_status_on_exception", "_span_processor", "_limits",
})
# fmt: on
_SINCE_1_41: Final = frozenset({"_record_end_metrics"})
_ATTRIBUTES: Final = frozenset(["_dict", "maxlen", "dropped", "max_value_len", "_lock", "_immutable"])
_ATTRIBUTES_UNTIL_1_44: Final = frozenset({"_extended_attributes"})
_SIMPLE: Final = frozenset({str, int, float, bool})
_Attributes: Final = BoundedAttributes if SPANS_TAKE_ANY_VALUE else AnyAttributes

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
# Our ids are random in all bits; releases before W3C trace context level 2 have no flag for that.
_RANDOM: Final = getattr(TraceFlags, "RANDOM_TRACE_ID", 0)
_ROOT: Final = TraceFlags(_SAMPLED | _RANDOM)
_EXAMPLE: Final = SpanContext(1, 2, False, _SAMPLED, DEFAULT_TRACE_STATE)
_CONTEXT_IS_A_TUPLE: Final = isinstance(_EXAMPLE, tuple) and tuple(_EXAMPLE) == (
    1,
    2,
    False,
    _SAMPLED,
    DEFAULT_TRACE_STATE,
    True,
)

_new = object.__new__  # __init__ is what this module is there to avoid
_new_tuple = tuple.__new__
# Not Lock, as the SDK: a signal handler or a __del__ that sets an attribute of the span that is being changed on
# this very thread would wait for itself, and the host with it.
_new_lock = threading.RLock


class LeanSpan(Span):
    """An SDK span whose lists of events and links are made at first use, and whose clock is the run's.

    `plain` makes a host's value one that the SDK can take: the SDK itself follows cycles until the stack ends,
    iterates a `range(10**12)`, and lets what `__str__` raises through to the host. `start_mono` is the start on
    the run's clock; `head` and `clean` belong to the processor that writes the span down: its first fields, and its
    attributes at the start as long as nobody touched them.
    """

    clock: Clock
    plain: Callable[[str, object], Any]
    start_mono: int
    head: tuple[Any, ...] | None
    clean: dict[str, Any] | None

    @property
    def _events(self) -> Any:
        events = self.__dict__.get("events_made")
        if events is None:
            events = self.__dict__["events_made"] = _bounded_list(self._limits.max_events)
        return events

    @_events.setter
    def _events(self, events: Any) -> None:
        self.__dict__["events_made"] = events

    @property
    def _links(self) -> Any:
        links = self.__dict__.get("links_made")
        if links is None:
            links = self.__dict__["links_made"] = _bounded_list(self._limits.max_links)
        return links

    @_links.setter
    def _links(self, links: Any) -> None:
        self.__dict__["links_made"] = links

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute; a value of an odd type is made plain, as all attributes are in the end."""
        self.set_attributes(
            {key: value}
        )  # the way of old releases; theirs the other way round would never end

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes, each as `set_attribute` does."""
        self.clean = None
        with quiet("spans.set_attributes"):
            super().set_attributes(
                {
                    key: value if type(value) in _SIMPLE else self.plain(key, value)
                    for key, value in attributes.items()
                }
            )

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        """Add an event, with attributes as `set_attribute` takes them."""
        with quiet("spans.add_event"):
            if attributes and not _all_simple(attributes):
                attributes = {key: self.plain(key, value) for key, value in attributes.items()}
                if not SPANS_TAKE_ANY_VALUE:
                    limits = self._limits
                    bounded = AnyAttributes(
                        limits.max_event_attributes, attributes, max_value_len=limits.max_attribute_length
                    )
                    self._add_event(Event(name, bounded, timestamp))
                    return
            super().add_event(name, attributes, timestamp)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add the event `exception` as the SDK does, with a fingerprint; no source is read from a NAS for it."""
        with quiet("spans.record_exception"):
            many: Any = self._span_processor
            told: dict[str, Any] = {}
            for processor in many._span_processors:
                told = told or getattr(processor, "describe", describe_nothing)(exception)
            if told:
                told[semconv.EXCEPTION_ESCAPED] = str(escaped)
                self.add_event(semconv.EXCEPTION, {**told, **(attributes or {})}, timestamp)

    def end_with(self, attributes: dict[str, Any], end_time: int) -> None:
        """Set the last attributes and end, as `set_attributes` and `end` do, and half as long.

        For what is told of an operation when it is over: what was redacted at the start is not looked at again.
        """
        bounded: Any = self._attributes
        known = bounded._dict
        room = len(known) + len(attributes)
        quick = self.clean is not None and bounded.max_value_len is None and _all_simple(attributes)
        if not quick or (bounded.maxlen is not None and room > bounded.maxlen):
            self.set_attributes(attributes)
        else:
            with self._lock:
                if self._end_time is None:
                    known.update(attributes)
                    self.__dict__["late"] = attributes
        self.end(end_time)

    def end(self, end_time: int | None = None) -> None:
        """End the span; a single processor gets the span itself instead of a copy."""
        many: Any = self._span_processor
        processors = many._span_processors  # fits has checked
        if end_time is None:
            began: Any = self._start_time
            end_time = began + self.clock.mono() - self.start_mono
        if len(processors) != 1 or self._end_time is not None:
            super().end(end_time)
            return
        processor = processors[0]
        try:
            with self._lock:
                if self._end_time is not None:  # another thread ended it between the two looks
                    return
                self._end_time = end_time
                self._attributes._immutable = True  # type: ignore[union-attr]
            after = self.__dict__.get("_record_end_metrics")
            if after is not None:
                after()
            processor._on_ending(self)
            processor.on_end(self)
        except BaseException:  # Ctrl-C at this very moment: what has an end is written all the same
            if self._end_time is not None:
                processor.on_end(self)
            raise


class LeanFactory:
    """Makes the spans of one tracer."""

    __slots__ = ("_attribute_fields", "_clock", "_fields", "_plain", "_processor", "_room", "fits")

    def __init__(
        self, tracer: Tracer, prototype: Span, clock: Clock, plain: Callable[[str, object], Any]
    ) -> None:
        fields, attributes = vars(prototype), getattr(prototype, "_attributes", None)
        known = set(fields) - _SINCE_1_41 == _PER_SPAN | _SHARED
        bounded = type(attributes) is BoundedAttributes
        inner = set(vars(attributes)) if bounded else set()
        many = isinstance(getattr(tracer.span_processor, "_span_processors", None), tuple)
        same = inner - _ATTRIBUTES_UNTIL_1_44 == _ATTRIBUTES
        self.fits = known and same and many and _CONTEXT_IS_A_TUPLE
        if not self.fits:
            return
        self._fields = {name: value for name, value in fields.items() if name not in _PER_SPAN}
        self._fields.update(_end_time=None, _status=prototype.status, clock=clock, plain=plain, head=None)
        self._plain = plain
        self._clock = clock
        self._attribute_fields = dict(vars(attributes))
        self._attribute_fields.update(dropped=0, _immutable=False)
        self._room = self._limit(attributes)
        self._processor: Any = tracer.span_processor

    @staticmethod
    def _limit(attributes: Any) -> int:
        # With a limit on value lengths every value has to be looked at: that is the SDK's own path.
        if attributes.max_value_len is not None:
            return -1
        return 1 << 30 if attributes.maxlen is None else int(attributes.maxlen)

    def start(
        self,
        name: str,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Mapping[str, Any] | None,
        links: Sequence[Link] | None,
        start_time: int | None,
        within: Context,
        after: Any,
    ) -> LeanSpan:
        """Make a sampled span under `parent` and hand it to the processors as started."""
        span: LeanSpan = _new(LeanSpan)
        fields = span.__dict__
        fields.update(self._fields)
        fields["_name"] = name
        fields["_context"] = _context_below(parent)
        fields["_parent"] = parent
        fields["_kind"] = kind
        fields["_lock"] = _new_lock()
        fields["_attributes"] = self._bounded(attributes)
        if after is not None:
            fields["_record_end_metrics"] = after
        if links:
            fields["links_made"] = span._new_links(links)
        clock = self._clock
        mono = fields["start_mono"] = clock.mono()
        fields["_start_time"] = mono + clock.offset if start_time is None else start_time
        try:
            for processor in self._processor._span_processors:  # fits has checked
                processor.on_start(span, within)
            return span
        except BaseException:  # Ctrl-C at this very moment: nobody else will ever hold this span to end it
            span.end()
            raise

    def _bounded(self, attributes: Mapping[str, Any] | None) -> BoundedAttributes:
        bounded: BoundedAttributes = _new(_Attributes)
        fields = bounded.__dict__
        fields.update(self._attribute_fields)
        fields["_lock"] = _new_lock()
        if not attributes:
            fields["_dict"] = {}
        elif len(attributes) <= self._room and _all_simple(attributes):
            fields["_dict"] = dict(attributes)
        else:
            fields["_dict"] = {}
            for key, value in attributes.items():
                with quiet("spans.attributes"):  # the SDK bounds and counts
                    bounded[key] = value if type(value) in _SIMPLE else self._plain(key, value)
        return bounded


def _bounded_list(limit: int | None) -> Any:
    made: Any = BoundedList(limit)
    made._lock = _new_lock()
    return made


def _context_below(parent: SpanContext | None) -> SpanContext:
    # SpanContext's own constructor checks ranges that our generator keeps.
    if parent is None:
        fields = (ids.trace_id(), ids.span_id(), False, _ROOT, DEFAULT_TRACE_STATE, True)
        return _new_tuple(SpanContext, fields)
    flags: TraceFlags = parent.trace_flags
    if flags != _ROOT and flags != _SAMPLED:  # noqa: PLR1714  # a set would hash them
        flags = TraceFlags(_SAMPLED | (flags & _RANDOM))
    state: TraceState = parent.trace_state
    return _new_tuple(SpanContext, (parent.trace_id, ids.span_id(), False, flags, state, True))


def _all_simple(attributes: Mapping[str, Any]) -> bool:
    for key, value in attributes.items():
        kind = type(value)
        if kind not in _SIMPLE and (kind is not tuple or not all(type(part) is str for part in value)):
            return False
        if type(key) is not str or not key:
            return False
    return True
