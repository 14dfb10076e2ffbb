"""What a thread waits to be told: an event to be set, something in a queue, its turn. By whom, nobody can know.

The object is named as it stands in the line that waits, and by its kind and that line where it has no plain name.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.guard.hang.expressions import expression_to, index_at, instructions_of, method_of, said
from clientobs.guard.hang.values import mro_of, value_of

if TYPE_CHECKING:
    from types import FrameType

    from clientobs.guard.hang.expressions import Expression

__all__ = ["WITH", "Standing", "line_of", "standing_at", "wake_of"]

WITH: Final = frozenset({"BEFORE_WITH", "SETUP_WITH", "LOAD_SPECIAL"})
_MODULES: Final = frozenset({"threading", "queue", "concurrent.futures._base"})
_MAX_FRAMES: Final = 6
_WAITS: Final[dict[tuple[type, str], tuple[str, str]]] = {
    (threading.Event, "wait"): ("for {} to be set", "an event"),
    (threading.Condition, "wait"): ("to be woken by {}", "a condition"),
    (threading.Condition, "wait_for"): ("to be woken by {}", "a condition"),
    (threading.Barrier, "wait"): ("for the others at {}", "a barrier"),
    (threading.Semaphore, "acquire"): ("for its turn at {}", "a semaphore"),
    (queue.Queue, "get"): ("for something in {}", "a queue"),
    (queue.Queue, "put"): ("for room in {}", "a queue"),
    (queue.Queue, "join"): ("for the work in {} to be done", "a queue"),
    (queue.SimpleQueue, "get"): ("for something in {}", "a queue"),
}
_RESULT: Final = ("for the result of {}", "a future")


class Standing(NamedTuple):
    """At what a frame stands: the object, and its method that is called, "with" for a block that is entered."""

    of: Expression | None
    method: str


def standing_at(frame: FrameType) -> Standing | None:
    """Return where a frame stands, None at anything else than a `with` or a call."""
    instructions = instructions_of(frame.f_code)
    place = index_at(instructions, frame.f_lasti)
    if place < 0:
        return None
    if instructions[place].opname in WITH:
        return Standing(expression_to(instructions, place - 1), "with")
    if not instructions[place].opname.startswith("CALL"):
        return None
    method = method_of(instructions, place)
    return Standing(method.of, method.name) if method is not None else Standing(None, "")


def line_of(frame: FrameType) -> str:
    """Return the line at which a frame stands, in words."""
    return f"line {frame.f_lineno} of {os.path.basename(frame.f_code.co_filename)}"


def wake_of(frame: FrameType) -> str:
    """Return what the thread at a frame waits to be told, "" where it waits for no such thing."""
    inner, asker = _entered(frame)
    if inner is None or asker is None:
        return _from_simple_queue(frame)
    words = _words(inner)
    if not words:
        return ""
    phrase, kind = words
    standing = standing_at(asker)
    is_named = (
        standing is not None and standing.of is not None and standing.method in {inner.f_code.co_name, "with"}
    )
    name = said(standing.of) if is_named and standing is not None and standing.of is not None else ""
    return phrase.format(name or f"{kind} ({line_of(asker)})")


def _entered(frame: FrameType) -> tuple[FrameType | None, FrameType | None]:
    """Return the outermost frame of the standard library's waits, and the frame that has called it."""
    inner: FrameType | None = None
    asker: FrameType | None = frame
    for _ in range(_MAX_FRAMES):
        if asker is None or asker.f_globals.get("__name__") not in _MODULES:
            break
        inner, asker = asker, asker.f_back
    return inner, asker


def _words(inner: FrameType) -> tuple[str, str] | None:
    owner, method = inner.f_locals.get("self"), inner.f_code.co_name
    for kind in mro_of(type(owner)):
        for (known, name), words in _WAITS.items():
            if kind is known and name == method:
                return words
        if method in {"result", "exception"} and kind is _future():
            return _RESULT
    return None


def _future() -> Any:
    return getattr(sys.modules.get("concurrent.futures._base"), "Future", None)


def _from_simple_queue(frame: FrameType) -> str:
    """Return the same of a SimpleQueue, which is written in C: there is no frame of the standard library's."""
    standing = standing_at(frame)
    if standing is None or standing.method != "get" or standing.of is None:
        return ""
    if type(value_of(frame, standing.of)) is not queue.SimpleQueue:
        return ""
    return _WAITS[queue.SimpleQueue, "get"][0].format(said(standing.of))
