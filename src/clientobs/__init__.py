"""clientobs: the flight recorder of creative desktop software.

    import clientobs

    clientobs.init("scene-publisher", version="1.4.0")

    with clientobs.context(project="demo", shot="sq010_sh020"):
        with clientobs.span("publish"):
            ...

Importing this package does nothing: no thread, no patch, no look at the environment, no OpenTelemetry. The
names below load their part when they are first used. `init` loads all of them: nothing must be left to load when a
signal handler, a `__del__` at the interpreter's end, or a tool whose NAS is gone records for the first time.
"""

from __future__ import annotations

from clientobs._version import __version__

TYPE_CHECKING = False  # typing alone would take half of what this import may cost
if TYPE_CHECKING:
    from typing import Any

    from clientobs.errors import ClientobsError, ConfigError
    from clientobs.instruments.registry import instrument, uninstrument
    from clientobs.record.carrier import carrier, trace_id
    from clientobs.record.events import event
    from clientobs.record.farm import farm_task
    from clientobs.record.metrics import counter, gauge, histogram
    from clientobs.record.problems import report_problem
    from clientobs.record.production import context, set_context
    from clientobs.record.span import span
    from clientobs.record.traced import traced
    from clientobs.runtime.active import flush, init, shutdown
    from clientobs.runtime.doctor import doctor
    from clientobs.runtime.runtime import Runtime

__all__ = [
    "ClientobsError",
    "ConfigError",
    "Runtime",
    "__version__",
    "carrier",
    "context",
    "counter",
    "doctor",
    "event",
    "farm_task",
    "flush",
    "gauge",
    "histogram",
    "init",
    "instrument",
    "report_problem",
    "set_context",
    "shutdown",
    "span",
    "trace_id",
    "traced",
    "uninstrument",
]

_HOMES = {
    "ClientobsError": "errors",
    "ConfigError": "errors",
    "Runtime": "runtime.runtime",
    "carrier": "record.carrier",
    "context": "record.production",
    "counter": "record.metrics",
    "doctor": "runtime.doctor",
    "event": "record.events",
    "farm_task": "record.farm",
    "flush": "runtime.active",
    "gauge": "record.metrics",
    "histogram": "record.metrics",
    "init": "runtime.active",
    "instrument": "instruments.registry",
    "report_problem": "record.problems",
    "set_context": "record.production",
    "shutdown": "runtime.active",
    "span": "record.span",
    "trace_id": "record.carrier",
    "traced": "record.traced",
    "uninstrument": "instruments.registry",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'clientobs' has no attribute {name!r}")
    from clientobs._search_path import each_folder_once  # noqa: PLC0415  # nothing before a name is used

    with each_folder_once():
        from importlib import import_module  # noqa: PLC0415

        for each in _HOMES if name == "init" else (name,):
            if each != "doctor" or name == "doctor":
                globals()[each] = getattr(import_module(f"clientobs.{_HOMES[each]}"), each)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
