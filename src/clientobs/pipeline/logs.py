"""The log record processor that ends in the journal.

Events that a person must find (see `semconv.VITAL_EVENTS`) go into the vital lane, which a weekend's storm in
the bulk lane cannot push out. All others are thinned by name, as spans are (sampling.py): a loop that tells a
million times of one thing would fill the bulk lane and push out all else that was recorded. Lines of `logging` are
thinned by line of code before they come here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.journal.format import Kind, Lane, encode_payload

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext

    from clientobs._clock import Clock
    from clientobs._loss import LossLedger
    from clientobs.pipeline.context import ContextNumbers
    from clientobs.pipeline.recent import Recent
    from clientobs.pipeline.sampling import NameBudget
    from clientobs.pipeline.scopes import ScopeNumbers
    from clientobs.pipeline.spans import Redacts
    from clientobs.pipeline.storms import Storms

__all__ = ["JournalLogProcessor"]

Append = Callable[[int, bytes, Lane, tuple[int, ...]], bool]


class JournalLogProcessor(LogRecordProcessor):
    """Write each log record or event; the tuple is that of `journal.records.LogRecord`."""

    def __init__(
        self,
        append: Append,
        redactor: Redacts,
        clock: Clock,
        contexts: ContextNumbers,
        scopes: ScopeNumbers,
        body_length: int,
        recent: Recent,
        *,
        budget: NameBudget,
        loss: LossLedger,
        storms: Storms,
    ) -> None:
        self._append = append
        self._redactor = redactor
        self._clock = clock
        self._contexts = contexts
        self._scopes = scopes
        self._body_length = body_length
        self._recent = recent
        self._allows = budget.allows
        self._loss = loss
        self._storms = storms
        self._silent = False

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Write one record; it survives the death of the process from here on."""
        if self._silent:
            return
        try:
            record = log_record.log_record
            if self._is_too_fast(record.event_name, log_record.instrumentation_scope):
                return
            context = get_current() if record.context is None else record.context
            self._append_record(
                record.timestamp,
                record.severity_number.value if record.severity_number is not None else 0,
                record.severity_text or "",
                self._body(record.body),
                record.event_name or "",
                self._redactor.attributes(record.attributes or {}),
                (record.trace_id or 0, record.span_id or 0, int(record.trace_flags or 0)),
                (self._contexts.of(context), self._scopes.of(log_record.instrumentation_scope)),
                log_record.dropped_attributes,
            )
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("logs.emit", error)

    def _is_too_fast(self, event: str | None, scope: InstrumentationScope | None) -> bool:
        """Say whether a record is left out because its event, or else its logger, is too fast; count it if so."""
        if event in semconv.VITAL_EVENTS:
            return False
        name = event or (scope.name if scope is not None else "")
        if self._allows(name):
            return False
        self._loss.add("storm")
        self._storms.add(self._redactor.name(name))
        return True

    def write(
        self,
        *,
        timestamp: int | None,
        severity: int,
        severity_text: str,
        body: str,
        name: str,
        attributes: dict[str, Any],
        limit: int,
        span: SpanContext,
        context: Context,
        scope: InstrumentationScope,
    ) -> None:
        """Write one line that comes the short way (pipeline/lines.py): what the SDK would do is done here."""
        if self._silent:
            return
        try:
            self._append_record(
                timestamp,
                severity,
                severity_text,
                self._redactor.text(body, self._body_length) if body else body,
                name,
                self._redactor.attributes(attributes, limit),
                (span.trace_id, span.span_id, int(span.trace_flags)),
                (self._contexts.of(context), self._scopes.of(scope)),
                0,
            )
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("logs.write", error)

    def _append_record(
        self,
        timestamp: int | None,
        severity: int,
        severity_text: str,
        body: Any,
        name: str,
        attributes: dict[str, Any],
        span: tuple[int, int, int],
        numbers: tuple[int, int],
        dropped: int,
    ) -> None:
        now = self._clock.now()
        payload = encode_payload(
            (
                timestamp or now,
                now,
                severity,
                severity_text,
                body,
                self._redactor.name(name) if name else "",
                attributes,
                *span,
                *numbers,
                dropped,
            )
        )
        lane: Lane = "vital" if name in semconv.VITAL_EVENTS else "bulk"
        if self._append(Kind.LOG, payload, lane, numbers):
            self._recent.log(timestamp or now, severity, severity_text, body, name, attributes, span[0])

    def _body(self, body: Any) -> Any:
        if body is None or type(body) is str:
            return self._redactor.text(body, self._body_length) if body else body
        return self._redactor.value("body", body)

    def emit(self, log_data: Any) -> None:
        """Take a record under the name that the method had before 1.39."""
        self.on_emit(log_data)

    def silence(self) -> None:
        """Write nothing from here on: a processor can't be taken off the application's provider."""
        self._silent = True

    def shutdown(self) -> None:
        """Do nothing: the journal belongs to the runtime."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Return True: what `on_emit` took is written."""
        del timeout_millis
        return True
