"""The settings of clientobs: frozen dataclasses, one per concern.

Each field's docstring gives unit, default (by the field itself), TOML key and environment variable. Nothing
here reads the environment or a file: `resolve.py` does, and remembers where each value came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "Config",
    "DeliveryConfig",
    "DrainConfig",
    "DrainMode",
    "EndpointConfig",
    "JournalConfig",
    "LimitsConfig",
    "PrivacyConfig",
    "Profile",
    "Protocol",
    "RootConfig",
    "ServiceConfig",
    "SessionKind",
    "Signal",
    "TracesConfig",
    "UserPolicy",
]

DrainMode: TypeAlias = Literal["process", "external", "thread", "off"]
Profile: TypeAlias = Literal["minimal", "standard"]
Protocol: TypeAlias = Literal["http/protobuf", "grpc"]
Signal: TypeAlias = Literal["traces", "logs", "metrics"]
UserPolicy: TypeAlias = Literal["pseudonym", "name", "none"]
SessionKind: TypeAlias = Literal["interactive", "batch", "farm"]

MIB = 1 << 20
HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """Who is speaking: the resource attributes service.* and deployment.environment.name."""

    name: str = "unknown_service"
    """init(service=), OTEL_SERVICE_NAME, service.name in OTEL_RESOURCE_ATTRIBUTES, TOML service.name."""
    version: str | None = None
    """init(version=), service.version in OTEL_RESOURCE_ATTRIBUTES, TOML service.version."""
    environment: str | None = None
    """init(environment=), deployment.environment.name in OTEL_RESOURCE_ATTRIBUTES, TOML service.environment."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Further resource attributes: OTEL_RESOURCE_ATTRIBUTES, TOML [resource]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """Where and how one signal is sent; the names and meanings of OTEL_EXPORTER_OTLP_[SIGNAL_]*."""

    url: str
    """Full URL for http/protobuf (the signal's path included), scheme://host:port for grpc."""
    protocol: Protocol = "http/protobuf"
    headers: tuple[tuple[str, str], ...] = ()
    """Lower-case names. May hold credentials: repr is off, never journaled, never logged."""
    timeout: float = 10.0
    """Seconds for one request (OTEL_EXPORTER_OTLP_TIMEOUT is read as seconds, as the Python SDK does)."""
    compression: Literal["gzip", "none"] = "gzip"
    certificate: str | None = None
    """Path of a CA bundle (PEM); None for the platform's."""
    client_key: str | None = None
    client_certificate: str | None = None
    insecure: bool = False
    """gRPC only: no TLS where the URL has no scheme (OTEL_EXPORTER_OTLP_INSECURE)."""

    def __repr__(self) -> str:
        return f"EndpointConfig(url=<{self.protocol}>, {len(self.headers)} headers)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryConfig:
    """The destination: one endpoint a signal, None where that signal is not sent."""

    traces: EndpointConfig | None = None
    logs: EndpointConfig | None = None
    metrics: EndpointConfig | None = None
    headers_file: str | None = None
    """TOML delivery.headers_file: `name=value` lines read by the drain alone, at each connect."""
    headers_command: tuple[str, ...] = ()
    """TOML delivery.headers_command: a program run by the drain alone; its output is such lines."""
    metrics_max_age: float = 1 * HOUR
    """Seconds: older metric deltas are dropped and counted; back ends refuse late cumulative samples."""

    @property
    def configured(self) -> bool:
        """Whether any signal has an endpoint."""
        return bool(self.traces or self.logs or self.metrics)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """The journal on this machine's disk."""

    home: str | None = None
    """Folder; None: the first usable of the platform's candidates. CLIENTOBS_HOME, TOML journal.home."""
    segment_bytes: int = 1 * MIB
    segment_seconds: float = 30.0
    bulk_bytes: int = 256 * MIB
    """Quota of undelivered bulk segments, all runs of this user together. TOML journal.bulk_bytes."""
    vital_bytes: int = 32 * MIB
    """Quota of the vital lane (crash, session, error, report), apart from bulk."""
    max_age: float = 30 * 24 * HOUR
    """Seconds an undelivered record is kept: a holiday plus a weekend."""
    free_floor_bytes: int = 512 * MIB
    """The journal never takes the disk below this much free space."""
    keep_delivered_bytes: int = 50 * MIB
    keep_delivered_seconds: float = 24 * HOUR
    """Delivered segments stay this long, so that `clientobs show` works at the desk."""
    sync_seconds: float = 5.0
    """fdatasync in the background at most this often: what a power loss may cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainConfig:
    """The process that delivers."""

    mode: DrainMode = "process"
    """CLIENTOBS_DRAIN, TOML drain.mode."""
    python: str | None = None
    """Interpreter for the drain; None: found. CLIENTOBS_DRAIN_PYTHON, TOML drain.python."""
    exit_flush: float | None = None
    """Seconds that exit may wait for delivery; None: 0, or 5 in a container. CLIENTOBS_EXIT_FLUSH, TOML drain.exit_flush."""
    idle_seconds: float = 60.0
    """The drain leaves after this long without a live run or anything to deliver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyConfig:
    """What is never recorded."""

    user: UserPolicy = "pseudonym"
    """user.id is a keyed hash, user.name the login name only under "name". TOML privacy.user."""
    environment: tuple[str, ...] = ()
    """Further names (globs) of environment variables that may be recorded. TOML privacy.environment."""
    redact_keys: tuple[str, ...] = ()
    """Further attribute keys (globs) whose values are replaced. TOML privacy.redact_keys."""
    redact_values: tuple[str, ...] = ()
    """Further regular expressions; what matches in any text is replaced. TOML privacy.redact_values."""
    allow_keys: tuple[str, ...] = ()
    """Attribute keys (globs) that the built-in key rules leave alone. TOML privacy.allow_keys."""
    propagate_to: tuple[str, ...] = ()
    """Host names (globs) that may receive traceparent; baggage goes to none. TOML privacy.propagate_to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """Bounds on one record: OTEL_*_LIMIT, and a bound on its bytes where the specification has none."""

    attribute_count: int = 128
    attribute_value_length: int | None = None
    """Characters; None: only the record's own bound."""
    span_attribute_count: int | None = None
    span_attribute_value_length: int | None = None
    span_event_count: int = 128
    span_link_count: int = 128
    event_attribute_count: int = 128
    link_attribute_count: int = 128
    log_attribute_count: int | None = None
    log_attribute_value_length: int | None = None
    text_length: int = 16_384
    """Characters kept of one attribute text, ours: the OTel default is no limit at all."""
    body_length: int = 65_536
    """Characters kept of one log body: Loki refuses a line over 256 KiB."""
    storm_per_minute: int = 6_000
    """Spans of one name a minute before they are thinned and counted; a burst of as many is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesConfig:
    """Head sampling and propagation."""

    sampler: str = "parentbased_always_on"
    """OTEL_TRACES_SAMPLER, TOML traces.sampler."""
    sampler_argument: float | None = None
    """OTEL_TRACES_SAMPLER_ARG, TOML traces.sampler_argument."""
    propagators: tuple[str, ...] = ("tracecontext", "baggage")
    """OTEL_PROPAGATORS. What is read from TRACEPARENT and BAGGAGE at start, and written by carrier()."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootConfig:
    """One storage root of the studio, as each operating system mounts it. TOML [roots.NAME]."""

    name: str
    linux: str | None = None
    windows: str | None = None
    macos: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of one run."""

    service: ServiceConfig = field(default_factory=ServiceConfig)
    disabled: bool = False
    """CLIENTOBS_DISABLED=1 or OTEL_SDK_DISABLED=true: nothing is recorded and nothing is patched."""
    profile: Profile = "standard"
    """minimal: sessions, crashes and logs, no patches. CLIENTOBS_PROFILE, TOML profile."""
    session_kind: SessionKind | None = None
    """None: told from the farm's variables and the terminal. TOML session.kind."""
    instruments: tuple[str, ...] | None = None
    """Names to switch on; None: the profile's default set. TOML instruments.enabled."""
    journal: JournalConfig = field(default_factory=JournalConfig)
    drain: DrainConfig = field(default_factory=DrainConfig)
    delivery: DeliveryConfig = field(default_factory=DeliveryConfig)
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    traces: TracesConfig = field(default_factory=TracesConfig)
    roots: tuple[RootConfig, ...] = ()
