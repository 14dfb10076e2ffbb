"""OpenTelemetry's own log handler, where the program has one too: a record must not be written twice.

It hands records to a logger provider. Where that is the one that ours go through as well, it is left to do so.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from clientobs.record.recorder import Recorder

__all__ = ["ForeignHandlers"]

_NAME: Final = "LoggingHandler"
_PACKAGE: Final = "opentelemetry."


class ForeignHandlers:
    """Knows whether any such handler exists, at the price of one look at the number of handlers."""

    __slots__ = ("_any", "_count", "_handlers")

    def __init__(self) -> None:
        self._handlers: list[Any] = getattr(logging, "_handlerList", [])
        self._count = -1
        self._any = False

    def look(self) -> None:
        """Look for them again."""
        self._count = len(self._handlers)
        self._any = any(_is_one(reference()) for reference in list(self._handlers))

    def will_take(self, logger: logging.Logger, recorder: Recorder) -> bool:
        """Say whether a handler of OpenTelemetry's will carry a record of `logger` to where ours go."""
        if len(self._handlers) != self._count:
            self.look()
        if not self._any:
            return False
        at: Any = logger
        while at is not None:
            for handler in at.handlers:
                if _is_one(handler) and recorder.voice.lines.goes_through(_provider_of(handler)):
                    return True
            at = at.parent if at.propagate else None
        return False


def _is_one(handler: object) -> bool:
    return any(
        each.__name__ == _NAME and each.__module__.startswith(_PACKAGE) for each in type(handler).__mro__
    )


def _provider_of(handler: Any) -> Any:
    return getattr(handler, "_logger_provider", None)
