"""Exceptions that nobody catches: recorded with stack, fingerprint, thread, and what they came out of.

Replaced, and called by ours: `sys.excepthook` (the main thread, and what C code of a host prints),
`threading.excepthook`, `sys.unraisablehook` (`__del__`, callbacks of the garbage collector). Patched:
`call_exception_handler` of asyncio's event loops, `set_exception` and `exception` of futures (a task of a pool whose
result nobody asks for), what calls `threading.excepthook`, `traceback.print_exception` (what is only printed).
pyblish tells its results to a callback of ours, and `pyblish.util.publish` gets a span where it is in none. A finder at
the end of sys.meta_path counts the modules that no other has found. Where `sys.excepthook` was Python's own,
`sys.__excepthook__` is ours too: PyQt aborts, and Python's consoles print in their own window, as long as those two
are one object.

Emitted: one event `exception` for each fault (record/exceptions.py), a log record where it was only printed,
`tool.outcome` on the span of a publish, the metric `import.missing.count`.

Costs nothing until an exception ends somewhere; then some 100 us.

Can't see: an exception that is caught and dropped without a word; where a `sys.unraisablehook` was set later that
doesn't call the one before. A `sys.excepthook` of that kind hides an exception until the next look at `sys.last_value`,
every 2 s and at exit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clientobs.instruments.exceptions.callbacks import callback
    from clientobs.instruments.instrumentors import ExceptionsInstrumentor

__all__ = ["ExceptionsInstrumentor", "callback"]

_PLACES = {
    "ExceptionsInstrumentor": "clientobs.instruments.instrumentors",  # its base class takes 90 ms to import
    "callback": "clientobs.instruments.exceptions.callbacks",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        from importlib import import_module  # noqa: PLC0415  # loaded anyway

        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
