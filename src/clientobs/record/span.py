"""`clientobs.span`: the context manager and decorator that opens a span.

A class with slots instead of a generator: half the cost of `start_as_current_span`. The host's block runs
outside every guard, its exceptions pass unchanged and untouched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from clientobs._guarded import faults, quiet
from clientobs.errors import ConfigError
from clientobs.pipeline.context import EMPTY, OVERLAY_KEY
from clientobs.record import recorder as _recorder
from clientobs.record.leaving import tell
from clientobs.record.unrecorded import UNRECORDED, UnrecordedSpan

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from clientobs.record.recorder import Recorder

__all__ = ["span"]

F = TypeVar("F", bound=Callable[..., Any])


class span:  # noqa: N801  # reads as a statement: `with clientobs.span("publish"):`
    """Open a span for the block, or for each call of the decorated function.

    `attributes` are the span's; a name with dots goes in as `**{"file.path": p}`. As a context manager it
    gives the OpenTelemetry span (set_attribute, add_event ...), or one that ignores all calls when clientobs is
    off. As a decorator it takes functions, coroutine functions, generators and asynchronous generators.

    An exception that leaves the block passes unchanged; the span gets status error and error.type, and one log
    record carries the traceback. KeyboardInterrupt and a cancelled task are no error: tool.outcome=cancelled.

    >>> with span("publish", version=12) as publish:
    ...     publish.set_attribute("publish.files", 3)
    """

    __slots__ = (
        "_again",
        "_attributes",
        "_context",
        "_free",
        "_name",
        "_recorder",
        "_span",
        "_token",
        "_tool",
    )

    def __init__(self, name: str, /, **attributes: Any) -> None:
        self._name = name if type(name) is str else _name_of(name)
        self._attributes = attributes
        self._span: Any = None
        self._token: Token[Context] | None = None
        self._recorder: Recorder | None = None
        self._tool: str | None = None
        self._again: dict[int, span] = {}
        self._free = [True]

    def __enter__(self) -> Span | UnrecordedSpan:
        recorder = _recorder._active  # noqa: SLF001  # a function call is a tenth of a microsecond here
        if recorder is None:
            return UNRECORDED
        try:
            module = self._tool
            if module is None and recorder.tools.several:
                module = sys._getframe(1).f_globals.get("__name__")  # noqa: SLF001
            try:
                self._free.pop()  # one thread gets it, however many enter at once
            except IndexError:
                return self._enter_again(recorder, module)
            return self._start(recorder, module)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("span.enter", error)
            return UNRECORDED

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mine = None
        try:
            mine = self._innermost() if self._again else self
            if mine._span is not None:  # noqa: SLF001  # its own kind
                mine._end(error)  # noqa: SLF001
            if self._again:
                self._forget_ended()
        except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("span.exit", fault)
        except BaseException:  # Ctrl-C at this very moment, before _end took over
            (mine or self._innermost())._abandon()  # noqa: SLF001
            raise

    async def __aenter__(self) -> Span | UnrecordedSpan:
        if self._tool is None:  # the caller's, which __enter__ would look for one frame too near
            self._tool = sys._getframe(1).f_globals.get("__name__")  # noqa: SLF001
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Decorate a function."""
        from clientobs.record.traced import decorate  # noqa: PLC0415  # traced builds on this class

        return decorate(function, self._name, self._attributes)

    def _start(self, recorder: Recorder, module: object) -> Span:
        current = before = _get_current()
        try:
            tool = recorder.tools.of_module(module) if recorder.tools.several else None
            if tool is not None:
                overlay = current.get(OVERLAY_KEY, EMPTY)
                if overlay.tool is not tool:
                    current = _Context({**current, OVERLAY_KEY: overlay.for_tool(tool)})
            self._recorder = recorder
            # Kept at once: what is interrupted between two statements has to be found by _abandon.
            self._span = started = recorder.voice.tracer.start_span(
                self._name, current, attributes=self._attributes
            )
            self._context: Context = _Context({**current, _SPAN_KEY: started})
            self._token = _attach(self._context)
            return started  # type: ignore[no-any-return]  # the tracer's
        except BaseException:  # `with` will not call __exit__
            if self._token is None:  # Ctrl-C between the two steps: the token is lost
                _attach(before)
            self._abandon()
            raise

    def _end(self, error: BaseException | None) -> None:
        started = self._span
        try:
            if self._token is not None:
                is_current = _get_current() is self._context
                _detach(self._token)
                if not is_current:
                    _leave_ended()
            if error is not None and started.is_recording() and self._recorder is not None:
                tell(self._recorder, started, error, self._context)
            started.end()
            self._span = self._context = self._recorder = self._token = None  # type: ignore[assignment]  # keeps no user object alive
            if not self._free:
                self._free.append(True)
        except BaseException:  # Ctrl-C at this very moment, or a fault of ours: nobody ends it after us
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Bring to an end what an exception has interrupted in here: a fault, or a signal handler's.

        Nothing of ours may take the place of that exception, which is on its way to the host.
        """
        started = self._span
        with quiet("span.abandon"):
            if self._token is not None:
                _detach(self._token)
            if started is not None and started.is_recording():
                started.end()
        self._span = self._context = self._recorder = self._token = None  # type: ignore[assignment]  # as in _end
        if not self._free:
            self._free.append(True)

    def _enter_again(self, recorder: Recorder, module: object) -> Span:
        """Open another span of the same name: this one is open, around the block or on another thread."""
        inner = span(self._name, **self._attributes)
        try:
            started = inner._start(recorder, module)
            self._again[id(started)] = inner
            return started
        except BaseException:  # Ctrl-C at this very moment: `with` will not call __exit__
            self._again.pop(id(inner._span), None)
            inner._abandon()
            raise

    def _forget_ended(self) -> None:
        for key, each in tuple(self._again.items()):
            if each._span is None:  # noqa: SLF001  # its own kind
                self._again.pop(key, None)

    def _innermost(self) -> span:
        """Return whichever of the spans of this object is current here, else the one opened last."""
        current = _get_current().get(_SPAN_KEY)
        if self._span is not None and self._span is current:
            return self
        inner = self._again.get(id(current))  # alive, so the id is its own
        if inner is not None:
            return inner
        try:
            return self._again.popitem()[1]
        except KeyError:
            return self


# Filled in by `bind` when the SDK is loaded: importing this module must not load OpenTelemetry. Kept where somebody
# reloads it: nobody binds them again.
_kept = globals().get
_get_current: Any = _kept("_get_current")
_attach: Any = _kept("_attach")
_reset: Any = _kept("_reset")
_Context: Any = _kept("_Context")
_SPAN_KEY: str = _kept("_SPAN_KEY", "")


def _name_of(given: object) -> str:
    if not isinstance(given, str):
        raise ConfigError(f'span(<{type(given).__name__}>) has no name; use a text such as "publish"')
    return str.__str__(given)  # of a subclass, whose own methods are the host's code


def _detach(token: Any) -> None:
    # Not opentelemetry.context.detach(): it logs a traceback when a generator or a callback ends its span in
    # another context than it began in. That is no fault of the host, and nothing is left to restore there.
    try:
        _reset(token)
    except (ValueError, RuntimeError):  # another context's, or used already
        return


def _leave_ended() -> None:
    """Take a span off the context that has ended: two spans were left in the order in which they were entered.

    What runs on this thread afterwards would be its child for ever.
    """
    current = _get_current()
    left = current.get(_SPAN_KEY)
    if getattr(left, "end_time", None) is not None:
        _attach(_Context({key: value for key, value in current.items() if key != _SPAN_KEY}))


def bind() -> None:
    """Take the names of OpenTelemetry that the hot path needs; called once the SDK is loaded."""
    global _get_current, _attach, _reset, _Context, _SPAN_KEY  # see above
    import opentelemetry.context as context_api  # noqa: PLC0415
    from opentelemetry.context.context import Context as ContextType  # noqa: PLC0415
    from opentelemetry.trace.propagation import _SPAN_KEY as SPAN_KEY  # noqa: PLC0415

    _Context, _SPAN_KEY = ContextType, SPAN_KEY
    runtime: Any = context_api._RUNTIME_CONTEXT  # noqa: SLF001
    variable = getattr(runtime, "_current_context", None)
    if isinstance(variable, ContextVar):  # the default: two calls less on each way
        _get_current, _attach, _reset = variable.get, variable.set, variable.reset
    else:
        _get_current, _attach, _reset = runtime.get_current, runtime.attach, runtime.detach
