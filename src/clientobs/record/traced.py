"""`clientobs.traced`, and `clientobs.span` as a decorator: a span for each call of a function.

One frame of ours stands in a traceback. A generator's span lasts from its first step to its end and is the
current span only while the generator runs: between two steps the consumer is in its own context again.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar, overload

from clientobs.errors import ConfigError
from clientobs.record import recorder as _recorder
from clientobs.record.span import span
from clientobs.record.steps import Steps

__all__ = ["decorate", "traced"]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def traced(target: F, /) -> F: ...
@overload
def traced(target: str | None = None, /, **attributes: Any) -> Callable[[F], F]: ...
def traced(target: Any = None, /, **attributes: Any) -> Any:
    """Decorate a function with a span: bare, or with a name and attributes.

    The name is the function's qualified name unless given. Functions, coroutine functions, generators,
    asynchronous generators, static methods and class methods (below their decorator) are taken.

    >>> @traced
    ... def publish(): return 1
    >>> @traced("publish.check", strict=True)
    ... def check(): return 2
    >>> publish() + check()
    3
    """
    if target is None or isinstance(target, str):
        return lambda function: decorate(function, target, attributes)
    return decorate(target, None, attributes)


def decorate(function: F, name: str | None, attributes: dict[str, Any]) -> F:
    """Return `function` with a span around each call."""
    if isinstance(function, staticmethod | classmethod):
        return type(function)(decorate(function.__func__, name, attributes))
    if isinstance(function, type) or not callable(function):
        raise ConfigError(
            f"traced() takes functions and methods, not {_kind_of(function)}; put it on the methods, below"
            " @property, @staticmethod and @classmethod"
        )
    label = name or getattr(function, "__qualname__", None) or type(function).__qualname__
    module = getattr(function, "__module__", None)

    def new_span() -> span:
        made = span(label, **attributes)
        made._tool = module  # noqa: SLF001  # the decorated function's tool, not this module's
        return made

    wrapper = functools.wraps(function)(_wrapper_for(function, new_span))
    if not inspect.isfunction(function):
        _lend_methods(function, wrapper)
    return wrapper  # type: ignore[return-value]


def _lend_methods(target: object, wrapper: Callable[..., Any]) -> None:
    """Give `wrapper` the methods of a callable that is no function: cache_clear() of an lru_cache."""
    for name in dir(type(target)):
        if not name.startswith("__") and callable(getattr(type(target), name)) and not hasattr(wrapper, name):
            setattr(wrapper, name, getattr(target, name))


def _kind_of(target: object) -> str:
    return (
        f"the class {target.__qualname__}" if isinstance(target, type) else f"a {type(target).__qualname__}"
    )


def _wrapper_for(function: Callable[..., Any], new_span: Callable[[], span]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        return _around_async_generator(function, new_span)
    if inspect.isgeneratorfunction(function):
        return _around_generator(function, new_span)
    if inspect.iscoroutinefunction(function):

        async def around_coroutine(*args: Any, **kwargs: Any) -> Any:
            with new_span():
                return await function(*args, **kwargs)

        return around_coroutine

    def around_call(*args: Any, **kwargs: Any) -> Any:
        if _recorder._active is None:  # noqa: SLF001  # off: one look, no object
            return function(*args, **kwargs)
        with new_span():
            return function(*args, **kwargs)

    return around_call


def _around_generator(
    function: Callable[..., Generator[Any, Any, Any]], new_span: Callable[[], span]
) -> Callable[..., Generator[Any, Any, Any]]:
    def around_generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = Steps(new_span())
        inner = function(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(next, inner)
        try:
            while True:
                try:
                    with steps:
                        item = step()
                except StopIteration as stop:
                    steps.finish(None)
                    return stop.value
                try:
                    sent = yield item
                    step = functools.partial(inner.send, sent)
                except GeneratorExit:
                    inner.close()
                    raise
                except BaseException as thrown:  # noqa: BLE001  # handed on to the inner generator, as PEP 380
                    step = functools.partial(inner.throw, thrown)
        except BaseException as error:
            steps.finish(error)
            raise

    return around_generator


def _around_async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], new_span: Callable[[], span]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    async def around_async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = Steps(new_span())
        inner = function(*args, **kwargs)
        step: Callable[[], Any] = inner.__anext__
        try:
            while True:
                try:
                    with steps:
                        item = await step()
                except StopAsyncIteration:
                    steps.finish(None)
                    return
                try:
                    sent = yield item
                    step = functools.partial(inner.asend, sent)
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001  # handed on to the inner generator
                    step = functools.partial(inner.athrow, thrown)
        except BaseException as error:
            steps.finish(error)
            raise

    return around_async_generator
