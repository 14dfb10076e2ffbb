"""ThreadPoolExecutor: what is current at `submit()` is current in the task.

The executor makes a work item for each task, on the thread that submits, and calls its `run` on the worker.
The context goes with the item. `submit` is not wrapped and the task's function not replaced: a traceback begins
where it did, what looks into the queue finds what was submitted, subclasses that override `submit` are served. The
item is dropped by the worker as soon as it has run, and with it the context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clientobs._guarded import faults
from clientobs.instruments.patching import dressed

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.threads.current import Current

__all__ = ["patch_executors"]


def patch_executors(pools: ModuleType, current: Current, patches: Patches) -> None:
    """Patch the work items of concurrent.futures.thread."""
    owner = vars(pools)["_WorkItem"]
    for name, make in (("__init__", _wrap_init), ("run", _wrap_run)):
        original = vars(owner)[name]
        patches.replace(owner, name, original, dressed(make(original, current), original))


def _wrap_init(original: Any, current: Current) -> Any:
    def make(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            context = current.worth_keeping()
            if context is not None:
                self._clientobs_context = context
        except AttributeError:  # an item of a later Python, without room: the task goes without
            pass
        except Exception as error:  # noqa: BLE001  # the wall
            faults.record("threads.submit", error)
        return original(self, *args, **kwargs)

    return make


def _wrap_run(original: Any, current: Current) -> Any:
    attach, detach = current.attach, current.detach

    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = None
        try:
            context = getattr(self, "_clientobs_context", None)
            if context is not None:
                del self._clientobs_context
                token = attach(context)
                context = None
        except Exception as error:  # noqa: BLE001  # the wall
            faults.record("threads.task", error)
        try:
            return original(self, *args, **kwargs)
        finally:
            # On Python 3.10 a traceback keeps this frame, and the frame what it names: item, future, exception.
            del self, args, kwargs
            if token is not None:
                detach(token)

    return run
