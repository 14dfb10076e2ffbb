"""The tracer provider of clientobs: the SDK's own, with the parent that the environment names.

A process that a launcher or a submitter started finds its parent in TRACEPARENT. Context variables hold that
parent on one thread only, while a DCC runs tools on many: so it is looked up here, for each span that would
otherwise be a root, whoever starts it. A process that opens traces of its own instead (a farm task, an
interactive host) gives those roots a link.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import Tracer, _Span
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace.propagation import _SPAN_KEY

from clientobs import semconv
from clientobs._dataclass import dataclass
from clientobs.pipeline.forks import QuietTracerProvider
from clientobs.pipeline.lean import LeanFactory, left_out
from clientobs.pipeline.sampling import StormSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind
    from opentelemetry.util.types import Attributes

    from clientobs._clock import Clock

__all__ = ["JournalTracerProvider", "Origin"]

_RECORD_AND_SAMPLE: Final = Decision.RECORD_AND_SAMPLE


@dataclass(slots=True)
class Origin:
    """Where this process comes from: at most one of a parent to join and a span to link to.

    `why` says of the link whose span that is, for `clientobs.link.kind`. Both change while a task of a farm is open
    (`record/farm.py`).
    """

    parent: trace.SpanContext | None = None
    link: trace.SpanContext | None = None
    why: str = ""

    def context(self, current: Context) -> Context:
        """Return `current` with the parent in it, or itself where there is none to add."""
        if self.parent is None or current.get(_SPAN_KEY) is not None:
            return current
        return trace.set_span_in_context(trace.NonRecordingSpan(self.parent), current)

    def links(self, context: Context, links: Sequence[trace.Link] | None) -> Sequence[trace.Link]:
        """Return `links`, and for a root the link to where this process comes from."""
        if self.link is None or context.get(_SPAN_KEY) is not None:
            return links or ()
        return (*(links or ()), trace.Link(self.link, {semconv.LINK_KIND: self.why} if self.why else None))


class JournalTracer(Tracer):
    """The SDK's tracer; roots join or link to the process's origin, spans are lean where they fit."""

    origin: Origin
    lean: LeanFactory
    counts: Any
    """The SDK's metrics on itself; None unless OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED is set."""

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = trace.SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        """Start a span as the SDK does."""
        if context is None:
            context = get_current()
        origin = self.origin
        if origin.link is not None:
            links = origin.links(context, links)
        elif origin.parent is not None:
            context = origin.context(context)
        lean = self.lean
        if lean.fits and record_exception and set_status_on_exception and self._is_enabled():
            holder = context.get(_SPAN_KEY)
            parent = holder.get_span_context() if holder is not None else None  # type: ignore[attr-defined]
            if parent is not None and not parent.is_valid:
                parent = None
            sampler = self.sampler
            kept = sampler.keeps(parent, name) if type(sampler) is StormSampler else None
            if kept is not None:
                decision = _RECORD_AND_SAMPLE if kept else Decision.DROP
                after = None if self.counts is None else self.counts.start_span(parent, decision)
                if not kept:
                    return left_out(parent)
                return lean.start(name, parent, kind, attributes, links, start_time, context, after)
        return super().start_span(
            name,
            context,
            kind,
            attributes,
            links,
            start_time,
            record_exception,
            set_status_on_exception,
        )


class JournalTracerProvider(QuietTracerProvider):
    """The SDK's provider; its tracers know the process's origin."""

    def __init__(
        self, *, origin: Origin, clock: Clock, plain: Callable[[str, object], Any], **settings: Any
    ) -> None:
        super().__init__(shutdown_on_exit=False, **settings)
        self._origin = origin
        self._clock = clock
        self._plain = plain

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> trace.Tracer:
        """Return a tracer; the host's warning filters stay as they are (the SDK's call adds one)."""
        before = list(warnings.filters)
        tracer = super().get_tracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )
        _restore_filters(before)
        if type(tracer) is Tracer:
            tracer.__class__ = JournalTracer
            tracer.origin = self._origin  # type: ignore[attr-defined]  # it is a JournalTracer from here on
            tracer.counts = _self_metrics(tracer)  # type: ignore[attr-defined]
            tracer.lean = LeanFactory(  # type: ignore[attr-defined]
                tracer, _prototype(tracer), self._clock, self._plain
            )
        return tracer


def _restore_filters(before: list[Any]) -> None:
    # Not warnings.catch_warnings(): it swaps the whole list, and with it what other threads do meanwhile.
    first = warnings.filters[0] if warnings.filters else None
    if first is not None and first not in before and "InstrumentationScope" in str(first[1]):
        with contextlib.suppress(ValueError):
            warnings.filters.remove(first)  # type: ignore[attr-defined]  # a list, whatever the stub says


def _prototype(tracer: Tracer) -> Any:
    # A span that the SDK makes and nobody ever ends: no processor sees it, no id is drawn for it.
    return _Span(
        name="prototype",
        context=trace.INVALID_SPAN_CONTEXT,
        sampler=tracer.sampler,
        resource=tracer.resource,
        span_processor=tracer.span_processor,
        instrumentation_info=tracer.instrumentation_info,
        limits=tracer._span_limits,  # noqa: SLF001
        instrumentation_scope=tracer._instrumentation_scope,  # noqa: SLF001
    )


def _self_metrics(tracer: Tracer) -> Any:
    counts = getattr(tracer, "_tracer_metrics", None)
    return None if counts is None or type(counts).__name__ == "NoOpTracerMetrics" else counts
