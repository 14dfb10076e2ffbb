"""The session's own events: session.start at init, session.end at a clean end, config problems between.

session.end of a run that died is the drain's to write (drain/runs/recover.py): nobody else is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clientobs import semconv
from clientobs._dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clientobs.config.problems import Problem
    from clientobs.pipeline.assembly import Voice

__all__ = ["SessionEvents"]

_INFO = 9
_WARN = 13
_TOLD = 20


@dataclass(slots=True, kw_only=True)
class SessionEvents:
    """Emits through the logger that the runtime records with, whichever that is at the time."""

    voice: Voice
    started_mono: int
    kind: str

    def started(self, service: str, version: str | None, host: Mapping[str, Any]) -> None:
        """Tell that the session began; `host` are attributes of the application that it runs in."""
        release = f" {version}" if version else ""
        self._emit(
            semconv.SESSION_START,
            _INFO,
            f"{service}{release} started ({self.kind})",
            {semconv.SESSION_KIND: self.kind, **host},
        )

    def environment(self, attributes: dict[str, Any], *, variables: int, new: bool) -> None:
        """Tell under which environment the session runs; `new` says that its variables are with it."""
        sent = "recorded here" if new else "the same as before"
        self._emit(
            semconv.SESSION_ENVIRONMENT, _INFO, f"{variables} environment variables, {sent}", attributes
        )

    def packages(self, number: str, versions: Mapping[str, str]) -> None:
        """Tell which packages there are, one a line: blank between name and version, no secret looks so."""
        lines = [f"{name} {version}" for name, version in sorted(versions.items())]
        self._emit(
            semconv.SESSION_PACKAGES,
            _INFO,
            "\n".join([f"{len(lines)} packages", *lines]),
            {semconv.SESSION_PACKAGES_ID: number, semconv.SESSION_PACKAGES_COUNT: len(lines)},
        )

    def ended(self, now_mono: int, evidence: str) -> None:
        """Tell that the session ended as it should; `evidence` says how ("atexit", "os._exit 0", "exec x")."""
        seconds = (now_mono - self.started_mono) / 1e9
        self._emit(
            semconv.SESSION_END,
            _INFO,
            f"Session ended after {seconds:.1f} s",
            {
                semconv.SESSION_STATUS: "exited",
                semconv.SESSION_EVIDENCE: evidence,
                semconv.SESSION_DURATION: seconds,
                **_ending(evidence),
            },
        )

    def problems(self, found: Sequence[Problem]) -> None:
        """Tell, in one event, that parts of the configuration were not valid and were passed over."""
        if not found:
            return
        first, told = found[0], "; ".join(str(problem) for problem in found[:_TOLD])
        attributes = {
            semconv.CONFIG_FILE: first.file,
            semconv.CONFIG_LINE: first.line,
            semconv.CONFIG_KEY: first.key,
        }
        self._emit(
            semconv.CONFIG_PROBLEM,
            _WARN,
            f"clientobs runs with the valid part of its configuration; not valid: {told}",
            {key: value for key, value in attributes.items() if value is not None},
        )

    def crash_loop(self, deaths: int) -> None:
        """Tell that this start patches nothing, because its predecessors died."""
        self._emit(
            semconv.CRASH_LOOP,
            _WARN,
            f"The last {deaths} starts died within two minutes: this one runs without instruments",
            {semconv.CRASH_LOOP_DEATHS: deaths},
        )

    def in_memory(self, folder: str, refused: str) -> None:
        """Tell that no disk takes the journal, so that it is kept in memory."""
        self._emit(
            semconv.JOURNAL_IN_MEMORY,
            _WARN,
            f"The journal is in memory ({folder}): what is not delivered is lost at a reboot. "
            f"No folder on disk can be used ({refused})",
            {},
        )

    def repeated(self, service: str) -> None:
        """Tell that a later init() asked for other settings; the first call's stay."""
        self._emit(
            semconv.INIT_REPEATED,
            _INFO,
            f"init({service!r}) joined the running session: the settings of the first init() hold",
            {semconv.TOOL_NAME: service},
        )

    def _emit(self, name: str, severity: int, body: str, attributes: dict[str, Any]) -> None:
        from opentelemetry._logs import SeverityNumber  # noqa: PLC0415  # loaded with the SDK

        number = SeverityNumber(severity)
        self.voice.logger.emit(
            severity_number=number,
            severity_text=number.name,
            body=body,
            attributes=attributes,
            event_name=name,
        )


def _ending(evidence: str) -> dict[str, Any]:
    """Return the kind of a clean end, with the code where the program has said one.

    >>> _ending("os._exit 3")
    {'session.ending': 'os._exit', 'process.exit.code': 3}
    """
    how, _, code = evidence.partition(" ")
    if how != "os._exit":
        return {semconv.SESSION_ENDING: "exited"}
    number = {semconv.PROCESS_EXIT_CODE: int(code)} if code.lstrip("-").isdecimal() else {}
    return {semconv.SESSION_ENDING: how, **number}
