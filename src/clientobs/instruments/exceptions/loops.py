"""asyncio: exceptions of tasks and callbacks that nobody awaits, as an event loop's exception handler is told them.

The handler is the program's own, or the one that logs through the logger `asyncio`; both are called as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.patching import dressed

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.exceptions.desk import Desk
    from clientobs.instruments.patching import Patches, Switch

__all__ = ["MODULE", "patch_loops"]

MODULE: Final = "asyncio.base_events"
_NONE: Final = object()


def patch_loops(module: ModuleType, patches: Patches, switch: Switch, desk: Desk) -> None:
    """Patch the base class of event loops, once it is loaded."""
    owner = module.BaseEventLoop
    original = owner.call_exception_handler

    def call_exception_handler(self: Any, context: Any = _NONE) -> Any:
        if context is _NONE:
            return original(self)  # which says what is missing
        if not switch.on:
            return original(self, context)
        error = _told(context, desk)
        try:
            return original(self, context)
        finally:
            if error is not None:
                desk.done(error)
            del error

    patches.replace(owner, "call_exception_handler", original, dressed(call_exception_handler, original))


def _told(context: Any, desk: Desk) -> BaseException | None:
    try:
        error = context.get("exception") if type(context) is dict else None
        if isinstance(error, BaseException) and desk.report(error, "asyncio", _facts(context)):
            return error
    except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("exceptions.asyncio", fault)
    return None


def _facts(context: dict[str, Any]) -> dict[str, Any]:
    task = context.get("task") or context.get("future")
    if task is None or not type(task).__module__.lstrip("_").startswith("asyncio"):
        return {}
    name = task.get_name() if hasattr(task, "get_name") else type(task).__name__
    coroutine = task.get_coro() if hasattr(task, "get_coro") else None
    made = getattr(coroutine, "__qualname__", "")
    return {semconv.EXCEPTION_OWNER: f"{name} ({made})" if made else str(name)}
