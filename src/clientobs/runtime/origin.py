"""Where a process comes from: whether it joins the span that its environment names, or links to it.

- A plain child joins: it is part of what its parent does.
- A task of a farm links to its submission, hours ago and with a hundred other tasks: one trace of all that is shown
  by no back end, and most close theirs long before.
- An interactive host links to its launcher: joined, an artist's day would be one trace.

What a task starts is a plain child again, though it inherits the farm's variables. The carrier tells the two apart:
inside a task it says of which job (farm.* in its baggage, see `record/carrier.py`), from a submission it does not,
or says another.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from clientobs import semconv
from clientobs.record import doorstep
from clientobs.record.carrier import Incoming, read_incoming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.pipeline.tracer import Origin

__all__ = [
    "LAUNCH_VARIABLE",
    "Descent",
    "descent_of",
    "has_terminal",
    "incoming_of",
    "launched_directly",
    "place",
    "production_of",
]

Descent: TypeAlias = Literal["none", "child", "submission", "launcher"]

LAUNCH_VARIABLE: Final = "_CLIENTOBS_LAUNCH"
"""The span id of `clientobs run --dcc`: a TRACEPARENT with that id comes straight from the launcher."""
_SAME_JOB: Final = (semconv.FARM_NAME, semconv.FARM_JOB_ID, semconv.FARM_SESSION_ID)


def incoming_of(environ: Mapping[str, str], home: str, propagators: tuple[str, ...]) -> Incoming:
    """Return what the environment says of where this process comes from, or the call that it was started by."""
    return read_incoming(doorstep.completed(environ, home), propagators)


def descent_of(
    incoming: Incoming, *, kind: str, farm: Mapping[str, Any], interactive_host: bool, launched: bool
) -> Descent:
    """Say how a process descends from the span in `incoming`; `farm` are its own farm.* attributes.

    >>> from clientobs.record.carrier import Incoming
    >>> submitted = Incoming(1, 2, production={"production.shot": "sh020"})
    >>> task = {"farm.name": "tractor", "farm.job.id": "7"}
    >>> descent_of(submitted, kind="farm", farm=task, interactive_host=False, launched=False)
    'submission'
    >>> inside = Incoming(1, 3, production={"farm.name": "tractor", "farm.job.id": "7", "farm.task.id": "4"})
    >>> descent_of(inside, kind="farm", farm=task, interactive_host=False, launched=False)
    'child'
    """
    if not incoming.trace_id:
        return "none"
    if kind == "farm":
        carried = incoming.production
        inside = semconv.FARM_NAME in carried and all(
            carried.get(name) == str(farm[name]) for name in _SAME_JOB if name in farm
        )
        return "child" if inside else "submission"
    return "launcher" if interactive_host or launched else "child"


def launched_directly(incoming: Incoming, environ: Mapping[str, str]) -> bool:
    """Say whether the incoming span is that of `clientobs run --dcc`, with nobody's in between."""
    return bool(incoming.span_id) and environ.get(LAUNCH_VARIABLE) == f"{incoming.span_id:016x}"


def place(origin: Origin, incoming: Incoming, descent: Descent) -> None:
    """Let the roots of this process join or link."""
    if descent == "child":
        origin.parent = incoming.span_context()
    elif descent != "none":
        origin.link, origin.why = incoming.span_context(), descent


def production_of(incoming: Incoming, descent: Descent) -> dict[str, Any]:
    """Return the production context that the carrier brings; of another job's task nothing is said here."""
    if descent != "submission":
        return dict(incoming.production)
    return {key: value for key, value in incoming.production.items() if not key.startswith("farm.")}


def has_terminal() -> bool:
    """Say whether a person may sit there; stdin may be None, closed, or an object of the host without isatty."""
    try:
        return bool(sys.stdin is not None and sys.stdin.isatty())
    except Exception:  # noqa: BLE001  # the host's own object
        return False
