"""The pipeline of one run: the three providers over the journal, and the tracer, logger and meter of ours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.metrics import NoOpMeter, NoOpMeterProvider
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from clientobs._version import __version__
from clientobs.pipeline.context import ContextNumbers, Tool
from clientobs.pipeline.forks import QuietLoggerProvider
from clientobs.pipeline.ids import PrivateIdGenerator
from clientobs.pipeline.lines import Lines
from clientobs.pipeline.logs import JournalLogProcessor
from clientobs.pipeline.metrics import LazyMeterProvider, MetricsSink
from clientobs.pipeline.older_sdks import LOGGERS_TAKE_LIMITS, FixedLimits, LimitedLoggerProvider
from clientobs.pipeline.providers import SLOTS, GlobalProvider
from clientobs.pipeline.recent import Recent
from clientobs.pipeline.recorded import describe_nothing
from clientobs.pipeline.sampling import NameBudget, StormSampler, configured_sampler
from clientobs.pipeline.scopes import ScopeNumbers
from clientobs.pipeline.spans import JournalSpanProcessor, Redacts
from clientobs.pipeline.storms import Storms
from clientobs.pipeline.tracer import JournalTracerProvider, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs._clock import Clock
    from clientobs._loss import LossLedger
    from clientobs.config.model import Config, LimitsConfig
    from clientobs.pipeline.recorded import Describe

__all__ = ["Pipeline", "Voice"]

_SCOPE: Final = "clientobs"
_OWN_SCOPE: Final = InstrumentationScope(_SCOPE, __version__)


class Voice:
    """The tracer, logger and meter that clientobs itself records with, of the providers of now."""

    __slots__ = ("_meter", "_meters", "lines", "logger", "tracer")

    def __init__(
        self, traces: GlobalProvider, logs: GlobalProvider, meters: LazyMeterProvider, lines: Lines
    ) -> None:
        self.lines = lines
        """What the program itself logs: see pipeline/lines.py."""
        self._meters = meters
        self._meter: Any = None
        self._hear_traces(traces.current)
        self._hear_logs(logs.current)
        traces.on_change = self._hear_traces
        logs.on_change = self._hear_logs

    def _hear_traces(self, provider: Any) -> None:
        self.tracer: Any = provider.get_tracer(_SCOPE, __version__)

    def _hear_logs(self, provider: Any) -> None:
        self.logger: Any = provider.get_logger(_SCOPE, __version__)
        self.lines.go_through(provider)

    def meter(self) -> Any:
        """Return the meter; the first call imports the SDK's metrics."""
        if self._meter is None:
            meter = self._meters.get_meter(_SCOPE, __version__)
            if type(meter) is NoOpMeter:
                return meter  # for this one measurement, see LazyMeterProvider
            # Kept: the SDK takes a lock for each look-up, and half of a microsecond.
            self._meter = meter
        return self._meter


class Pipeline:
    """Built once a run; `place()` makes its providers the global ones, `release()` takes them out again."""

    def __init__(
        self,
        config: Config,
        *,
        journal: Any,
        redactor: Redacts,
        clock: Clock,
        loss: LossLedger,
        tool: Tool,
        resource: dict[str, Any],
        describe: Describe = describe_nothing,
    ) -> None:
        self.contexts = ContextNumbers(journal.context_number, tool)
        self.origin = Origin()
        self.recent = Recent()
        scopes = ScopeNumbers(journal.context_number)
        journal.watch_contexts(_all_of(self.contexts.forget, scopes.forget))
        described = Resource(resource)
        self._spans = JournalSpanProcessor(
            journal, redactor, clock, self.contexts, scopes, self.recent, describe, loss=loss
        )
        self._storms, self._event_storms = Storms("spans"), Storms("events")
        self._logs = JournalLogProcessor(
            journal.append,
            redactor,
            clock,
            self.contexts,
            scopes,
            config.limits.body_length,
            self.recent,
            budget=NameBudget(config.limits.storm_per_minute),
            loss=loss,
            storms=self._event_storms,
        )
        self._now = clock.now
        self._sink = MetricsSink(journal.append, redactor, clock.now, scopes)
        self._started = clock.now()
        self._counted_since: dict[str, int] = {}
        self._meters = LazyMeterProvider(self._sink, described, loss)
        traces = self._tracer_provider(config, clock, loss, described, redactor)
        traces.add_span_processor(self._spans)
        logs = _logger_provider(config.limits, described)
        logs.add_log_record_processor(self._logs)
        self._global_traces = GlobalProvider(SLOTS["traces"], traces, self._spans)
        self._global_logs = GlobalProvider(SLOTS["logs"], logs, self._logs)
        self._global_metrics = GlobalProvider(SLOTS["metrics"], self._meters, None)
        lines = Lines(
            logs, self._logs, _or_unset(config.limits.log_attribute_count, config.limits.attribute_count)
        )
        self.voice = Voice(self._global_traces, self._global_logs, self._meters, lines)

    def _tracer_provider(
        self, config: Config, clock: Clock, loss: LossLedger, described: Resource, redactor: Redacts
    ) -> JournalTracerProvider:
        budget = NameBudget(config.limits.storm_per_minute)
        return JournalTracerProvider(
            origin=self.origin,
            clock=clock,
            plain=redactor.value,
            resource=described,
            sampler=StormSampler(configured_sampler(config.traces), budget, loss, self._storms),
            id_generator=PrivateIdGenerator(),
            span_limits=_span_limits(config.limits),
            **_no_self_metrics(TracerProvider),
        )

    def place(self) -> None:
        """Set, join or honour the global providers."""
        for provider in (self._global_traces, self._global_logs, self._global_metrics):
            provider.place()

    def release(self) -> None:
        """Take ours out of the globals and silence the processors that joined others."""
        for provider in (self._global_traces, self._global_logs, self._global_metrics):
            provider.release()
        self._spans.silence()
        self._logs.silence()

    def collect_metrics(self) -> None:
        """Write the metric deltas since the last collection."""
        self._meters.collect()
        self.tell_storms(all_of_them=False)

    def tell_storms(self, *, all_of_them: bool = True) -> None:
        """Say which spans and events came too fast to be recorded."""
        for storms in (self._storms, self._event_storms):
            storms.tell(self.voice.logger, all_of_them=all_of_them)

    def add_distribution(self, name: str, *counted: Any) -> None:
        """Write histograms that their owner counted since the last time; see MetricsSink."""
        self._sink.add_distribution(_OWN_SCOPE, self._since(name), name, *counted)

    def add_sum(self, name: str, *counted: Any) -> None:
        """Write a counter's increments that their owner added up since the last time; see MetricsSink."""
        self._sink.add_sum(_OWN_SCOPE, self._since(name), name, *counted)

    def _since(self, name: str) -> int:
        since = self._counted_since.get(name, self._started)
        self._counted_since[name] = self._now()
        return since

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent."""
        self._spans.forget_open()
        self._storms.after_fork_in_child()
        self._event_storms.after_fork_in_child()
        self._meters.after_fork_in_child()


def _all_of(*calls: Callable[[], None]) -> Callable[[], None]:
    def call_all() -> None:
        for call in calls:
            call()

    return call_all


def _no_self_metrics(provider: type) -> dict[str, Any]:
    # The SDK's metrics on itself: off by default from 1.44 on, always made before. Made, they load the SDK's
    # metrics into every host and cost each span two additions.
    if os.environ.get("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "").strip().lower() == "true":
        return {}
    takes_one = "meter_provider" in provider.__init__.__code__.co_varnames  # type: ignore[misc]  # a function
    return {"meter_provider": NoOpMeterProvider()} if takes_one else {}


def _span_limits(limits: LimitsConfig) -> SpanLimits:
    # Each is given: what is not, the SDK reads from the environment once more, and raises for what isn't valid.
    length = _or_unset(limits.attribute_value_length, SpanLimits.UNSET)
    return SpanLimits(
        max_attributes=limits.attribute_count,
        max_span_attributes=_or_unset(limits.span_attribute_count, limits.attribute_count),
        max_attribute_length=length,
        max_span_attribute_length=_or_unset(limits.span_attribute_value_length, length),
        max_events=limits.span_event_count,
        max_links=limits.span_link_count,
        max_event_attributes=limits.event_attribute_count,
        max_link_attributes=limits.link_attribute_count,
    )


def _logger_provider(limits: LimitsConfig, described: Resource) -> LoggerProvider:
    settings = {"resource": described, "shutdown_on_exit": False, **_no_self_metrics(LoggerProvider)}
    if not LOGGERS_TAKE_LIMITS:
        return LimitedLoggerProvider(limits=FixedLimits(limits), own=_SCOPE, **settings)
    length = _or_unset(limits.attribute_value_length, LogRecordLimits.UNSET)
    limited = LogRecordLimits(
        max_attributes=limits.attribute_count,
        max_attribute_length=length,
        max_log_record_attributes=_or_unset(limits.log_attribute_count, limits.attribute_count),
        max_log_record_attribute_length=_or_unset(limits.log_attribute_value_length, length),
    )
    return QuietLoggerProvider(log_record_limits=limited, **settings)


def _or_unset(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
