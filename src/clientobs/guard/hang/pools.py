"""Whose end or result a thread waits for: Thread.join(), Future.result(), and wait() for several futures.

A future doesn't know who works on it. A worker does, in its frames; and of one that nobody works on yet, the function
that asks for its result has named the pool, where it says `pool.submit(...)` itself. It waits for a worker of that
pool to be free then: for all of them, where none is.
"""

from __future__ import annotations

import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.guard.hang.expressions import Attribute, expression_to, instructions_of
from clientobs.guard.hang.stacks import frames_of
from clientobs.guard.hang.values import fields_of, mro_of, value_of

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Awaited", "awaited"]

_FRAMES_OF_JOIN: Final = 3
"""Up to 3.12 it has a function of its own for the wait."""

_FRAMES_OF_RESULT: Final = 3
_RESULTS: Final = frozenset({"result", "exception"})
_SEVERAL: Final = {"wait": "not_done", "as_completed": "pending"}
"""Functions of concurrent.futures, and the variable in which they keep what they wait for."""

_MOST_FUTURES: Final = 1_000


class Awaited(NamedTuple):
    """Threads that another one waits for, and for what; none where one who isn't known would do."""

    what: str
    threads: tuple[int, ...]


def awaited(frame: FrameType, frames: dict[int, FrameType]) -> Awaited | None:
    """Return whom the thread at a frame waits for, None where it waits for nobody's end or result."""
    joined = _joined(frame)
    if joined:
        return Awaited("the end of", (joined,))
    asked = _asked(frame)
    if asked is None:
        return _several(frame, frames)
    future, asker = asked
    worker = next((ident for ident, each in frames.items() if _works_on(each, future)), 0)
    if worker:
        return Awaited("the result of", (worker,))
    if fields_of(future).get("_state") != "PENDING":
        return None
    workers = _busy_workers(asker)
    return Awaited("a free worker among", workers) if workers else None


def _several(frame: FrameType, frames: dict[int, FrameType]) -> Awaited | None:
    """Return whom a thread waits for in concurrent.futures.wait() or as_completed()."""
    waits = next((each for each in frames_of(frame)[:_FRAMES_OF_RESULT] if _waits_for_several(each)), None)
    if waits is None:
        return None
    futures = waits.f_locals.get(_SEVERAL[waits.f_code.co_name])
    if type(futures) is not set or not 0 < len(futures) <= _MOST_FUTURES:
        return None
    working = {id(task): ident for ident, each in frames.items() for task in _tasks_in(each)}
    left = [future for future in list(futures) if fields_of(future).get("_state") in {"PENDING", "RUNNING"}]
    workers = {working.get(id(future), 0) for future in left}
    if workers == {0}:
        workers = set(_busy_workers(waits.f_back)) or workers
    needs_all = waits.f_locals.get("return_when") == "ALL_COMPLETED"
    known = tuple(sorted(workers - {0}))
    if not known or (0 in workers and not needs_all):
        return Awaited(f"the results of {len(left)} futures", ())
    return Awaited("the results of", known)


def _waits_for_several(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") == "concurrent.futures._base" and frame.f_code.co_name in _SEVERAL


def _joined(frame: FrameType | None) -> int:
    """Return the thread that another one waits for in Thread.join(), 0 where it stands elsewhere."""
    for _ in range(_FRAMES_OF_JOIN):
        if frame is None or frame.f_globals.get("__name__") != "threading":
            return 0
        if frame.f_code.co_name == "join":
            thread = frame.f_locals.get("self")
            ident = fields_of(thread).get("_ident") if isinstance(thread, threading.Thread) else None
            return ident if type(ident) is int else 0
        frame = frame.f_back
    return 0


def _asked(frame: FrameType | None) -> tuple[Any, FrameType | None] | None:
    """Return the future whose result a thread waits for, and the frame that asks."""
    for _ in range(_FRAMES_OF_RESULT):
        if frame is None:
            return None
        module = frame.f_globals.get("__name__")
        if module == "concurrent.futures._base" and frame.f_code.co_name in _RESULTS:
            future = frame.f_locals.get("self")
            return None if future is None else (future, frame.f_back)
        if module != "threading":
            return None
        frame = frame.f_back
    return None


def _works_on(frame: FrameType, future: Any) -> bool:
    return any(task is future for task in _tasks_in(frame))


def _tasks_in(frame: FrameType) -> list[Any]:
    """Return the futures that a worker works on."""
    return [
        fields_of(each.f_locals.get("self")).get("future")
        for each in frames_of(frame)
        if each.f_code.co_name == "run" and each.f_globals.get("__name__") == "concurrent.futures.thread"
    ]


def _busy_workers(frame: FrameType | None) -> tuple[int, ...]:
    """Return the workers of the pool that a function has submitted to, if none is free and something waits there."""
    if frame is None:
        return ()
    instructions = instructions_of(frame.f_code)
    for place, instruction in enumerate(instructions):
        if instruction.argval == "submit":
            method = expression_to(instructions, place)
            workers = _all_busy(value_of(frame, method.of)) if isinstance(method, Attribute) else ()
            if workers:
                return workers
    return ()


def _all_busy(pool: Any) -> tuple[int, ...]:
    kind = getattr(sys.modules.get("concurrent.futures.thread"), "ThreadPoolExecutor", None)
    if kind is None or not any(kind is one for one in mro_of(type(pool))):
        return ()
    fields = fields_of(pool)
    waiting, threads, most = (fields.get(name) for name in ("_work_queue", "_threads", "_max_workers"))
    if type(waiting) is not queue.SimpleQueue or type(threads) is not set or type(most) is not int:
        return ()
    if not waiting.qsize() or len(threads) < most:
        return ()
    idents = tuple(thread.ident for thread in list(threads) if isinstance(thread, threading.Thread))
    return tuple(sorted(ident for ident in idents if ident))
