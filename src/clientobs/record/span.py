"""`clientobs.span`: the context manager and decorator that opens a span.

A class with slots instead of a generator: half the cost of `start_as_current_span`. The host's block runs
outside every guard, its exceptions pass unchanged and untouched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from clientobs._guarded import faults
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
        self._name = name
        self._attributes = attributes
        self._span: Any = None
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
            self._start(recorder, module)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("span.enter", error)
        except BaseException:  # Ctrl-C at this very moment: `with` will not call __exit__
            self._abandon()
            raise
        return UNRECORDED if self._span is None else self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._span is not None or self._again:
            try:
                (self._innermost() if self._again else self)._end(error)  # noqa: SLF001  # its own kind
            except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
                faults.record("span.exit", fault)
            except BaseException:  # Ctrl-C at this very moment
                self._abandon()
                raise

    def __call__(self, function: F) -> F:
        """Decorate a function."""
        from clientobs.record.traced import decorate  # noqa: PLC0415  # traced builds on this class

        return decorate(function, self._name, self._attributes)

    def _start(self, recorder: Recorder, module: object) -> None:
        current = before = _get_current()
        tool = recorder.tools.of_module(module) if recorder.tools.several else None
        if tool is not None:
            overlay = current.get(OVERLAY_KEY, EMPTY)
            if overlay.tool is not tool:
                current = _Context({**current, OVERLAY_KEY: overlay.for_tool(tool)})
        name = self._name if type(self._name) is str else recorder.redactor.name(self._name)
        started = recorder.voice.tracer.start_span(name, current, attributes=self._attributes)
        self._context: Context = _Context({**current, _SPAN_KEY: started})
        self._recorder = recorder
        self._token: Token[Context] | None = None
        self._span = started
        try:
            self._token = _attach(self._context)
        except BaseException:  # Ctrl-C between the two steps: the token is lost
            _attach(before)
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
        finally:
            started.end()
            self._span = self._context = self._recorder = None  # type: ignore[assignment]  # keeps no user object alive
            self._release()

    def _abandon(self) -> None:
        """Bring to an end what an exception of the host's, a signal handler's, has interrupted in here."""
        started = self._span
        if self._token is not None:
            _detach(self._token)
        if started is not None:
            if started.is_recording():
                started.end()
            self._span = self._context = self._recorder = None  # type: ignore[assignment]  # as in _end
        self._release()

    def _release(self) -> None:
        if not self._free:
            self._free.append(True)

    def _enter_again(self, recorder: Recorder, module: object) -> Span:
        """Open another span of the same name: this one is open, around the block or on another thread."""
        inner = span(self._name, **self._attributes)
        inner._start(recorder, module)
        self._again[id(inner._span)] = inner
        return inner._span  # type: ignore[no-any-return]  # the tracer's

    def _innermost(self) -> span:
        """Return whichever of the spans of this object is current here, else the one opened last."""
        current = _get_current().get(_SPAN_KEY)
        if self._span is not None and self._span is current:
            return self
        inner = self._again.pop(id(current), None)  # alive, so the id is its own
        if inner is not None:
            return inner
        try:
            return self._again.popitem()[1]
        except KeyError:
            return self


# Filled in by `bind` when the SDK is loaded: importing this module must not load OpenTelemetry.
_get_current: Any = None
_attach: Any = None
_reset: Any = None
_Context: Any = None
_SPAN_KEY: str = ""


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
