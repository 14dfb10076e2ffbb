"""QThread and QThreadPool: what is current at `start()` is current in `run()`.

Nothing of Python runs in a thread of Qt's before its `run`, so that is where the context is taken up: `start`
lays a callable down in the object's own __dict__, under the name `run`, which all bindings look at first; called,
it takes itself away, and runs what would have run. The class of the user stays as it is. One frame of ours is in
the traceback of a failing `run`. The object is held weakly, and nothing of Qt is asked of it.

A slot that Qt calls on another thread (`moveToThread`) has no such place: each such call is a thread of its own to
Python, and begins with no context.
"""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults, quiet
from clientobs.instruments.bindings import Called, Reached, is_overridden

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.threads.current import Current

__all__ = ["patch_qt"]

_FRESH: Final = 1.0
"""Seconds from `thread.start` to the thread. What was taken for a signal (`clicked.connect(thread.start)`) is
called later than that, and not from where it was taken."""
_POOLED: Final = ("start", "tryStart", "startOnReservedThread")


def patch_qt(core: ModuleType, current: Current, patches: Patches) -> None:
    """Patch a binding's QtCore."""
    thread, pool, runnable = (getattr(core, name) for name in ("QThread", "QThreadPool", "QRunnable"))
    original = vars(thread)["start"]
    patches.replace(thread, "start", original, Reached(original, _starter(current, thread)))
    takes_callables = core.__name__ != "PySide2.QtCore"
    for name in _POOLED:
        original = vars(pool).get(name)
        if original is not None:
            wrapper = Called(original, _pooler(current, runnable, takes_callables=takes_callables))
            patches.replace(pool, name, original, wrapper)


class _Laid:
    """Stands for `run` in the __dict__ of one object, once."""

    __slots__ = ("_context", "_current", "_thing", "_until")

    def __init__(self, thing: Any, context: Any, current: Current, until: float) -> None:
        self._thing = weakref.ref(thing)
        self._context = context
        self._current = current
        self._until = until

    def __call__(self) -> Any:
        thing = self._thing()  # alive: its C++ half is calling
        context, self._context = self._context, None
        vars(thing).pop("run", None)
        token = None
        if context is not None and time.monotonic() <= self._until:
            try:
                token = self._current.attach(context)
            except Exception as error:  # noqa: BLE001  # the wall
                faults.record("threads.qt", error)
        try:
            return thing.run()  # type: ignore[union-attr]  # see above
        finally:
            del thing, context
            if token is not None:
                self._current.detach(token)


def _lay_down(thing: Any, base: type, current: Current, until: float) -> bool:
    own = vars(thing)
    left = own.get("run")
    if isinstance(left, _Laid):
        del own["run"]
    elif left is not None:  # the program's own: it is looked up by this very name
        return False
    context = current.worth_keeping()
    if context is None or not is_overridden(thing, "run", base):
        return False
    own["run"] = _Laid(thing, context, current, until)
    return True


def _starter(current: Current, base: type) -> Callable[[Any], None]:
    def reached(thread: Any) -> None:
        _lay_down(thread, base, current, time.monotonic() + _FRESH)

    return reached


def _pooler(current: Current, base: type, *, takes_callables: bool) -> Callable[[Any], Callable[..., Any]]:
    def wrap(bound: Any) -> Callable[..., Any]:
        def start(_pool: Any, *args: Any, **kwargs: Any) -> Any:
            laid = False
            with quiet("threads.qt"):
                if args and isinstance(args[0], base):
                    laid = _lay_down(args[0], base, current, float("inf"))
                elif args and takes_callables and _is_plain(args, kwargs):
                    args = (_in_context(args[0], current), *args[1:])
            started = None
            try:
                started = bound(*args, **kwargs)
                return started
            finally:
                if laid and started is False:  # tryStart found no thread
                    vars(args[0]).pop("run", None)

        return start

    return wrap


def _is_plain(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    # All else is an error, whose text names the types of the arguments.
    return callable(args[0]) and not kwargs and all(type(number) is int for number in args[1:])


def _in_context(function: Any, current: Current) -> Any:
    context = current.worth_keeping()
    if context is None:
        return function

    def run() -> Any:
        token = current.attach(context)
        try:
            return function()
        finally:
            current.detach(token)

    return run
