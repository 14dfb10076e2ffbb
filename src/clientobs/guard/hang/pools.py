"""Whose end or result a thread waits for: Thread.join(), and Future.result() of a ThreadPoolExecutor.

A future doesn't know who works on it. A worker does, in its frames; and of one that nobody works on yet, the function
that asks for its result has named the pool, where it says `pool.submit(...)` itself. It waits for a worker of that
pool to be free then: for all of them, where none is.
"""

from __future__ import annotations

import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.guard.hang.expressions import chain_to, fields_of, instructions_of, value_of
from clientobs.guard.hang.stacks import frames_of

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Awaited", "awaited"]

_FRAMES_OF_JOIN: Final = 3
"""Up to 3.12 it has a function of its own for the wait."""

_FRAMES_OF_RESULT: Final = 3
_RESULTS: Final = frozenset({"result", "exception"})


class Awaited(NamedTuple):
    """Threads that another one waits for, each of them, and for what."""

    what: str
    threads: tuple[int, ...]


def awaited(frame: FrameType, frames: dict[int, FrameType]) -> Awaited | None:
    """Return whom the thread at a frame waits for, None where it waits for nobody's end or result."""
    joined = _joined(frame)
    if joined:
        return Awaited("the end of", (joined,))
    asked = _asked(frame)
    if asked is None:
        return None
    future, asker = asked
    worker = next((ident for ident, each in frames.items() if _works_on(each, future)), 0)
    if worker:
        return Awaited("the result of", (worker,))
    if fields_of(future).get("_state") != "PENDING":
        return None
    workers = _busy_workers(asker)
    return Awaited("a free worker among", workers) if workers else None


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
    return any(
        each.f_code.co_name == "run"
        and each.f_globals.get("__name__") == "concurrent.futures.thread"
        and fields_of(each.f_locals.get("self")).get("future") is future
        for each in frames_of(frame)
    )


def _busy_workers(frame: FrameType | None) -> tuple[int, ...]:
    """Return the workers of the pool that a function has submitted to, if none is free and something waits there."""
    if frame is None:
        return ()
    instructions = instructions_of(frame.f_code)
    for place, instruction in enumerate(instructions):
        if instruction.argval == "submit":
            workers = _all_busy(value_of(frame, chain_to(instructions, place)[:-1]))
            if workers:
                return workers
    return ()


def _all_busy(pool: Any) -> tuple[int, ...]:
    kind = getattr(sys.modules.get("concurrent.futures.thread"), "ThreadPoolExecutor", None)
    if kind is None or kind not in type(pool).__mro__:
        return ()
    fields = fields_of(pool)
    waiting, threads, most = (fields.get(name) for name in ("_work_queue", "_threads", "_max_workers"))
    if type(waiting) is not queue.SimpleQueue or type(threads) is not set or type(most) is not int:
        return ()
    if not waiting.qsize() or len(threads) < most:
        return ()
    idents = tuple(thread.ident for thread in list(threads) if isinstance(thread, threading.Thread))
    return tuple(sorted(ident for ident in idents if ident))
