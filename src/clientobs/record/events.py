"""`clientobs.event`: one thing that happened, with a sentence that a person can read."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, get_args

from clientobs._guarded import guarded
from clientobs.errors import ConfigError
from clientobs.record import recorder as _recorder

__all__ = ["Severity", "event"]

Severity: TypeAlias = Literal["trace", "debug", "info", "warn", "error", "fatal"]

# The first SeverityNumber of each range: opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
_NUMBER: Final = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
_ALIASES: Final = {"warning": "warn", "critical": "fatal"}


def event(name: str, body: object = None, *, severity: Severity = "info", **attributes: Any) -> None:
    """Record an event, tied to the current span and the production context.

    `name` is a stable, dotted name to search for ("asset.published"), `body` a sentence for people.
    Raises ConfigError for a name that is no text, and for a severity that is not one of trace, debug, info, warn,
    error, fatal.

    >>> event("asset.published", "Published hero_rig v012", asset="hero_rig")
    """
    if not isinstance(name, str):
        raise ConfigError(f'event(<{type(name).__name__}>) has no name; use a text such as "asset.published"')
    level = _ALIASES.get(severity, severity) if type(severity) is str else ""
    if level not in _NUMBER:
        accepted = ", ".join(get_args(Severity))
        given = repr(severity) if type(severity) is str else f"<{type(severity).__name__}>"
        raise ConfigError(f"event(severity={given}) is not a severity; use one of {accepted}")
    _emit(name, body, level, attributes)


@guarded("event", default=None)
def _emit(name: str, body: object, level: str, attributes: dict[str, Any]) -> None:
    recorder = _recorder.active()
    if recorder is None:
        return
    clean = recorder.redactor.name(name)
    if recorder.voice.lines.has_no_room(clean):
        return
    from opentelemetry._logs import SeverityNumber  # noqa: PLC0415  # loaded with the SDK

    recorder.voice.logger.emit(
        severity_number=SeverityNumber(_NUMBER[level]),
        severity_text=level.upper(),
        body=body,
        # Plain before the SDK sees them: it would iterate a range(10**12), and follow a list that holds itself.
        attributes=recorder.redactor.attributes(attributes),
        event_name=clean,
    )
