"""The short way of a program's log lines: to the journal, without the SDK's detour where nobody else listens.

The SDK makes three objects of a log record and checks each attribute before a processor sees it: as much work again
as all that we do. Where the provider is ours and its one processor is the journal's, a line goes there at once. An
application that has a provider of its own, or has added a processor to ours, gets what the SDK would give it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from clientobs.pipeline.logs import JournalLogProcessor

__all__ = ["Lines"]

_MOST_SCOPES: Final = 1_024  # the SDK keeps each for ever, and so would we


class Lines:
    """Writes lines through the provider of now; `limit` is how many attributes a line may have."""

    __slots__ = (
        "_limit",
        "_listeners",
        "_loggers",
        "_only_ours",
        "_own",
        "_processor",
        "_provider",
        "_scopes",
    )

    def __init__(self, own: Any, processor: JournalLogProcessor, limit: int) -> None:
        self._own = own
        self._processor = processor
        self._limit = limit
        self._listeners: Any = getattr(own, "_multi_log_record_processor", None)
        self._only_ours: Any = None
        self.go_through(own)

    def go_through(self, provider: Any) -> None:
        """Write through another provider from now on."""
        self._provider = provider
        self._loggers: dict[str, Any] = {}
        self._scopes: dict[str, InstrumentationScope] = {}

    def goes_through(self, provider: Any) -> bool:
        """Say whether lines go through that provider."""
        return provider is self._provider

    def write(
        self,
        scope: str,
        *,
        timestamp: int | None,
        context: Context,
        severity: Any,
        severity_text: str,
        body: str,
        attributes: dict[str, Any],
        event_name: str | None = None,
    ) -> None:
        """Write one line; `severity` is a SeverityNumber."""
        if self._is_ours_alone():
            span = get_current_span(context).get_span_context()
            self._processor.write(
                timestamp=timestamp,
                severity=severity.value,
                severity_text=severity_text,
                body=body,
                name=event_name or "",
                attributes=attributes,
                limit=self._limit,
                span=span,
                context=context,
                scope=self._scopes.get(scope) or self._scope(scope),
            )
            return
        logger = self._loggers.get(scope) or self._logger(scope)
        logger.emit(
            timestamp=timestamp,
            context=context,
            severity_number=severity,
            severity_text=severity_text,
            body=body,
            attributes=attributes,
            event_name=event_name,
        )

    def has_no_room(self, event: str) -> bool:
        """Say whether an event of that name comes too fast, and nobody but us would hear of it; count it then."""
        return self._is_ours_alone() and self._processor.has_no_room(event)

    def _is_ours_alone(self) -> bool:
        if self._provider is not self._own:
            return False
        listeners = getattr(self._listeners, "_log_record_processors", None)
        if listeners is not self._only_ours:  # the SDK makes a new tuple for each processor that comes
            self._only_ours = listeners if listeners == (self._processor,) else None
        return listeners is not None and listeners is self._only_ours

    def _scope(self, name: str) -> InstrumentationScope:
        if len(self._scopes) >= _MOST_SCOPES:
            name = ""
        return self._scopes.setdefault(name, InstrumentationScope(name))

    def _logger(self, name: str) -> Any:
        if len(self._loggers) >= _MOST_SCOPES:
            name = "clientobs"
        return self._loggers.setdefault(name, self._provider.get_logger(name))
