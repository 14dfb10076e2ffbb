"""Threads: the current context and the production context go with the work that a program hands to a thread.

Patched: `threading.Thread.start` and `_set_ident`, the two ends of a thread's start; `__init__` and `run` of the
work items of concurrent.futures.ThreadPoolExecutor; where a Qt binding is loaded, `start` of QThread and
QThreadPool (and the pool's `tryStart`, `startOnReservedThread`). Timer, executor.map, asyncio's run_in_executor,
multiprocessing.dummy stand on these.

Emits nothing: what is recorded in the thread has its parent, its show and its shot. A thread sees the context
that was current when it was started, a task the one that was current when it was submitted, and no other variable
of the program's changes.

Costs: docs/explanation/threads-and-children.md. No frame in the traceback of a thread or of a task, one in that of
a failing `Thread.start`; nothing is kept when the call is over.

Can't see: `_thread.start_new_thread`, threads that C++ starts, slots that Qt calls on another thread (a worker
moved by moveToThread), and the single tasks of multiprocessing.pool.ThreadPool, which see what the pool saw.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ThreadsInstrumentor"]


def __getattr__(name: str) -> Any:
    if name == "ThreadsInstrumentor":
        # Its base class takes 90 ms to import: only who asks for it by this name pays.
        from clientobs.instruments.instrumentors import ThreadsInstrumentor  # noqa: PLC0415

        return ThreadsInstrumentor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
