"""The settings of clientobs: frozen dataclasses, one per concern.

Each field's docstring gives unit and environment variable; the default is the field's own, the TOML key its
place (`journal.home` is `home` under `[journal]`). docs/reference/configuration.md is made from them. Nothing
here reads the environment or a file: `resolve.py` does, and remembers where each value came from.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal, TypeAlias

from clientobs._dataclass import dataclass

if TYPE_CHECKING:
    from clientobs.config.log_files import LogFilesConfig

__all__ = [
    "Compression",
    "Config",
    "DeliveryConfig",
    "DrainConfig",
    "DrainMode",
    "EndpointConfig",
    "ExceptionsConfig",
    "FilesConfig",
    "HangsConfig",
    "JournalConfig",
    "LimitsConfig",
    "LogLevel",
    "LogsConfig",
    "OutcomesConfig",
    "PathPolicy",
    "PrivacyConfig",
    "ProcessesConfig",
    "Profile",
    "Protocol",
    "RootConfig",
    "Sampler",
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
LogLevel: TypeAlias = Literal["trace", "debug", "info", "warning", "error", "critical", "off"]
PathPolicy: TypeAlias = Literal["keep", "portable", "hash", "drop"]
Compression: TypeAlias = Literal["gzip", "deflate", "none"]
Sampler: TypeAlias = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]

MIB = 1 << 20
HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """Who is speaking: the resource attributes service.* and deployment.environment.name."""

    name: str = "unknown_service"
    """Name of the tool or service. OTEL_SERVICE_NAME, then service.name in OTEL_RESOURCE_ATTRIBUTES."""
    version: str | None = None
    """Version of the tool. Also service.version in OTEL_RESOURCE_ATTRIBUTES."""
    environment: str | None = None
    """production, staging ... Also deployment.environment.name in OTEL_RESOURCE_ATTRIBUTES."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Further resource attributes: OTEL_RESOURCE_ATTRIBUTES over TOML [resource], name by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """Where and how one signal is sent; the names and meanings of OTEL_EXPORTER_OTLP_[SIGNAL_]*."""

    url: str
    """Endpoint. One for all signals is a base to which http/protobuf appends /v1/traces, /v1/logs or
    /v1/metrics; a signal's own is used as it stands. grpc: scheme://host:port. A login in it becomes an
    authorization header."""
    protocol: Protocol = "http/protobuf"
    """http/protobuf or grpc."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of each request, names in lower case. They may be credentials: never shown, never journaled.
    The variable holds name=value pairs separated by commas, values URL-encoded; TOML a table."""
    timeout: float = 10.0
    """Seconds for one request. From 1000 on the number is taken for milliseconds: the specification's unit,
    where Python's SDK reads seconds."""
    compression: Compression = "gzip"
    """gzip, deflate or none. OpenTelemetry's gRPC exporter knows no deflate; there it means gzip."""
    certificate: str | None = None
    """Path of a CA bundle (PEM); unset: the platform's."""
    client_key: str | None = None
    """Path of the client's private key (PEM), for mutual TLS."""
    client_certificate: str | None = None
    """Path of the client's certificate chain (PEM), for mutual TLS."""
    insecure: bool = False
    """No TLS. Read for grpc endpoints without a scheme only; elsewhere http:// or https:// says it."""

    def __repr__(self) -> str:
        return f"EndpointConfig(url=<{self.protocol}>, {len(self.headers)} headers)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryConfig:
    """The destination: one endpoint a signal, None where that signal is not sent."""

    traces: EndpointConfig | None = None
    """Where spans go."""
    logs: EndpointConfig | None = None
    """Where log records and events go."""
    metrics: EndpointConfig | None = None
    """Where metrics go."""
    headers_file: str | None = None
    """Path of a file of name=value lines, read by the drain alone, at each connect."""
    headers_command: tuple[str, ...] = ()
    """Program and arguments, run by the drain alone; it prints name=value lines."""
    metrics_max_age: float = 1.0 * HOUR
    """Seconds: older metric deltas are dropped and counted; back ends refuse late cumulative samples."""

    @property
    def configured(self) -> bool:
        """Whether any signal has an endpoint."""
        return bool(self.traces or self.logs or self.metrics)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """The journal on this machine's disk. Bytes take units too ("256 MiB"), and so do seconds ("30 d")."""

    home: str | None = None
    """Folder on local disk; unset: the first usable of the platform's places. CLIENTOBS_HOME."""
    segment_bytes: int = 1 * MIB
    """Bytes after which a segment is sealed."""
    segment_seconds: float = 30.0
    """Seconds after which a segment is sealed."""
    bulk_bytes: int = 256 * MIB
    """Bytes: quota of undelivered bulk segments, all runs of this user together."""
    vital_bytes: int = 32 * MIB
    """Bytes: quota of the vital lane (crash, session, error, report), apart from bulk."""
    max_age: float = 30.0 * 24 * HOUR
    """Seconds an undelivered record is kept: a holiday plus a weekend."""
    free_floor_bytes: int = 512 * MIB
    """Bytes: the journal never takes the disk below this much free space."""
    keep_delivered_bytes: int = 50 * MIB
    """Bytes of delivered segments that stay, so that `clientobs show` works at the desk."""
    keep_delivered_seconds: float = 24.0 * HOUR
    """Seconds that delivered segments stay."""
    sync_seconds: float = 5.0
    """Seconds between fdatasync calls, in the background: what a power loss may cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainConfig:
    """The process that delivers."""

    mode: DrainMode = "process"
    """process: started on demand. external: a service of the machine's. thread: in the host. off: journal
    only. CLIENTOBS_DRAIN."""
    python: str | None = None
    """Path of the drain's interpreter; unset: one is found. CLIENTOBS_DRAIN_PYTHON."""
    exit_flush: float | None = None
    """Seconds that exit may wait for delivery; unset: 0, or 5 in a container. CLIENTOBS_EXIT_FLUSH."""
    idle_seconds: float = 60.0
    """Seconds without a live run or anything to deliver, after which the drain leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyConfig:
    """What is never recorded."""

    user: UserPolicy = "pseudonym"
    """pseudonym: user.id is a keyed hash. name: user.name is the login name too. none: neither."""
    environment: tuple[str, ...] = ()
    """Further names (globs) of environment variables that may be recorded."""
    redact_keys: tuple[str, ...] = ()
    """Further attribute keys (globs) whose values are replaced."""
    redact_values: tuple[str, ...] = ()
    """Further regular expressions; what matches in any text is replaced."""
    allow_keys: tuple[str, ...] = ()
    """Attribute keys (globs) that the built-in key rules leave alone."""
    propagate_to: tuple[str, ...] = ()
    """Host names (globs) that may receive traceparent; baggage goes to none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """Bounds on one record: OTEL_*_LIMIT, and a bound on its bytes where the specification has none."""

    attribute_count: int = 128
    """Attributes of one record. OTEL_ATTRIBUTE_COUNT_LIMIT."""
    attribute_value_length: int | None = None
    """Characters of one attribute's text; unset: text_length alone. OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT."""
    span_attribute_count: int | None = None
    """Attributes of a span; unset: attribute_count. OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT."""
    span_attribute_value_length: int | None = None
    """Characters; unset: attribute_value_length. OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT."""
    span_event_count: int = 128
    """Events of a span. OTEL_SPAN_EVENT_COUNT_LIMIT."""
    span_link_count: int = 128
    """Links of a span. OTEL_SPAN_LINK_COUNT_LIMIT."""
    event_attribute_count: int = 128
    """Attributes of a span's event; follows attribute_count. OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT."""
    link_attribute_count: int = 128
    """Attributes of a span's link; follows attribute_count. OTEL_LINK_ATTRIBUTE_COUNT_LIMIT."""
    log_attribute_count: int | None = None
    """Attributes of a log record; unset: attribute_count. OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT."""
    log_attribute_value_length: int | None = None
    """Characters; unset: attribute_value_length. OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT."""
    text_length: int = 16_384
    """Characters kept of one attribute text, ours: the OTel default is no limit at all."""
    body_length: int = 65_536
    """Characters kept of one log body: Loki refuses a line over 256 KiB."""
    storm_per_minute: int = 6_000
    """Spans of one name a minute before they are thinned and counted; a burst of as many is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesConfig:
    """Head sampling and propagation."""

    sampler: Sampler = "parentbased_always_on"
    """Which spans are recorded at all. OTEL_TRACES_SAMPLER."""
    sampler_argument: float | None = None
    """Share of traces kept by the traceidratio samplers, 0 to 1; unset: 1. OTEL_TRACES_SAMPLER_ARG."""
    propagators: tuple[str, ...] = ("tracecontext", "baggage")
    """What is read from TRACEPARENT and BAGGAGE at start, and written by carrier(). OTEL_PROPAGATORS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootConfig:
    """One storage root of the studio, as each operating system mounts it."""

    name: str
    """What stands for the root in portable paths: {proj}/sq010/..."""
    linux: str | None = None
    """Absolute path on Linux."""
    windows: str | None = None
    """Drive or UNC path on Windows."""
    macos: str | None = None
    """Absolute path on macOS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesConfig:
    """The instrument `files`: what it leaves alone, and when an operation gets a span of its own."""

    paths: PathPolicy = "keep"
    """keep: as the program wrote them, and portable. portable: below a root only. hash: the file's name is a
    keyed hash. drop: none."""
    ignore: tuple[str, ...] = ()
    """Paths (globs) that are left alone, besides the interpreter's own files, the journal, /proc, /sys, /dev."""
    network: tuple[str, ...] = ()
    """Folders to be taken for network storage where the mount table does not say so."""
    slow_local: float = 1.0
    """Seconds from which an operation on local storage gets a span of its own."""
    slow_network: float = 0.25
    """Seconds from which an operation on network storage gets a span of its own."""
    slow_main_thread: float = 0.016
    """Seconds on the main thread of an application with windows from which an operation gets a span."""
    spans_per_trace: int = 64
    """Spans of single operations in one trace, and in a minute outside every span of the program; what goes
    beyond is counted: on the summary, and as the loss `file-spans`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessesConfig:
    """The instrument `processes`: which programs it leaves alone, and which ends are no failures."""

    context: bool = True
    """Whether children get TRACEPARENT, TRACESTATE and BAGGAGE in their environment; without it they inherit those that
    this process itself was started with, if any."""
    without_context: tuple[str, ...] = ()
    """Names of programs (globs) that get none of them, those of this process's own start neither. `os.system` can't
    keep these from its command."""
    ignore: tuple[str, ...] = ()
    """Names of programs (globs) that are left alone: not recorded, with the environment that they would have had."""
    expected: tuple[str, ...] = ()
    """Exit codes other than 0 that are no failure, by name of the program (a glob): "grep=1", "robocopy=1-7",
    "helper=SIGTERM"."""
    last_lines: int = 20
    """Lines kept of what a failed child wrote and the program read, of stdout and stderr each; 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsConfig:
    """The instrument `logs`: which records of the program's own loggers are taken."""

    level: LogLevel = "info"
    """Level from which records are taken, of those that the program's own levels let through; this setting never
    lets through more. CLIENTOBS_LOG_LEVEL."""
    levels: tuple[str, ...] = ()
    """The same for one logger and those below it: "studio.publish=debug", "noisy=off". CLIENTOBS_LOG_LEVELS.
    Loggers of clientobs, OpenTelemetry, gRPC and urllib3 are off unless they are named here."""
    per_minute: int = 600
    """Records of one line of code a minute; what goes beyond is counted."""
    warnings: bool = True
    """Whether warnings of Python's `warnings` are taken."""
    streams: tuple[str, ...] = ()
    """stdout, stderr: their lines become records too. Never on a farm unless named here: it is a protocol there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionsConfig:
    """The instrument `exceptions`: what goes with an exception."""

    locals: bool = False
    """Whether local variables of the program's own frames go with it, redacted; values of foreign classes as the
    class's name."""
    printed: bool = True
    """Whether an exception that a program only prints (traceback.print_exc) is recorded as a log record."""
    qt_messages: bool = False
    """Whether warnings of Qt itself become records. Its message handler is then ours, and calls the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomesConfig:
    """Exceptions that are no failures, by class name, with or without module; subclasses are meant too."""

    cancelled: tuple[str, ...] = ()
    """Somebody stopped the work: tool.outcome is cancelled."""
    rejected: tuple[str, ...] = ()
    """Validation said no: tool.outcome is rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HangsConfig:
    """When a main thread that does not answer is told as a hang."""

    enabled: bool = True
    """Watch over hangs at all."""
    seconds: float = 5.0
    """Seconds of silence from which it is a hang."""
    work_seconds: float = 1800.0
    """Seconds that known work (a load, a save, a render: `tool.work`, or a word in the span's name) may take, and that a
    batch may wait for a lock on a file."""
    stall_seconds: float = 15.0
    """Seconds that known work may move nothing: no processor time, no bytes."""
    py_spy: str | None = None
    """Path of a py-spy, by which the drain reads Python stacks while native code holds the interpreter lock;
    unset: the one beside the drain's interpreter, or on its PATH."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of one run."""

    service: ServiceConfig = field(default_factory=ServiceConfig)
    disabled: bool = False
    """Nothing is recorded and nothing is patched. CLIENTOBS_DISABLED=1 or OTEL_SDK_DISABLED=true; in the
    environment it is a switch for ops, stronger than init(disabled=False), and the file is not read."""
    profile: Profile = "standard"
    """minimal: sessions, crashes, hangs and logs; patched is only what `logging` and `warnings` call themselves.
    CLIENTOBS_PROFILE."""
    session_kind: SessionKind | None = None
    """interactive, batch or farm; unset: told from the farm's variables, the host and the terminal.
    CLIENTOBS_SESSION_KIND."""
    instruments: tuple[str, ...] | None = None
    """Names to switch on; unset: the profile's own set."""
    journal: JournalConfig = field(default_factory=JournalConfig)
    drain: DrainConfig = field(default_factory=DrainConfig)
    delivery: DeliveryConfig = field(default_factory=DeliveryConfig)
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    traces: TracesConfig = field(default_factory=TracesConfig)
    files: FilesConfig = field(default_factory=FilesConfig)
    processes: ProcessesConfig = field(default_factory=ProcessesConfig)
    logs: LogsConfig = field(default_factory=LogsConfig)
    exceptions: ExceptionsConfig = field(default_factory=ExceptionsConfig)
    outcomes: OutcomesConfig = field(default_factory=OutcomesConfig)
    hangs: HangsConfig = field(default_factory=HangsConfig)
    roots: tuple[RootConfig, ...] = ()
    """Storage roots by name: TOML [roots.NAME]."""
    log_files: tuple[LogFilesConfig, ...] = ()
    """Log files of tools that write their own: TOML [[log_files]]."""
