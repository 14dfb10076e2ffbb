"""Logs: what a program writes through `logging`, and through `warnings`, as OTLP log records.

Patched: `logging.Logger.callHandlers`, which every record of every logger passes that its level and its filters let
through: loggers with propagate=False too, whatever handlers come and go, whenever basicConfig() or dictConfig() run.
No handler of ours is on any logger, no level changes, and "no handlers could be found" stays what it was. And
`warnings._showwarnmsg`, which stands before the host's own `showwarning`. On demand, `write` of the objects that
are sys.stdout and sys.stderr; the objects stay the host's.

Emitted: a log record with trace and span, the logger's name as its scope, severity, code.*, extra= fields as typed
attributes, exception.*. Lines that come too fast are counted (`clientobs.left_out`).

Costs: docs/explanation/logs-and-exceptions.md, measured beside the SDK's own handler.

Can't see: what the program's own levels hold back (WARNING is the default of Python's root logger); loggers that a
dictConfig() has disabled; a Logger subclass with a `callHandlers` of its own; handlers called without a logger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clientobs.instruments.instrumentors import LogsInstrumentor
    from clientobs.instruments.logs.libraries import loguru_sink, structlog_processor
    from clientobs.instruments.logs.messages import message

__all__ = ["LogsInstrumentor", "loguru_sink", "message", "structlog_processor"]

_PLACES = {
    "LogsInstrumentor": "clientobs.instruments.instrumentors",  # its base class takes 90 ms to import
    "loguru_sink": "clientobs.instruments.logs.libraries",
    "message": "clientobs.instruments.logs.messages",
    "structlog_processor": "clientobs.instruments.logs.libraries",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        from importlib import import_module  # noqa: PLC0415  # loaded anyway

        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
