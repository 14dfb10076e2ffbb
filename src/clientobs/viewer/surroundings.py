"""Under what a session ran, put together from its records: for `clientobs diff-env`.

The same whether the records come from a journal, from a bundle, or from what Loki returned: there the dots of names
are underscores, and lists are text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clientobs.viewer.recordings import Recordings

__all__ = ["MACHINE", "VERSIONS", "Surroundings", "packages_of", "surroundings_in", "variables_of"]

VERSIONS: Final = (
    semconv.SERVICE_NAME,
    semconv.SERVICE_VERSION,
    semconv.DCC_NAME,
    semconv.DCC_VERSION,
    semconv.DCC_MODE,
    semconv.PROCESS_RUNTIME_NAME,
    semconv.PROCESS_RUNTIME_VERSION,
    semconv.PROCESS_RUNTIME_DESCRIPTION,
    semconv.PROCESS_EXECUTABLE_PATH,
    semconv.TELEMETRY_SDK_VERSION,
    semconv.TELEMETRY_DISTRO_VERSION,
    semconv.DEPLOYMENT_ENVIRONMENT_NAME,
)
MACHINE: Final = (
    semconv.OS_TYPE,
    semconv.OS_NAME,
    semconv.OS_DESCRIPTION,
    semconv.OS_VERSION,
    semconv.OS_LIBC,
    semconv.HOST_ARCH,
    semconv.MACHINE_CPU_COUNT,
    semconv.MACHINE_MEMORY_TOTAL,
    semconv.MACHINE_GPU,
    semconv.MACHINE_GPU_DRIVER,
    semconv.SESSION_DISPLAY,
    semconv.SESSION_LOCALE,
    semconv.SESSION_ENCODING,
    semconv.SESSION_TIMEZONE,
    semconv.SESSION_PACKAGE_MANAGER,
    semconv.SESSION_PACKAGES_UNREAD,
)
_VARIABLE: Final = semconv.PROCESS_ENVIRONMENT_VARIABLE.removesuffix("*")
_MOST_PACKAGES: Final = 5_000


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """One session's. `packages` and `variables` are None where their content is not among the records."""

    session: str
    host: str = ""
    started_ns: int = 0
    last_ns: int = 0
    environment_id: str = ""
    packages_id: str = ""
    packages: dict[str, str] | None = None
    variables: dict[str, str] | None = None
    facts: dict[str, str] = field(default_factory=dict)
    """Versions and the machine, by attribute name."""
    tools: dict[str, str] = field(default_factory=dict)
    """tool.name -> tool.version."""

    def learn(self, attributes: Mapping[str, Any]) -> None:
        """Take what attributes of the resource or of a session's event say; the later word counts."""
        for name in (*VERSIONS, *MACHINE):
            if attributes.get(name) not in (None, ""):
                self.facts[name] = _text(attributes[name])
        self.host = str(attributes.get(semconv.HOST_NAME) or self.host)
        tool = attributes.get(semconv.TOOL_NAME)
        if isinstance(tool, str):
            self.tools[tool] = str(attributes.get(semconv.TOOL_VERSION) or "")


def surroundings_in(recordings: Recordings) -> dict[str, Surroundings]:
    """Return what each session of a journal or bundle ran under, by its id."""
    found: dict[str, Surroundings] = {}
    for folder, segment in reversed(list(recordings.newest_first())):
        if segment.lane != "vital":
            continue
        recordings.read(folder, segment)
        run = recordings.runs.get(folder.run)
        logs = recordings.book.take()[1]
        if run is None or run.role != "main":
            continue
        one = found.setdefault(run.session, Surroundings(session=run.session, started_ns=run.started_ns))
        one.last_ns = max(one.last_ns, run.last_ns)
        one.learn(run.resource)
        for log in logs:
            one.learn(log.context)
            attributes = log.record.attributes
            if log.record.event_name in {semconv.SESSION_START, semconv.SESSION_ENVIRONMENT}:
                one.learn(attributes)
            if log.record.event_name == semconv.SESSION_ENVIRONMENT:
                _take_ids(one, attributes)
                one.variables = variables_of(attributes)
            elif log.record.event_name == semconv.SESSION_PACKAGES:
                one.packages = packages_of(log.record.body)
    for one in found.values():
        _complete(one, recordings)
    return found


def variables_of(attributes: Mapping[str, Any], prefix: str = _VARIABLE) -> dict[str, str]:
    """Return the environment variables among attributes."""
    return {
        name[len(prefix) :]: _text(value) for name, value in attributes.items() if name.startswith(prefix)
    }


def packages_of(body: object) -> dict[str, str]:
    r"""Return the packages that the body of session.packages lists.

    >>> packages_of("2 packages\nnumpy 1.26.4\nopen-color-io 2.3")
    {'numpy': '1.26.4', 'open-color-io': '2.3'}
    """
    lines: Iterable[str] = body.splitlines()[1 : _MOST_PACKAGES + 1] if isinstance(body, str) else ()
    return {name: version for name, _, version in (line.partition(" ") for line in lines) if name}


def _take_ids(one: Surroundings, attributes: Mapping[str, Any]) -> None:
    one.environment_id = str(attributes.get(semconv.SESSION_ENVIRONMENT_ID, ""))
    one.packages_id = str(attributes.get(semconv.SESSION_PACKAGES_ID, ""))


def _complete(one: Surroundings, recordings: Recordings) -> None:
    """Add the contents that this session only refers to."""
    lasting = recordings.content(one.environment_id).get("variables")
    if isinstance(lasting, dict):
        one.variables = {
            **{str(name): _text(value) for name, value in lasting.items()},
            **(one.variables or {}),
        }
    packages = recordings.content(one.packages_id).get("packages")
    if isinstance(packages, dict):
        one.packages = {str(name): _text(value) for name, value in packages.items()}


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
