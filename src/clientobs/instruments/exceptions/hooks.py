"""The hooks that Python calls for exceptions that nobody caught: ours records, and calls the one before."""

from __future__ import annotations

import sys
import threading
import types
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.patching import dressed, in_place_of
from clientobs.instruments.showing import showing

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.exceptions.desk import Desk
    from clientobs.instruments.patching import Patches, Switch

__all__ = ["replace_hooks"]

_OF_MAIN: Final = 3
_EXHAUSTED: Final = (RecursionError, MemoryError)
"""What even the counting of a fault fails with, where nothing is left to call a function with."""
_FUNCTIONS: Final = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def replace_hooks(patches: Patches, switch: Switch, desk: Desk) -> None:
    """Put ours before what is there now."""
    hook = sys.excepthook
    was_the_default = sys.__excepthook__ is hook

    def main(args: tuple[Any, ...]) -> object:
        if len(args) != _OF_MAIN:
            return None
        return args[1] if desk.uncaught(args[1], sys._getframe(1).f_back) else None  # noqa: SLF001  # who called

    def thread(args: tuple[Any, ...]) -> object:
        given = args[0] if args else None
        error = getattr(given, "exc_value", None)
        if isinstance(
            error, SystemExit
        ):  # ends the thread, whatever its code: Python itself says nothing of it
            return None
        return error if desk.report(error, "thread", _of_thread(given)) else None

    def unraisable(args: tuple[Any, ...]) -> object:
        given = args[0] if args else None
        error = getattr(given, "exc_value", None)
        if sys.is_finalizing():  # half of the program is gone: what fails now is no fault of it
            return None
        return error if desk.report(error, "unraisable", _of_unraisable(given)) else None

    ours = _put(patches, sys, "excepthook", switch, desk, main)
    if was_the_default:
        # PyQt aborts where these two are one, and code.InteractiveInterpreter then prints in its own window.
        patches.replace(sys, "__excepthook__", hook, ours)
    _put(patches, threading, "excepthook", switch, desk, thread)
    _watch_threads(patches, switch, desk, thread)
    _put(patches, sys, "unraisablehook", switch, desk, unraisable)


def _put(
    patches: Patches,
    owner: Any,
    name: str,
    switch: Switch,
    desk: Desk,
    before: Callable[[tuple[Any, ...]], object],
) -> Any:
    original = getattr(owner, name)
    is_builtin = isinstance(original, types.BuiltinFunctionType)
    first = 1 if is_builtin else 0  # in_place_of hands over the module in front

    def hook(*args: Any) -> Any:
        args = args[first:]
        if not switch.on:
            return original(*args)
        error: object = None
        # In here and not in a function: where the host has used up its recursion none can be called any more. The
        # original, in C, can, and the host must see what it says.
        try:
            try:
                error = before(args)
            except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
                faults.record("exceptions.hook", fault)
        except _EXHAUSTED:
            faults.unrecorded += 1
        showing.depth += 1
        try:
            return original(*args)
        finally:
            showing.depth -= 1
            if isinstance(error, BaseException):
                try:
                    desk.done(error)
                except _EXHAUSTED:
                    faults.unrecorded += 1
            del error

    home = (
        original.__module__ if is_builtin else ""
    )  # where pickle looks for it: threading.excepthook is _thread's
    wrapper = in_place_of(hook, original, home) if is_builtin else dressed(hook, original)
    patches.replace(owner, name, original, wrapper)
    return wrapper


def _watch_threads(
    patches: Patches, switch: Switch, desk: Desk, before: Callable[[tuple[Any, ...]], object]
) -> None:
    """See what a thread ends by where somebody has set a hook after ours, too, that doesn't call it.

    Python keeps what it printed last of the main thread alone. Each Thread gets the function that calls the hook when
    it is made; the hook that is in force then is called as ever.
    """
    make = getattr(threading, "_make_invoke_excepthook", None)
    if make is None:  # of a later Python
        return

    def _make_invoke_excepthook(*args: Any, **named: Any) -> Any:
        invoke = make(*args, **named)
        if not isinstance(invoke, types.FunctionType):  # of somebody who had patched it before
            return invoke

        def invoke_excepthook(thread: Any) -> Any:
            error: object = None
            if switch.on:
                try:
                    ended = threading.ExceptHookArgs((*sys.exc_info(), thread))
                    error = before((ended,))
                    del ended
                except _EXHAUSTED:
                    faults.unrecorded += 1
                except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
                    faults.record("exceptions.threads", fault)
            try:
                return invoke(thread)
            finally:
                if isinstance(error, BaseException):
                    desk.done(error)
                del error

        return invoke_excepthook

    patches.replace(threading, "_make_invoke_excepthook", make, dressed(_make_invoke_excepthook, make))


def _of_thread(given: Any) -> dict[str, Any]:
    thread = getattr(given, "thread", None)
    if not isinstance(thread, threading.Thread):
        return {}
    return {semconv.THREAD_NAME: str(thread.name), semconv.THREAD_ID: thread.ident or 0}


def _of_unraisable(given: Any) -> dict[str, Any]:
    """Say what an exception came out of, by the names that Python itself gave it."""
    owner = getattr(given, "object", None)
    if owner is None:
        return {}
    if isinstance(owner, _FUNCTIONS):
        name = f"{getattr(owner, '__module__', '')}.{getattr(owner, '__qualname__', '')}"
    else:
        kind = type(owner)
        name = f"{kind.__module__}.{kind.__qualname__}"
    return {semconv.EXCEPTION_OWNER: name}
