"""A wrapper for what a host calls back: scene callbacks, menu actions, timers, deferred commands.

Many hosts swallow an exception of a callback, or print it where nobody looks. The wrapper records it and lets it
pass, so that the host does with it what it always did. While one runs on the main thread, that is watched for hangs
as it is within a span.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, overload

from clientobs import semconv
from clientobs._callbacks import begin, end
from clientobs.instruments.exceptions.desk import Desk
from clientobs.record.sightings import NO_SPAN

__all__ = ["callback"]

F = TypeVar("F", bound=Callable[..., Any])

_desk = Desk()


@overload
def callback(function: F, /) -> F: ...
@overload
def callback(*, name: str | None = None) -> Callable[[F], F]: ...
def callback(function: Any = None, /, *, name: str | None = None) -> Any:
    """Decorate a function that a host calls: its exceptions are recorded, and pass unchanged.

    `name` is how the host knows it ("kAfterOpen"); without it, the function's own.

    >>> @callback(name="kAfterSave")
    ... def saved(path): return path.upper()
    >>> saved("a.ma")
    'A.MA'
    """
    if function is None:
        return lambda given: callback_named(given, name)
    return callback_named(function, name)


def callback_named(function: F, name: str | None) -> F:
    """Return `function` with its exceptions recorded under a name."""
    owner: Any = name or getattr(function, "__qualname__", type(function).__qualname__)

    def called_back(*args: Any, **named: Any) -> Any:
        depth = begin(owner)
        try:
            return function(*args, **named)
        except BaseException as error:
            _desk.report(error, "callback", {semconv.EXCEPTION_OWNER: owner}, leaving=NO_SPAN)
            raise
        finally:
            end(depth)

    return functools.wraps(function)(called_back)  # type: ignore[return-value]  # the same signature
