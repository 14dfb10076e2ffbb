"""threading.Thread: what is current at `start()` is current in the new thread.

`start` lays the context down, `_set_ident`, the first thing that a new thread calls, takes it up. That is no
wrapper around `run`: a subclass, an instance or a debugger that replaces `run` is not touched, and no traceback
or stack of the thread has a frame of ours. `start` returns after the thread has been there (or has failed), so
nothing waits longer than that call, and no Thread object keeps a context that its thread no longer has.
"""

from __future__ import annotations

import sys
import threading
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs.instruments.patching import dressed, loaded

if TYPE_CHECKING:
    from clientobs.instruments.patching import Patches
    from clientobs.instruments.threads.current import Current

__all__ = ["patch_starts", "wrap_start_3_14"]

_OURS: Final = "clientobs-"
"""Our own threads tell of the process: none of them belongs to the span in which it happened to start."""


def patch_starts(current: Current, patches: Patches) -> dict[int, Any]:
    """Patch, and return what lies between a start and its thread: contexts by the Thread's id()."""
    laid_down: dict[int, Any] = {}
    owner = threading.Thread
    inherits = getattr(sys.flags, "thread_inherit_context", None)
    if inherits is not None:  # Python 3.14: a thread runs in a context of its own, which start() makes
        if not inherits:
            patches.replace(
                owner, "start", owner.start, dressed(wrap_start_3_14(owner.start, current), owner.start)
            )
        return laid_down
    for name, make in (("start", _wrap_start), ("_set_ident", _wrap_set_ident)):
        original = vars(owner)[name]
        patches.replace(owner, name, original, dressed(make(original, current, laid_down), original))
    return laid_down


def _wrap_start(original: Any, current: Current, laid_down: dict[int, Any]) -> Any:
    def start(self: Any) -> Any:
        context = None
        try:
            context = current.worth_keeping()
            if context is not None and not _takes_it(self):
                context = None
        except Exception as error:  # noqa: BLE001  # the wall; a property of a subclass may do anything
            faults.record("threads.start", error)
        if context is None:
            return original(self)
        try:
            laid_down[id(self)] = context
            return original(self)
        finally:
            laid_down.pop(id(self), None)

    return start


def wrap_start_3_14(original: Any, current: Current) -> Any:
    """Wrap `start` of a Thread that has a `_context`, which the program may have given to it."""

    def start(self: Any) -> Any:
        try:
            context = current.worth_keeping()
            if context is not None and getattr(self, "_context", self) is None and _takes_it(self):
                own = Context()
                own.run(current.attach, context)
                self._context = own
        except Exception as error:  # noqa: BLE001  # the wall; a property of a subclass may do anything
            faults.record("threads.start", error)
        return original(self)

    return start


def _wrap_set_ident(original: Any, current: Current, laid_down: dict[int, Any]) -> Any:
    attach = current.attach

    def _set_ident(self: Any) -> Any:
        context = laid_down.pop(id(self), None)
        if context is not None:
            try:
                attach(context)
            except Exception as error:  # noqa: BLE001  # the wall
                faults.record("threads.begin", error)
        return original(self)

    return _set_ident


def _takes_it(thread: Any) -> bool:
    # A pool's worker lives on when the span is over in which the first task came; each task brings its own.
    pools = loaded("concurrent.futures.thread")
    if pools is not None and getattr(thread, "_target", None) is pools._worker:  # noqa: SLF001
        return False
    return not str(getattr(thread, "_name", "")).startswith(_OURS)
