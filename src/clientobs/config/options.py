"""The table of settings: dotted key, reader, variables, short argument of `init()`.

The key is that of the TOML file and the field's place in `Config` (but for `session.kind` and
`instruments.enabled`, which are fields of `Config` itself). Where several variables are named the first that
is set wins. The delivery settings are read for the whole of `delivery` and for each signal below it, with the
variables that the OTLP exporter specification names. docs/reference/configuration.md is made from this table
and the docstrings of `model.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from clientobs.config import values
from clientobs.config.headers import headers
from clientobs.config.model import (
    HOUR,
    MIB,
    Compression,
    DrainMode,
    LogLevel,
    PathPolicy,
    Profile,
    Protocol,
    Sampler,
    SessionKind,
    Signal,
    UserPolicy,
)

if TYPE_CHECKING:
    from clientobs.config.values import Reader

__all__ = ["LOG_FILES", "OPTIONS", "PROPAGATORS", "SETTINGS", "SIGNALS", "TABLES", "Option"]


class Option(NamedTuple):
    """One setting."""

    key: str
    read: Reader
    variables: tuple[str, ...] = ()
    argument: str | None = None
    secret: bool = False
    """The value may be or hold a credential: no message repeats it."""


SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)
PROPAGATORS: Final = ("tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "ottrace", "none")
"""The names that the specification knows. The environment carrier speaks the first two."""

_KIND: Final = values.choice(*get_args(SessionKind))

SETTINGS: Final = (
    "endpoint",
    "protocol",
    "headers",
    "timeout",
    "compression",
    "certificate",
    "client_key",
    "client_certificate",
    "insecure",
)
"""What each of `delivery` and `delivery.SIGNAL` may say about the way to an endpoint."""

_DAY: Final = 24 * HOUR


def _plain() -> tuple[Option, ...]:
    return (
        Option("service.name", values.text, ("OTEL_SERVICE_NAME",), "service"),
        Option("service.version", values.text, (), "version"),
        Option("service.environment", values.text, (), "environment"),
        Option("disabled", values.boolean, ("CLIENTOBS_DISABLED",), "disabled"),
        Option("profile", values.choice(*get_args(Profile)), ("CLIENTOBS_PROFILE",), "profile"),
        Option("session.kind", _KIND, ("CLIENTOBS_SESSION_KIND",), "session_kind"),
        Option("instruments.enabled", values.names, (), "instruments"),
        Option("journal.home", values.path, ("CLIENTOBS_HOME",), "home"),
        Option("journal.segment_bytes", values.size(64 << 10, 64 * MIB)),
        Option("journal.segment_seconds", values.seconds(0.1, HOUR)),
        Option("journal.bulk_bytes", values.size(1 * MIB)),
        Option("journal.vital_bytes", values.size(1 * MIB)),
        Option("journal.max_age", values.seconds(60, 366 * _DAY)),
        Option("journal.free_floor_bytes", values.size(0)),
        Option("journal.keep_delivered_bytes", values.size(0)),
        Option("journal.keep_delivered_seconds", values.seconds(0, 366 * _DAY)),
        Option("journal.sync_seconds", values.seconds(0.1, HOUR)),
        Option("drain.mode", values.choice(*get_args(DrainMode)), ("CLIENTOBS_DRAIN",), "drain"),
        Option("drain.python", values.path, ("CLIENTOBS_DRAIN_PYTHON",)),
        Option("drain.exit_flush", values.seconds(0, 600), ("CLIENTOBS_EXIT_FLUSH",), "exit_flush"),
        Option("drain.idle_seconds", values.seconds(1, _DAY)),
        Option("delivery.headers_file", values.path),
        Option("delivery.headers_command", values.command),
        Option("delivery.metrics_max_age", values.seconds(1, 366 * _DAY)),
        Option("privacy.user", values.choice(*get_args(UserPolicy))),
        Option("privacy.environment", values.texts),
        Option("privacy.redact_keys", values.texts),
        Option("privacy.redact_values", values.patterns),
        Option("privacy.allow_keys", values.texts),
        Option("privacy.propagate_to", values.texts),
    )


def _limits_and_traces() -> tuple[Option, ...]:
    number = values.count(0)
    return (
        Option("limits.attribute_count", number, ("OTEL_ATTRIBUTE_COUNT_LIMIT",)),
        Option("limits.attribute_value_length", number, ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",)),
        Option("limits.span_attribute_count", number, ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",)),
        Option("limits.span_attribute_value_length", number, ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",)),
        Option("limits.span_event_count", number, ("OTEL_SPAN_EVENT_COUNT_LIMIT",)),
        Option("limits.span_link_count", number, ("OTEL_SPAN_LINK_COUNT_LIMIT",)),
        Option("limits.event_attribute_count", number, ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",)),
        Option("limits.link_attribute_count", number, ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",)),
        Option("limits.log_attribute_count", number, ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",)),
        Option("limits.log_attribute_value_length", number, ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",)),
        Option("limits.text_length", values.count(64, 1 * MIB)),
        Option("limits.body_length", values.count(64, 1 * MIB)),
        Option("limits.storm_per_minute", values.count(1)),
        Option("traces.sampler", values.choice(*get_args(Sampler)), ("OTEL_TRACES_SAMPLER",)),
        Option("traces.sampler_argument", values.ratio, ("OTEL_TRACES_SAMPLER_ARG",)),
        Option("traces.propagators", values.subset(*PROPAGATORS), ("OTEL_PROPAGATORS",)),
    )


def _hangs() -> tuple[Option, ...]:
    return (
        Option("hangs.enabled", values.boolean),
        Option("hangs.seconds", values.seconds(2, HOUR)),
        Option("hangs.work_seconds", values.seconds(2, _DAY)),
        Option("hangs.stall_seconds", values.seconds(2, HOUR)),
        Option("hangs.py_spy", values.path),
    )


def _files() -> tuple[Option, ...]:
    return (
        Option("files.paths", values.choice(*get_args(PathPolicy))),
        Option("files.ignore", values.texts),
        Option("files.network", values.texts),
        Option("files.slow_local", values.seconds(0.001, HOUR)),
        Option("files.slow_network", values.seconds(0.001, HOUR)),
        Option("files.slow_main_thread", values.seconds(0.001, HOUR)),
        Option("files.spans_per_trace", values.count(0)),
    )


def _processes() -> tuple[Option, ...]:
    return (
        Option("processes.context", values.boolean),
        Option("processes.without_context", values.texts),
        Option("processes.ignore", values.texts),
        Option("processes.expected", values.exit_codes),
        Option("processes.last_lines", values.count(0, 1_000)),
    )


def _failures() -> tuple[Option, ...]:
    return (
        Option("logs.level", values.choice(*get_args(LogLevel)), ("CLIENTOBS_LOG_LEVEL",)),
        Option("logs.levels", values.levels, ("CLIENTOBS_LOG_LEVELS",)),
        Option("logs.per_minute", values.count(1)),
        Option("logs.warnings", values.boolean),
        Option("logs.streams", values.subset("stdout", "stderr", "none"), ("CLIENTOBS_LOG_STREAMS",)),
        Option("exceptions.locals", values.boolean),
        Option("exceptions.printed", values.boolean),
        Option("exceptions.qt_messages", values.boolean),
        Option("outcomes.cancelled", values.texts),
        Option("outcomes.rejected", values.texts),
    )


def _delivery(prefix: str, infix: str) -> tuple[Option, ...]:
    readers: dict[str, Reader] = {
        "endpoint": values.text,
        "protocol": values.choice(*get_args(Protocol)),
        "headers": headers,
        "timeout": values.request_seconds,
        "compression": values.choice(*get_args(Compression)),
        "certificate": values.path,
        "client_key": values.path,
        "client_certificate": values.path,
        "insecure": values.boolean,
    }
    generic = prefix == "delivery"
    return tuple(
        Option(
            f"{prefix}.{name}",
            readers[name],
            (f"OTEL_EXPORTER_OTLP_{infix}{name.upper()}",),
            name if generic and name in {"endpoint", "protocol", "headers"} else None,
            name in {"endpoint", "headers"},
        )
        for name in SETTINGS
    )


def _table() -> dict[str, Option]:
    rows = [*_plain(), *_limits_and_traces(), *_files(), *_processes(), *_failures(), *_hangs()]
    rows += _delivery("delivery", "")
    for signal in SIGNALS:
        rows += _delivery(f"delivery.{signal}", f"{signal.upper()}_")
        exporter = Option(
            f"delivery.{signal}.exporter", values.exporter, (f"OTEL_{signal.upper()}_EXPORTER",)
        )
        rows.append(exporter)
    return {row.key: row for row in rows}


OPTIONS: Final = _table()
"""Every setting by its dotted key. `resource.*`, `roots.*` and the entries of `log_files` stand apart."""

LOG_FILES: Final = "log_files"

TABLES: Final = frozenset(key.rpartition(".")[0] for key in OPTIONS) - {""} | {"resource", "roots", LOG_FILES}
"""The tables that a file, or a mapping handed to `init()`, may hold."""
