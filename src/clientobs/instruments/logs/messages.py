"""A way in for messages that don't come through `logging`: a host's own streams, and other logging libraries.

Host adapters hand over what Maya's command output, Houdini's message log or Blender's reports say. The same level,
the same rate limit and the same redaction hold for them as for a record of `logging`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import guarded
from clientobs.instruments import registry
from clientobs.instruments.logs.attributes import severity_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.instruments.logs.desk import Desk

__all__ = ["LEVELS", "desk", "message"]

LEVELS: Final = {
    "trace": 5,
    "debug": 10,
    "info": 20,
    "success": 25,
    "warn": 30,
    "warning": 30,
    "error": 40,
    "fatal": 50,
    "critical": 50,
    "exception": 40,
}
"""Levels by the names that logging libraries give them."""


@guarded("logs.message", default=None)
def message(
    source: str, text: str, *, severity: str = "info", attributes: Mapping[str, Any] | None = None
) -> None:
    """Record one message of a stream of the host's own; `source` names it ("maya.output").

    Nothing happens while the instrument `logs` is off. One text that comes again and again is limited as a line of
    code is.

    >>> message("maya.output", "Result: pCube1")
    """
    here = desk()
    level = LEVELS.get(severity.lower(), LEVELS["info"])
    if here is None or level < here.levels[source]:
        return
    key = (source, hash(text[:64]), level, source)
    before = here.admit(key, text)
    if before < 0:
        return
    found = {semconv.LOG_SOURCE: source, **(attributes or {})}
    if before:
        found[semconv.LEFT_OUT] = before
    here.line(source, *severity_of(level), text, found)


def desk() -> Desk | None:
    """Return the desk of the instrument while it is on."""
    found: Any = registry.active().get("logs")
    made: Desk | None = getattr(found, "desk", None)
    return made
