"""Every name that clientobs emits: attributes, events, metrics, each said once with what it is for.

One file past the usual length on purpose: it is the one list. The inventory (`privacy/inventory.py`), the
reference page (docs/reference/attributes.md) and `clientobs privacy show` are made from it, and a test fails on a
name that is emitted and not listed here. To add a name, add one line under its section:

    FILE_SIZE: Final = _attribute("file.size", DEV, "How much was read or written, in bytes.")

Names that only tools and hosts set (`production.user`, `dcc.scene.path`, `farm.*` ...) are listed as well: they too
are redacted and explained.

The constants are plain strings; the entries beside them are plain tuples, because this module is imported in
the host (all of it costs a few tens of microseconds). `privacy/inventory.py` gives the tuples their class.

Origins: the OpenTelemetry semantic conventions v1.44 (`stable`, `rc`, `dev`), or `own` where they have no
name. Personal: `no`; `indirect`, which may name a person or a show in passing (paths, machine names); `yes`,
which is about a person. https://opentelemetry.io/docs/specs/semconv/
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

Origin: TypeAlias = Literal["stable", "rc", "dev", "own"]
Personal: TypeAlias = Literal["no", "indirect", "yes"]
Sort: TypeAlias = Literal["attribute", "event", "metric"]
ToolOutcome: TypeAlias = Literal["ok", "rejected", "cancelled", "failed"]
SessionStatus: TypeAlias = Literal["exited", "crashed", "abnormal", "hung", "unknown"]

STABLE: Final = "stable"
RC: Final = "rc"
DEV: Final = "dev"
OWN: Final = "own"
INDIRECT: Final = "indirect"
PERSON: Final = "yes"

ENTRIES: Final[list[tuple[Any, ...]]] = []
"""(sort, section, name, origin, personal, purpose, unit, instrument): read by privacy/inventory.py alone."""

_section = ""


def _begin(section: str) -> None:
    global _section  # noqa: PLW0603  # the file is read from top to bottom once, at import
    _section = section


def _attribute(name: str, origin: Origin, purpose: str, personal: Personal = "no") -> str:
    ENTRIES.append(("attribute", _section, name, origin, personal, purpose, "", ""))
    return name


def _event(name: str, origin: Origin, purpose: str, personal: Personal = "no") -> str:
    ENTRIES.append(("event", _section, name, origin, personal, purpose, "", ""))
    return name


def _metric(name: str, origin: Origin, unit: str, instrument: str, purpose: str) -> str:
    ENTRIES.append(("metric", _section, name, origin, "no", purpose, unit, instrument))
    return name


_begin("Resource")
SERVICE_NAME: Final = _attribute("service.name", STABLE, "Which application or tool speaks.")
SERVICE_VERSION: Final = _attribute("service.version", STABLE, "Which release of it.")
SERVICE_NAMESPACE: Final = _attribute("service.namespace", STABLE, "Which group of services it belongs to.")
SERVICE_INSTANCE_ID: Final = _attribute(
    "service.instance.id", STABLE, "One process run (spans, logs) or one machine (metrics); random."
)
DEPLOYMENT_ENVIRONMENT_NAME: Final = _attribute(
    "deployment.environment.name", STABLE, "Production, staging, a developer's own."
)
TELEMETRY_SDK_NAME: Final = _attribute("telemetry.sdk.name", STABLE, "Always opentelemetry.")
TELEMETRY_SDK_LANGUAGE: Final = _attribute("telemetry.sdk.language", STABLE, "Always python.")
TELEMETRY_SDK_VERSION: Final = _attribute("telemetry.sdk.version", STABLE, "Which OpenTelemetry SDK.")
TELEMETRY_DISTRO_NAME: Final = _attribute("telemetry.distro.name", STABLE, "Always clientobs.")
TELEMETRY_DISTRO_VERSION: Final = _attribute(
    "telemetry.distro.version", STABLE, "Which release of clientobs."
)
APP_INSTALLATION_ID: Final = _attribute(
    "app.installation.id", DEV, "One machine's journal home; random, never a hardware id."
)
HOST_NAME: Final = _attribute("host.name", DEV, "Which machine, to find what fails on one of them.", INDIRECT)
HOST_ARCH: Final = _attribute("host.arch", DEV, "Processor architecture.")
OS_TYPE: Final = _attribute("os.type", DEV, "One of linux, windows, darwin.")
OS_NAME: Final = _attribute("os.name", DEV, "Distribution or edition of the operating system.")
OS_VERSION: Final = _attribute("os.version", DEV, "Version of the operating system.")
OS_DESCRIPTION: Final = _attribute("os.description", DEV, "The operating system's own words for itself.")
CONTAINER_ID: Final = _attribute("container.id", DEV, "Which container, where one is detected.")

_begin("Process")
PROCESS_PID: Final = _attribute("process.pid", RC, "Process number.")
PROCESS_EXECUTABLE_NAME: Final = _attribute("process.executable.name", RC, "Name of the program.")
PROCESS_EXECUTABLE_PATH: Final = _attribute("process.executable.path", RC, "Where it lies.", INDIRECT)
PROCESS_COMMAND_ARGS: Final = _attribute(
    "process.command_args", RC, "Command line, redacted argument by argument.", INDIRECT
)
PROCESS_EXIT_CODE: Final = _attribute(
    "process.exit.code", RC, "How the process ended; negative: by a signal."
)
PROCESS_OWNER: Final = _attribute(
    "process.owner", RC, "Login name of the process; only where privacy.user is `name`.", PERSON
)
PROCESS_WORKING_DIRECTORY: Final = _attribute("process.working_directory", RC, "Where it runs.", INDIRECT)
PROCESS_RUNTIME_NAME: Final = _attribute("process.runtime.name", RC, "Which Python implementation.")
PROCESS_RUNTIME_VERSION: Final = _attribute("process.runtime.version", RC, "Which Python version.")
PROCESS_RUNTIME_DESCRIPTION: Final = _attribute("process.runtime.description", RC, "Which build of Python.")
PROCESS_ENVIRONMENT_VARIABLE: Final = _attribute(
    "process.environment_variable.*", DEV, "Allow-listed environment variables, values redacted.", INDIRECT
)

_begin("Child processes")
PROCESS_LAUNCHER: Final = _attribute(
    "process.launcher", OWN, "Function that started it: subprocess.Popen, os.system, os.spawnv ..."
)
PROCESS_SHELL: Final = _attribute("process.shell", OWN, "True where a shell runs the command.")
PROCESS_OUTCOME: Final = _attribute(
    "process.outcome",
    OWN,
    "One of ok, failed, expected (a code that the caller handles), stopped (by this program), cancelled, "
    "unread (who read its output had enough: SIGPIPE), "
    "not_started, detached (lives on without us), unknown (reaped by somebody else).",
)
PROCESS_EXIT_SIGNAL: Final = _attribute("process.exit.signal", OWN, "Name of the signal that ended it.")
PROCESS_EXIT_SENDER: Final = _attribute(
    "process.exit.sender", OWN, "Who sent that signal, where it is known: this program, or the kernel."
)
PROCESS_TIMEOUT: Final = _attribute(
    "process.timeout", OWN, "Seconds that the program had given it, where they were over before it ended."
)
PROCESS_USED_CPU: Final = _attribute("process.used.cpu", OWN, "Seconds of processor time that it took.")
PROCESS_USED_MEMORY: Final = _attribute("process.used.memory", OWN, "Peak of its memory in bytes.")
PROCESS_STDIN_SIZE: Final = _attribute("process.stdin.size", OWN, "Bytes that the program wrote to it.")
PROCESS_STDOUT_SIZE: Final = _attribute("process.stdout.size", OWN, "Bytes that the program read from it.")
PROCESS_STDERR_SIZE: Final = _attribute("process.stderr.size", OWN, "The same of its standard error.")
PROCESS_STDOUT_END: Final = _attribute(
    "process.stdout.end", OWN, "Last lines that a failed child wrote and the program read.", INDIRECT
)
PROCESS_STDERR_END: Final = _attribute("process.stderr.end", OWN, "The same of its standard error.", INDIRECT)
PROCESS_SEARCH_PATH: Final = _attribute(
    "process.search_path", OWN, "PATH on which a missing program was searched.", INDIRECT
)
PROCESS_INTERPRETER: Final = _attribute(
    "process.interpreter",
    OWN,
    "What was to run a script or a binary that is there, and is missing.",
    INDIRECT,
)
PROCESS_FAILURES_FOLDED: Final = _attribute(
    "process.failures",
    OWN,
    "Equal failures of children below a span, folded: count, program, ending, words. The first has an event.",
    INDIRECT,
)
PROCESS_EMPTY_FILES: Final = _attribute(
    "process.files.empty",
    OWN,
    "Files that a command names, and that are empty after it ended well.",
    INDIRECT,
)
MACHINE_MEMORY_TOTAL: Final = _attribute(
    "machine.memory.total", OWN, "Bytes of memory that the machine, or the container, has."
)
MACHINE_MEMORY_AVAILABLE: Final = _attribute(
    "machine.memory.available", OWN, "Bytes of it that were to be had when a signal had ended the child."
)
MACHINE_MEMORY_SHORT: Final = _attribute(
    "machine.memory.short", OWN, "Whether memory was short then, or the kernel has killed a process for it."
)
PROCESS_EXEC: Final = _event("process.exec", OWN, "This process is about to become another program.")
PROCESS_FILES_EMPTY: Final = _event(
    "process.files_empty",
    OWN,
    "A child ended with code 0, and a file that its command names is empty.",
    INDIRECT,
)
PROCESS_LAUNCHES: Final = _metric(
    "process.child.launches", OWN, "{process}", "counter", "Launches, by process.executable.name."
)
PROCESS_FAILURES: Final = _metric(
    "process.child.failures", OWN, "{process}", "counter", "Failed children, by name and process.outcome."
)
PROCESS_DURATION: Final = _metric(
    "process.child.duration", OWN, "s", "histogram", "From launch to exit, by name and process.outcome."
)

_begin("Session")
SESSION_ID: Final = _attribute("session.id", DEV, "One run of a host, random: ties its spans and logs.")
SESSION_KIND: Final = _attribute("session.kind", OWN, "One of interactive, batch, farm.")
SESSION_STATUS: Final = _attribute(
    "session.status", OWN, "How it ended: exited, crashed, abnormal, hung or unknown."
)
SESSION_EVIDENCE: Final = _attribute("session.evidence", OWN, "What the status rests on, in a few words.")
SESSION_ENDING: Final = _attribute(
    "session.ending",
    OWN,
    "How it ended: exited, os._exit, crashed, killed, hang_killed, out_of_memory, power_loss, rebooted, machine_down, "
    "unknown.",
)
SESSION_MEMORY: Final = _attribute(
    "session.memory", OWN, "Bytes of memory that it held when it was last looked at; not where it exited."
)
SESSION_MEMORY_GROWTH: Final = _attribute(
    "session.memory.growth", OWN, "Bytes by which that had grown, under the span that is named."
)
SESSION_MEMORY_GROWTH_DURATION: Final = _attribute(
    "session.memory.growth.duration", OWN, "Seconds within which it grew."
)
SESSION_MEMORY_GROWTH_SPAN: Final = _attribute(
    "session.memory.growth.span", OWN, "Innermost open span under which most of it came."
)
SESSION_MEMORY_TIMELINE: Final = _attribute(
    "session.memory.timeline", OWN, "Its memory on the way there, by seconds before the last look."
)
SESSION_DURATION: Final = _attribute("session.duration", OWN, "How long it ran, in seconds.")
SESSION_ENVIRONMENT_ID: Final = _attribute(
    "session.environment.id", OWN, "Content of the recorded environment: the same id, the same variables."
)
SESSION_ENVIRONMENT: Final = _event(
    "session.environment",
    OWN,
    "The machine, and the allow-listed environment or the id under which it was sent before.",
    INDIRECT,
)
SESSION_PACKAGES_ID: Final = _attribute(
    "session.packages.id", OWN, "Content of the installed packages: the same id, the same versions."
)
SESSION_PACKAGES_COUNT: Final = _attribute("session.packages.count", OWN, "How many packages were found.")
SESSION_PACKAGES_UNREAD: Final = _attribute(
    "session.packages.unread",
    OWN,
    "Places of sys.path that were not looked into: on the network, or beyond the bounds.",
    INDIRECT,
)
SESSION_PACKAGES: Final = _event(
    "session.packages", OWN, "Packages and versions, one a line in its body; sent once per content."
)
SESSION_PACKAGE_MANAGER: Final = _attribute(
    "session.package_manager", OWN, "What resolved the environment: rez, ayon, conda, venv."
)
SESSION_DISPLAY: Final = _attribute("session.display", OWN, "One of x11, wayland, windows, macos, none.")
SESSION_LOCALE: Final = _attribute("session.locale", OWN, "Locale of characters and texts.")
SESSION_ENCODING: Final = _attribute("session.encoding", OWN, "Encoding of file names.")
SESSION_TIMEZONE: Final = _attribute("session.timezone", OWN, "Offset of local time from UTC.")
MACHINE_CPU_COUNT: Final = _attribute("machine.cpu.count", OWN, "Logical processors.")
MACHINE_GPU: Final = _attribute("machine.gpu", OWN, "Graphics devices.")
MACHINE_GPU_DRIVER: Final = _attribute("machine.gpu.driver", OWN, "Graphics drivers with versions.")
OS_LIBC: Final = _attribute("os.libc", OWN, "The system's C library with its version.")
SESSION_START: Final = _event("session.start", DEV, "A host started.")
SESSION_END: Final = _event("session.end", DEV, "A host ended; session.status says how.")

_begin("User")
USER_ID: Final = _attribute(
    "user.id", DEV, "Keyed pseudonym of the person at the machine: counts the affected.", PERSON
)
USER_NAME: Final = _attribute("user.name", DEV, "Login name; only where privacy.user is `name`.", PERSON)

_begin("Production")
PRODUCTION_PROJECT: Final = _attribute("production.project", OWN, "Show; often under NDA.", INDIRECT)
PRODUCTION_EPISODE: Final = _attribute("production.episode", OWN, "Episode.")
PRODUCTION_SEQUENCE: Final = _attribute("production.sequence", OWN, "Sequence.")
PRODUCTION_SHOT: Final = _attribute("production.shot", OWN, "Shot.")
PRODUCTION_ASSET: Final = _attribute("production.asset", OWN, "Asset.")
PRODUCTION_STEP: Final = _attribute("production.step", OWN, "Pipeline step: layout, animation, comp.")
PRODUCTION_TASK: Final = _attribute("production.task", OWN, "Task within the step.")
PRODUCTION_ENTITY_TYPE: Final = _attribute("production.entity.type", OWN, "Entity type in the tracker.")
PRODUCTION_ENTITY_ID: Final = _attribute("production.entity.id", OWN, "Entity id in the tracker.")
PRODUCTION_USER: Final = _attribute(
    "production.user", OWN, "Pseudonym of the artist as the tracker knows them; name by policy.", PERSON
)
PRODUCTION_OTHER: Final = _attribute(
    "production.*", OWN, "Whatever else a pipeline passes to clientobs.context().", INDIRECT
)
WORKFILE_VERSION: Final = _attribute("workfile.version", OWN, "Version of the work file.")
PUBLISH_VERSION: Final = _attribute("publish.version", OWN, "Version that was published.")

_begin("Host application")
DCC_PREFIX: Final = "dcc."
DCC_NAME: Final = _attribute("dcc.name", OWN, "One of maya, houdini, nuke, blender ...")
DCC_VERSION: Final = _attribute("dcc.version", OWN, "Its version.")
DCC_MODE: Final = _attribute("dcc.mode", OWN, "One of gui, batch.")
DCC_PLUGINS: Final = _attribute(
    "dcc.plugins",
    OWN,
    "Plug-ins that the host has loaded, with their versions, where its adapter tells them.",
)
DCC_SCENE_PATH: Final = _attribute("dcc.scene.path", OWN, "The open scene.", INDIRECT)

_begin("Tool")
TOOL_NAME: Final = _attribute("tool.name", OWN, "Which pipeline tool.")
TOOL_VERSION: Final = _attribute("tool.version", OWN, "Its version.")
TOOL_OUTCOME: Final = _attribute(
    "tool.outcome",
    OWN,
    "One of ok, rejected (validation said no), cancelled, failed; only failed is a failure.",
)

TOOL_WORK: Final = _attribute(
    "tool.work",
    OWN,
    "Set on a span by code: work that is known to take long (load, save, render ...); raises the hang threshold.",
)

_begin("Farm")
FARM_NAME: Final = _attribute("farm.name", OWN, "One of deadline, opencue, tractor, openjd ...")
FARM_JOB_ID: Final = _attribute("farm.job.id", OWN, "The job.")
FARM_JOB_NAME: Final = _attribute("farm.job.name", OWN, "The job's name.", INDIRECT)
FARM_JOB_USER: Final = _attribute(
    "farm.job.user", OWN, "Pseudonym of who submitted it; name by policy.", PERSON
)
FARM_LAYER_NAME: Final = _attribute("farm.layer.name", OWN, "Layer or step of the job.")
FARM_FRAME_RANGE: Final = _attribute("farm.frame.range", OWN, "Frames of this task, e.g. 1001-1010.")
FARM_TASK_ID: Final = _attribute("farm.task.id", OWN, "The task.")
FARM_ATTEMPT: Final = _attribute("farm.attempt", OWN, "Which attempt at the task, from 1.")
FARM_WORKER_NAME: Final = _attribute("farm.worker.name", OWN, "Which worker ran it.", INDIRECT)
FARM_POOL: Final = _attribute("farm.pool", OWN, "Pool, queue or group of workers.")
FARM_SESSION_ID: Final = _attribute(
    "farm.session.id", OWN, "A worker's stay with a job, in which it runs many tasks (OpenJD)."
)
FARM_ACTION_ID: Final = _attribute("farm.action.id", OWN, "The farm's own id of one attempt at a task.")
FARM_OTHER: Final = _attribute("farm.*", OWN, "Whatever else a pipeline passes to farm_task().", INDIRECT)
FARM_ATTEMPT_COUNTED: Final = _attribute(
    "farm.attempt.counted",
    OWN,
    "True where the farm told no attempt: farm.attempt counts within this process.",
)

_begin("Files and storage")
FILE_PATH: Final = _attribute("file.path", DEV, "Path as the host wrote it, in escaped text.", INDIRECT)
FILE_PATH_BYTES: Final = _attribute("file.path.bytes", OWN, "The same where it cannot be decoded.", INDIRECT)
FILE_PATH_PORTABLE: Final = _attribute(
    "file.path.portable", OWN, "Path below a storage root, alike on all systems: {root}/sq010/...", INDIRECT
)
FILE_EXTENSION: Final = _attribute("file.extension", DEV, "Extension without the dot.")
FILE_SIZE: Final = _attribute("file.size", DEV, "Size in bytes.")
STORAGE_MOUNT: Final = _attribute("storage.mount", OWN, "Mount point that the path lies on.")
STORAGE_KIND: Final = _attribute("storage.kind", OWN, "One of local, nfs, smb, afp, fuse ...")
FILE_OPERATION: Final = _attribute("file.operation", OWN, "One of open, stat, listdir, copyfile ...")
FILE_TARGET: Final = _attribute("file.target", OWN, "Second path of a rename, copy or link.", INDIRECT)
FILE_SOURCE: Final = _attribute("file.source", OWN, "File that a copy read from.", INDIRECT)
FILE_OWNER: Final = _attribute("file.owner", OWN, "User number of who owns what refused access.", INDIRECT)
FILE_GROUP: Final = _attribute("file.group", OWN, "Group number of what refused access.", INDIRECT)
FILE_MODIFIED: Final = _attribute(
    "file.modified", DEV, "Since when a file is there that was not expected (a lock), ISO 8601."
)
FILE_MODE: Final = _attribute("file.mode", OWN, "Permission bits of what refused access, octal.")
FILE_REFUSED_AT: Final = _attribute(
    "file.refused.path", OWN, "The existing folder or file that refused access.", INDIRECT
)
FILE_REFUSED_USER: Final = _attribute(
    "file.refused.user", OWN, "Effective user number that was refused.", INDIRECT
)
FILE_FAILURE_COUNT: Final = _attribute("file.failure.count", OWN, "How many equal failures this stands for.")
FILE_WRITTEN: Final = _attribute("file.written", OWN, "Bytes written to the file until then.")
FILE_COUNT: Final = _attribute("file.count", OWN, "Files that a copy, move or removal of a tree handled.")
ERROR_CODE: Final = _attribute("error.code", OWN, "Name of the system's error number: ENOENT, EACCES ...")
FILE_IO_TIME: Final = _attribute("file.io.time", OWN, "Seconds in file operations under this span.")
FILE_IO_NETWORK_TIME: Final = _attribute("file.io.network.time", OWN, "Seconds of it on network storage.")
FILE_IO_LOCAL_TIME: Final = _attribute("file.io.local.time", OWN, "Seconds of it on local storage.")
FILE_IO_OPERATIONS: Final = _attribute("file.io.operations", OWN, "File operations under this span.")
FILE_IO_OPENED: Final = _attribute("file.io.opened", OWN, "Files opened under this span.")
FILE_IO_READ: Final = _attribute("file.io.read", OWN, "Bytes read under this span.")
FILE_IO_WRITTEN: Final = _attribute("file.io.written", OWN, "Bytes written under this span.")
FILE_IO_READ_ESTIMATED: Final = _attribute(
    "file.io.read.estimated",
    OWN,
    "True where many files were read, and a few measured for all.",
)
FILE_IO_SLOWEST_PATH: Final = _attribute(
    "file.io.slowest.path", OWN, "File of the slowest operation.", INDIRECT
)
FILE_IO_SLOWEST_TIME: Final = _attribute("file.io.slowest.time", OWN, "Seconds that it took.")
FILE_IO_SLOWEST_OPERATION: Final = _attribute("file.io.slowest.operation", OWN, "What it did: open, read ...")
FILE_IO_MOUNTS: Final = _attribute("file.io.mounts", OWN, "Mounts used, the one that took longest first.")
FILE_IO_MOUNT_KINDS: Final = _attribute("file.io.mounts.kind", OWN, "Storage kind of each of the mounts.")
FILE_IO_MOUNT_TIMES: Final = _attribute("file.io.mounts.time", OWN, "Seconds on each of the mounts.")
FILE_IO_MOUNT_OPERATIONS: Final = _attribute("file.io.mounts.operations", OWN, "Operations on each.")
FILE_IO_MOUNT_READ: Final = _attribute("file.io.mounts.read", OWN, "Bytes read from each of the mounts.")
FILE_IO_MOUNT_WRITTEN: Final = _attribute("file.io.mounts.written", OWN, "Bytes written to each.")
FILE_IO_FAILED: Final = _attribute("file.io.failed", OWN, "File operations that failed, probing included.")
FILE_IO_FAILURES: Final = _attribute(
    "file.io.failures", OWN, "The failures, equal ones folded: code, operation, path, count.", INDIRECT
)
FILE_IO_MISSING: Final = _attribute(
    "file.io.missing", OWN, "Files that were asked for and not there.", INDIRECT
)
FILE_IO_EMPTY: Final = _attribute("file.io.empty", OWN, "Files that were written and are empty.", INDIRECT)
FILE_IO_SHORT: Final = _attribute(
    "file.io.short", OWN, "Files that are shorter than what was written to them.", INDIRECT
)
FILE_IO_LEFT: Final = _attribute(
    "file.io.left_behind", OWN, "Files that are there, and cut short by a failed write.", INDIRECT
)
FILE_IO_ATOMIC: Final = _attribute("file.io.atomic", OWN, "Files that were put in place whole, by a rename.")
FILE_IO_OUTSIDE: Final = _attribute(
    "file.io.outside_roots", OWN, "Files that a publish wrote outside every storage root.", INDIRECT
)
FILE_IO_SPANS_DROPPED: Final = _attribute(
    "file.io.spans_dropped", OWN, "Operations that deserved a span when the trace's budget was used up."
)
STORAGE_FREE: Final = _attribute("storage.free", OWN, "Free bytes of a full storage.")
STORAGE_SIZE: Final = _attribute("storage.size", OWN, "Size of a full storage in bytes.")
FILE_OPERATION_DURATION: Final = _metric(
    "file.operation.duration", OWN, "s", "histogram", "Time of file operations by mount, kind and operation."
)
FILE_OPERATION_SIZE: Final = _metric(
    "file.operation.size", OWN, "By", "histogram", "Bytes of files read and written, by mount and kind."
)
STORAGE_ROOT: Final = _attribute("storage.root", OWN, "Name of the configured storage root.")
STORAGE_HUNG: Final = _event("storage.hung", OWN, "A mount that a host waits for does not answer the drain.")
STORAGE_ROOT_MISSING: Final = _event("storage.root_missing", OWN, "A configured storage root is not there.")

_begin("HTTP")
HTTP_REQUEST_METHOD: Final = _attribute("http.request.method", STABLE, "One of GET, POST ..., else _OTHER.")
HTTP_REQUEST_METHOD_ORIGINAL: Final = _attribute(
    "http.request.method_original", STABLE, "The method as it was sent, where it is none that HTTP knows."
)
URL_FULL: Final = _attribute(
    "url.full", STABLE, "What was asked for; logins, tokens and signatures redacted.", INDIRECT
)
SERVER_ADDRESS: Final = _attribute("server.address", STABLE, "Name of the server that was asked.", INDIRECT)
SERVER_PORT: Final = _attribute("server.port", STABLE, "Its port.")
NETWORK_PEER_ADDRESS: Final = _attribute(
    "network.peer.address", STABLE, "Address that the connection led to: the server's, or a proxy's."
)
NETWORK_PROTOCOL_VERSION: Final = _attribute(
    "network.protocol.version", STABLE, "Version of HTTP: 1.0 or 1.1."
)
HTTP_RESPONSE_STATUS_CODE: Final = _attribute("http.response.status_code", STABLE, "The server's answer.")
HTTP_REQUEST_RESEND_COUNT: Final = _attribute(
    "http.request.resend_count", STABLE, "How many attempts, or redirections, came before this one."
)
HTTP_REQUEST_BODY_SIZE: Final = _attribute(
    "http.request.body.size", DEV, "Bytes of body that were sent, the framing of chunks included."
)
HTTP_RESPONSE_BODY_SIZE: Final = _attribute(
    "http.response.body.size", DEV, "Bytes of body that were read, where the server said how many there are."
)
HTTP_RESPONSE_SIZE: Final = _attribute(
    "http.response.size", DEV, "Bytes of the answer that arrived, its head included."
)
HTTP_CONNECT_TIME: Final = _attribute(
    "http.connect.time",
    OWN,
    "Seconds for name, connection, tunnel and TLS; none where a connection was kept.",
)
HTTP_WAIT_TIME: Final = _attribute(
    "http.wait.time", OWN, "Seconds from the end of the request to the answer's head."
)
HTTP_CLIENT_REQUEST_DURATION: Final = _metric(
    "http.client.request.duration", STABLE, "s", "histogram", "Time of HTTP requests by server and outcome."
)

_begin("Failures")
ERROR_TYPE: Final = _attribute("error.type", STABLE, "Class of the failure: the name to group by.")
EXCEPTION_TYPE: Final = _attribute("exception.type", STABLE, "Class of the exception, with its module.")
EXCEPTION_MESSAGE: Final = _attribute("exception.message", STABLE, "Its message, redacted.", INDIRECT)
EXCEPTION_STACKTRACE: Final = _attribute("exception.stacktrace", STABLE, "Its traceback.", INDIRECT)
EXCEPTION_ESCAPED: Final = _attribute(
    "exception.escaped", STABLE, "Of an event of a span: whether it left the span, True or False as a text."
)
TEXT_ENCODING: Final = _attribute(
    "text.encoding", OWN, "Encoding by which a text could not be read or written."
)
TEXT_POSITION: Final = _attribute("text.position", OWN, "Where in the text, in bytes (read) or characters.")
TEXT_ESCAPED: Final = _attribute(
    "text.escaped", OWN, "The text if it may be a path, else the part that failed; escaped.", INDIRECT
)
TEXT_BYTES: Final = _attribute("text.bytes", OWN, "The same as bytes, in hex.", INDIRECT)
TEXT_LOCALE: Final = _attribute("text.locale", OWN, "Locale of the process (LC_CTYPE).")
TEXT_FILESYSTEM_ENCODING: Final = _attribute(
    "text.filesystem_encoding",
    OWN,
    "Encoding of paths in the process, and what it does with what doesn't fit.",
)
EXCEPTION_FINGERPRINT: Final = _attribute(
    "exception.fingerprint", OWN, "The same for one fault, whoever meets it, on whatever system and release."
)
EXCEPTION_MECHANISM: Final = _attribute(
    "exception.mechanism",
    OWN,
    "Where seen: span, main, thread, unraisable, asyncio, future, qt, callback, publish, log, handling, printed.",
)
EXCEPTION_FILES: Final = _attribute(
    "exception.files",
    OWN,
    "Files, or else paths, that the functions it came through had in their hands, the innermost last.",
    INDIRECT,
)
EXCEPTION_LOCALS: Final = _attribute(
    "exception.locals", OWN, "Local variables, redacted; only where exceptions.locals is on.", INDIRECT
)
EXCEPTION_OWNER: Final = _attribute(
    "exception.owner", OWN, "What it came out of where nobody could catch it: a function, a class, a task."
)
FAULT_ID: Final = _attribute(
    "fault.id", OWN, "Random; the same on all records about one fault, and on what was raised from it."
)
IMPORTS_MISSING: Final = _metric(
    "import.missing.count",
    OWN,
    "{import}",
    "counter",
    "Imports of modules that are not there and that the program goes on without, by import.missing.",
)
IMPORT_MODULE: Final = _attribute("import.module", OWN, "Module whose import failed.")
IMPORT_MODULE_PATH: Final = _attribute("import.module.path", OWN, "Its file.", INDIRECT)
IMPORT_MISSING: Final = _attribute(
    "import.missing", OWN, "Module or name that it wanted and that is missing."
)
IMPORT_LIBRARY: Final = _attribute(
    "import.library", OWN, "Shared library that could not be loaded.", INDIRECT
)
IMPORT_OTHER_BUILDS: Final = _attribute(
    "import.other_builds",
    OWN,
    "Binaries of the missing module that are there, and built for another Python.",
    INDIRECT,
)
IMPORT_PATH: Final = _attribute("import.path", OWN, "File in which the name was looked for.", INDIRECT)
IMPORT_CHAIN: Final = _attribute(
    "import.chain", OWN, "Modules that were importing each other, first to last."
)
IMPORT_PATH_ENTRY: Final = _attribute(
    "import.path_entry", OWN, "Entry of sys.path that the failed module came from.", INDIRECT
)
IMPORT_PATH_PLACE: Final = _attribute("import.path_entry.index", OWN, "Its place on sys.path, from 0.")
IMPORT_SEARCHED: Final = _attribute("import.path_entries", OWN, "How many entries sys.path had.")
IMPORT_INTERPRETER: Final = _attribute("import.interpreter", OWN, "Interpreter and its version.", INDIRECT)
QT_RECEIVER: Final = _attribute(
    "qt.receiver", OWN, "Class and name of the widget or object whose slot raised."
)
QT_SLOT: Final = _attribute("qt.slot", OWN, "The slot.")
QT_SENDER: Final = _attribute("qt.sender", OWN, "Class and name of what had sent the signal.")
QT_CATEGORY: Final = _attribute("qt.category", OWN, "Logging category of a message of Qt's own.")
PUBLISH_PLUGIN: Final = _attribute("publish.plugin", OWN, "Publish plug-in that raised.")
PUBLISH_INSTANCE: Final = _attribute("publish.instance", OWN, "Instance that it was working on.", INDIRECT)
PUBLISH_REJECTED_BY: Final = _attribute("publish.rejected_by", OWN, "Validators that said no.")
PROBLEM_CODE: Final = _attribute("problem.code", OWN, "Short code that an artist reads out to support.")
PROBLEM_MESSAGE: Final = _attribute("problem.message", OWN, "What the artist wrote, redacted.", INDIRECT)
PROBLEM_TRACES: Final = _attribute(
    "problem.traces", OWN, "Trace ids of what was done before the report, the newest first."
)
PROBLEM_TRACE_NAMES: Final = _attribute(
    "problem.traces.name", OWN, "What each of them was, how it ended and how long ago."
)
PROBLEM_ERRORS: Final = _attribute(
    "problem.errors", OWN, "The last errors before a report, the newest last.", INDIRECT
)
PROBLEM_SESSION: Final = _attribute(
    "problem.session.id", OWN, "The session that a report from outside of it is about."
)
PROBLEM_SCREENSHOT: Final = _attribute(
    "problem.screenshot.path", OWN, "Where the picture of a report lies on its machine.", INDIRECT
)
PROBLEM_SCREENSHOT_SIZE: Final = _attribute("problem.screenshot.size", OWN, "Its size in bytes.")
PROBLEM_SCREENSHOT_ERROR: Final = _attribute(
    "problem.screenshot.error", OWN, "Why there is no picture, where one was asked for.", INDIRECT
)
PROCESS_MEMORY_LIMIT: Final = _attribute(
    "process.memory.limit", OWN, "Bytes of address space that a process out of memory may have (ulimit -v)."
)
PROCESS_ADDRESS_SPACE: Final = _attribute(
    "process.memory.address_space", OWN, "Bytes of address space that such a process had taken."
)
PROBLEM_THREADS: Final = _attribute("problem.threads", OWN, "Threads of the host at a report.")
PROBLEM_LOAD: Final = _attribute("problem.load", OWN, "Load of the machine at a report: the last minute's.")
PROCESS_MEMORY_RESIDENT: Final = _attribute(
    "process.memory.resident", OWN, "Resident memory of the host at a report, in bytes."
)
APP_CRASH: Final = _event("app.crash", DEV, "A host died by a crash; positive evidence only.")
CRASH_MODULE: Final = _attribute(
    "app.crash.module", OWN, "Binary in which it crashed, where the system recorded that.", INDIRECT
)
CRASH_FILES: Final = _attribute(
    "app.crash.files", OWN, "Files that the host or the system left of it, by path.", INDIRECT
)
CRASH_LOOP_DEATHS: Final = _attribute(
    "clientobs.crash_loop.deaths", OWN, "How many starts in a row died soon."
)
OPEN_SPANS: Final = _attribute("session.open_spans", OWN, "Spans that were open at the end, outermost first.")
LAST_LOG_LINES: Final = _attribute(
    "session.log_lines", OWN, "The last log lines before a crash or a report, the newest last.", INDIRECT
)
APP_HANG: Final = _event("app.hang", OWN, "A host's main thread stood still.")
LAUNCH_DURATION: Final = _attribute(
    "app.launch.duration", OWN, "Seconds from the launch to the end of an application that did not come up."
)
APP_HANG_END: Final = _event("app.hang.end", OWN, "It answered again: how long it took, and who it was.")
HANG_ID: Final = _attribute("app.hang.id", OWN, "One hang: ties its end to it.")
HANG_REASON: Final = _attribute(
    "app.hang.reason",
    OWN,
    "One of interface, computing, file, deadlock, native (the interpreter lock is held), stalled.",
)
HANG_SINCE: Final = _attribute("app.hang.since", OWN, "Since when nothing had answered, ISO 8601.")
HANG_DURATION: Final = _attribute("app.hang.duration", OWN, "How long it stood still until then, in seconds.")
HANG_THRESHOLD: Final = _attribute("app.hang.threshold", OWN, "From how many seconds on it was one.")
HANG_STACKS: Final = _attribute(
    "app.hang.stacks",
    OWN,
    "Folded stacks of the main thread, `outer;inner count`, the most frequent first.",
    INDIRECT,
)
HANG_THREADS: Final = _attribute(
    "app.hang.threads", OWN, "Where the other threads stood, `name: outer;inner`.", INDIRECT
)
HANG_WAITS: Final = _attribute(
    "app.hang.waits",
    OWN,
    "Who waits for whose lock, end or result, or for which event, a sentence each.",
    INDIRECT,
)
HANG_STACK_SOURCE: Final = _attribute(
    "app.hang.stack_source", OWN, "Who looked: the host itself, py-spy from outside, or nobody could."
)
APP_START_FAILED: Final = _event("app.start_failed", OWN, "A host or tool did not come up.")
PROBLEM_REPORT: Final = _event("problem.report", OWN, "A person reported a problem.", INDIRECT)
PROCESS_FAILED: Final = _event("process.failed", OWN, "A child process ended with an error.")
EXCEPTION: Final = _event("exception", DEV, "An exception ended a span or was logged.")

_begin("Code, threads, logs")
CODE_FUNCTION_NAME: Final = _attribute("code.function.name", STABLE, "Function that recorded it.")
CODE_FILE_PATH: Final = _attribute("code.file.path", STABLE, "Its source file.", INDIRECT)
CODE_LINE_NUMBER: Final = _attribute("code.line.number", STABLE, "Its line.")
CODE_STACKTRACE: Final = _attribute("code.stacktrace", STABLE, "Stack at that moment.", INDIRECT)
THREAD_ID: Final = _attribute("thread.id", DEV, "Thread number.")
THREAD_NAME: Final = _attribute("thread.name", DEV, "Thread name.")
LOG_RECORD_UID: Final = _attribute("log.record.uid", DEV, "Run and sequence number: a resend is recognized.")
LOG_FILE_PATH: Final = _attribute("log.file.path", DEV, "Log file that the line came from.", INDIRECT)
LOG_FILE_NAME: Final = _attribute("log.file.name", DEV, "Its name.")
LOG_FILE_OFFSET: Final = _attribute("log.file.offset", OWN, "Where in it the record ends, in bytes.")
LOG_IOSTREAM: Final = _attribute("log.iostream", DEV, "One of stdout, stderr.")
LOG_SOURCE: Final = _attribute("log.source", OWN, "Message stream of a host that it came from.")
LOG_ARGUMENTS_BROKEN: Final = _attribute(
    "log.arguments.broken", OWN, "True where the arguments of a record don't fit its format."
)
WARNING_CATEGORY: Final = _attribute("warning.category", OWN, "Class of a warning of Python's.")
LEFT_OUT: Final = _attribute(
    "clientobs.left_out", OWN, "How many of the same sort were left out before this one, for coming too fast."
)

_begin("clientobs itself")
INTERRUPTED: Final = _attribute(
    "clientobs.interrupted", OWN, "True on a span that was open when its process died: it ends with the run."
)
EXIT_WAY: Final = _attribute(
    "clientobs.exit.way",
    OWN,
    "How a program under `clientobs run` ended: ran_out, exception, sys.exit, SystemExit, os._exit, exec, shutdown, "
    "not_opened.",
)
LINK_KIND: Final = _attribute(
    "clientobs.link.kind", OWN, "Why a link is there: launcher, submission or process."
)
LOSS_REASON: Final = _attribute("clientobs.loss.reason", OWN, "Why records were lost: quota, storm, torn ...")
STORM_SPAN_NAME: Final = _attribute("clientobs.storm.name", OWN, "Name of spans or events that was thinned.")
STORM_DROPPED: Final = _attribute("clientobs.storm.dropped", OWN, "How many of that name were left out.")
CONFIG_FILE: Final = _attribute("clientobs.config.file", OWN, "Configuration file with a problem.", INDIRECT)
CONFIG_LINE: Final = _attribute("clientobs.config.line", OWN, "Line of the problem.")
CONFIG_KEY: Final = _attribute("clientobs.config.key", OWN, "Key, variable or argument of the problem.")
PATCH_NAME: Final = _attribute("clientobs.patch.name", OWN, "Instrument that a breaker turned off.")
PATCH_SHARE: Final = _attribute("clientobs.patch.share", OWN, "Share of the time that it took until then.")
PATCH_PAUSE: Final = _attribute("clientobs.patch.pause", OWN, "For how long it is off: seconds.")
OTEL_SIGNAL: Final = _attribute("clientobs.signal", OWN, "One of traces, logs, metrics.")
METRIC_OVERFLOW: Final = _attribute(
    "otel.metric.overflow", STABLE, "True on the one series that takes what exceeds the machine's bound."
)
CONFIG_PROBLEM: Final = _event(
    "clientobs.config.problem", OWN, "A configuration value was left out as broken."
)
INIT_REPEATED: Final = _event(
    "clientobs.init.repeated", OWN, "A second init() was called; the first one holds."
)
STORM: Final = _event("clientobs.storm", OWN, "Records of one name came too fast and were thinned.")
PATCH_DISABLED: Final = _event(
    "clientobs.patch.disabled", OWN, "An instrument cost too much and turned itself off for a while."
)
PATCH_ENABLED: Final = _event(
    "clientobs.patch.enabled", OWN, "An instrument that had turned itself off is on again."
)
CRASH_LOOP: Final = _event("clientobs.crash_loop", OWN, "Two deaths after init: this start patches nothing.")
JOURNAL_IN_MEMORY: Final = _event(
    "clientobs.journal.memory", OWN, "No folder on disk can be used: memory only."
)
RECORDS_LOST: Final = _metric(
    "clientobs.records.lost", OWN, "{record}", "counter", "Records lost, by clientobs.loss.reason."
)
RECORDS_DELIVERED: Final = _metric(
    "clientobs.records.delivered", OWN, "{record}", "counter", "Records that the endpoint took, by signal."
)

_begin("Machine and process vitals")
CPU_MODE: Final = _attribute("cpu.mode", DEV, "One of user, system, idle, iowait ...")
SYSTEM_MEMORY_STATE: Final = _attribute("system.memory.state", DEV, "One of used, free, cached ...")
SYSTEM_FILESYSTEM_STATE: Final = _attribute("system.filesystem.state", DEV, "One of used, free, reserved.")
SYSTEM_PAGING_STATE: Final = _attribute("system.paging.state", DEV, "One of used, free.")
DISK_IO_DIRECTION: Final = _attribute("disk.io.direction", DEV, "One of read, write.")
NETWORK_IO_DIRECTION: Final = _attribute("network.io.direction", DEV, "One of receive, transmit.")
SYSTEM_CPU_UTILIZATION: Final = _metric("system.cpu.utilization", DEV, "1", "gauge", "Share of it in use.")
SYSTEM_CPU_LOGICAL_COUNT: Final = _metric("system.cpu.logical.count", DEV, "{cpu}", "updowncounter", "Cores.")
SYSTEM_MEMORY_USAGE: Final = _metric("system.memory.usage", DEV, "By", "updowncounter", "Memory by state.")
SYSTEM_MEMORY_LIMIT: Final = _metric("system.memory.limit", DEV, "By", "updowncounter", "Memory there is.")
SYSTEM_MEMORY_UTILIZATION: Final = _metric("system.memory.utilization", DEV, "1", "gauge", "Share in use.")
SYSTEM_PAGING_USAGE: Final = _metric("system.paging.usage", DEV, "By", "updowncounter", "Swap by state.")
SYSTEM_DISK_IO: Final = _metric("system.disk.io", DEV, "By", "counter", "Bytes read and written.")
SYSTEM_DISK_OPERATIONS: Final = _metric(
    "system.disk.operations", DEV, "{operation}", "counter", "Reads and writes."
)
SYSTEM_FILESYSTEM_USAGE: Final = _metric(
    "system.filesystem.usage", DEV, "By", "updowncounter", "Space by state, local file systems."
)
SYSTEM_NETWORK_IO: Final = _metric("system.network.io", DEV, "By", "counter", "Bytes received and sent.")
SYSTEM_NETWORK_ERRORS: Final = _metric("system.network.errors", DEV, "{error}", "counter", "Network errors.")
PROCESS_IO: Final = _metric(
    "process.io", OWN, "By", "counter", "Bytes that a host's read and write calls moved, C and C++ included."
)
PROCESS_DISK_IO: Final = _metric(
    "process.disk.io", RC, "By", "counter", "Bytes that a host fetched from storage and handed to it."
)

VITAL_EVENTS: Final = frozenset(
    {
        SESSION_START,
        SESSION_ENVIRONMENT,
        SESSION_PACKAGES,
        SESSION_END,
        APP_CRASH,
        APP_HANG,
        APP_HANG_END,
        APP_START_FAILED,
        PROBLEM_REPORT,
        STORAGE_HUNG,
        STORAGE_ROOT_MISSING,
        CONFIG_PROBLEM,
        JOURNAL_IN_MEMORY,
    }
)
"""Events of the vital lane: what a person must find after a weekend's storm has filled the bulk lane."""
