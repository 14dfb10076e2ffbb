"""multiprocessing.pool: what is current when a task is submitted is current in it, and in what is called back.

A ThreadPool's workers are threads that outlive the span in which the pool was made: they inherit nothing (`OWN`, see
starts.py). What is current when a result is made, on the thread that submits, is remembered with it. A worker asks its
queue for the next task; the queue of a ThreadPool is one of ours, whose `get()` sets what belongs to that task, and
takes back what belonged to the one before. No function is replaced, and no stack of a task has a frame of ours.
Callbacks run on a thread of the pool's that hands out the results, for process pools too: within their `_set`.

Tasks of process pools run elsewhere (instruments/processes/workers.py). A pool that was made before the instrument was
on has a queue of its own, and its tasks have no context; so have the items of an iterator that is handed to
`imap`, which the pool reads on a thread of its own.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs.instruments.patching import dressed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.threads.current import Current

__all__ = ["MODULE", "patch_pools", "serves_a_pool"]

MODULE: Final = "multiprocessing.pool"
_KEY: Final = "_clientobs_context"


def serves_a_pool(pools: Any, target: Any) -> bool:
    """Say whether a thread with this target serves the tasks of many callers.

    `_handle_workers` does not: it starts the processes of a pool, which belong to where that was made.
    """
    pool = pools.Pool
    return any(target is own for own in (pools.worker, pool._handle_tasks, pool._handle_results))  # noqa: SLF001


def patch_pools(pools: ModuleType, current: Current, patches: Patches) -> None:
    """Patch the results of multiprocessing.pool, and the queues of its ThreadPool."""
    results: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
    names = vars(pools)
    wrappers: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
        (names["ApplyResult"], "__init__", lambda original: _wrap_result(original, current, results)),
        (names["IMapIterator"], "__init__", lambda original: _wrap_result(original, current, results)),
        (names["ApplyResult"], "_set", lambda original: _wrap_set(original, current)),
        (names["MapResult"], "_set", lambda original: _wrap_set(original, current)),
        (
            names["ThreadPool"],
            "_setup_queues",
            lambda original: _wrap_queues(
                original, _queue_class(names["queue"].SimpleQueue, current, results)
            ),
        ),
    )
    for owner, name, wrap in wrappers:
        original = vars(owner)[name]
        patches.replace(owner, name, original, dressed(wrap(original), original))


def _wrap_result(original: Any, current: Current, results: weakref.WeakValueDictionary[int, Any]) -> Any:
    def make(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        try:
            context = current.worth_keeping()
            if context is not None and hasattr(self, "_job"):
                setattr(self, _KEY, context)
                results[self._job] = self
        except Exception as error:  # noqa: BLE001  # the wall
            faults.record("threads.pool.submit", error)
        return made

    return make


def _wrap_set(original: Any, current: Current) -> Any:
    attach, detach = current.attach, current.detach

    def _set(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = None
        try:
            context = getattr(self, _KEY, None)
            if context is not None and current.switch.on:
                token = attach(context)
        except Exception as error:  # noqa: BLE001  # the wall
            faults.record("threads.pool.result", error)
        if token is None:
            return original(self, *args, **kwargs)
        try:
            return original(self, *args, **kwargs)
        finally:
            detach(token)
            if (
                self._job not in self._cache
            ):  # that was the last of it: whoever keeps the result keeps no span
                self.__dict__.pop(_KEY, None)

    return _set


def _wrap_queues(original: Any, tasks: Any) -> Any:
    def _setup_queues(self: Any) -> Any:
        result = original(self)
        try:
            if type(getattr(self, "_inqueue", None)) is tasks.__base__:
                self._inqueue = made = tasks()
                self._quick_put = made.put
        except Exception as error:  # noqa: BLE001  # the wall
            faults.record("threads.pool", error)
        return result

    return _setup_queues


def _queue_class(base: Any, current: Current, results: weakref.WeakValueDictionary[int, Any]) -> Any:
    """Return the class of queues of tasks: `base`, whose `get()` sets the context of what it hands out."""
    attach, detach, take = current.attach, current.detach, base.get
    here = threading.local()

    def get(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:  # no worker: whoever empties the queue at the end
            return take(self, *args, **kwargs)
        try:
            token, here.token = getattr(here, "token", None), None
            if token is not None:
                detach(token)
        except Exception as error:  # noqa: BLE001  # the wall
            faults.record("threads.pool.task", error)
        task = take(self)
        try:
            result = results.get(task[0]) if task is not None and current.switch.on else None
            context = getattr(result, _KEY, None)
            if context is not None:
                here.token = attach(context)
        except Exception as error:  # noqa: BLE001  # the wall
            faults.record("threads.pool.task", error)
        return task

    return type(base.__name__, (base,), {"get": get, "__slots__": (), "__module__": base.__module__})
