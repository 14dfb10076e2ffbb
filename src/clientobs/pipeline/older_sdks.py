"""What the SDK has from 1.44 and 1.45 on, for the releases before that hosts bundle.

- Attributes of any value: until 1.43 a span refuses what is nested, and a log record lists of mixed types.
  `AnyAttributes` takes them all. Each value was made plain before (privacy/redaction.py).
- Limits for log records that are handed in: until 1.44 the SDK reads them from the environment for each record,
  and a malformed variable costs every record. `LimitedLoggerProvider` hands in those of the configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry._logs import LogRecord
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs import Logger, LoggerProvider, ReadWriteLogRecord

from clientobs.pipeline.forks import QuietLoggerProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.model import LimitsConfig

__all__ = [
    "LOGGERS_TAKE_LIMITS",
    "SPANS_TAKE_ANY_VALUE",
    "AnyAttributes",
    "FixedLimits",
    "LimitedLogger",
    "LimitedLoggerProvider",
]

SPANS_TAKE_ANY_VALUE: Final = "_extended_attributes" not in vars(BoundedAttributes())
LOGGERS_TAKE_LIMITS: Final = "log_record_limits" in LoggerProvider.__init__.__code__.co_varnames
_SCALARS: Final = frozenset({str, int, float, bool})


class AnyAttributes(BoundedAttributes):
    """The SDK's bounded attributes, which keep lists, dicts, bytes and None as they are."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Set one attribute, within the SDK's limits."""
        if type(value) in _SCALARS:
            super().__setitem__(key, value)
            return
        super().__setitem__(key, "")  # it counts, makes room, refuses
        if key in self._dict:
            self._dict[key] = value

    def _set_items(self, attributes: Mapping[str, Any]) -> None:  # what 1.43 and 1.44 set several by
        for key, value in attributes.items():
            self[key] = value


class FixedLimits:
    """The limits of a log record, under the names that the releases have read them by."""

    def __init__(self, limits: LimitsConfig) -> None:
        self.max_attributes: int = limits.attribute_count
        self.max_attribute_length = limits.attribute_value_length
        self.max_log_record_attributes = _or(limits.log_attribute_count, self.max_attributes)
        self.max_log_record_attribute_length = _or(
            limits.log_attribute_value_length, self.max_attribute_length
        )


class LimitedLogger(Logger):
    """The SDK's logger, with limits of its own instead of the environment's.

    `is_given_plain`: its callers make values plain before, so that none has to be refused.
    """

    limits: FixedLimits
    is_given_plain: bool

    def emit(self, record: Any = None, **fields: Any) -> None:
        """Emit a record, or one of these fields, as the SDK does."""
        if not isinstance(record, ReadWriteLogRecord):
            record = LogRecord(**fields) if record is None else record
            given: Mapping[str, Any] | None = None
            if self.is_given_plain:
                given, record.attributes = record.attributes, None
            limits: Any = self.limits
            record = ReadWriteLogRecord(record, self._resource, self._instrumentation_scope, limits)
            if given:
                record.log_record.attributes = AnyAttributes(
                    limits.max_log_record_attributes,
                    given,
                    immutable=False,
                    max_value_len=limits.max_log_record_attribute_length,
                )
        super().emit(record)


class LimitedLoggerProvider(QuietLoggerProvider):
    """The SDK's logger provider, whose loggers are limited; the one named `own` is given plain values."""

    def __init__(self, *, limits: FixedLimits, own: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._limits = limits
        self._own = own

    def get_logger(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return a logger."""
        logger = super().get_logger(name, *args, **kwargs)
        if type(logger) is Logger:
            logger.__class__ = LimitedLogger
            logger.limits = self._limits  # type: ignore[attr-defined]  # it is a LimitedLogger from here on
            logger.is_given_plain = name == self._own  # type: ignore[attr-defined]
        return logger


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value
