"""A span that is entered again and again: for generators, between whose steps other code runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clientobs._guarded import quiet
from clientobs.record import recorder as _recorder
from clientobs.record import span as _span

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Steps"]


class Steps:
    """Makes the span current inside each `with`, and ends it at `finish`. The span starts with the first."""

    __slots__ = ("_inner", "_token")

    def __init__(self, inner: _span.span) -> None:
        self._inner: _span.span | None = inner
        self._token: Any = None

    def __enter__(self) -> None:
        with quiet("steps.enter"):
            inner = self._inner
            if inner is None:
                return
            if inner._span is None:  # noqa: SLF001  # one unit with span.py: the first step
                recorder = _recorder.active()
                if recorder is not None:
                    inner._start(recorder, inner._tool)  # noqa: SLF001
                    self._token = inner._token  # noqa: SLF001
                return
            before = _span._get_current()  # noqa: SLF001
            try:
                self._token = _span._attach(inner._context)  # noqa: SLF001
            except BaseException:  # Ctrl-C between the two steps: the token is lost
                _span._attach(before)  # noqa: SLF001
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with quiet("steps.exit"):
            if self._token is not None:
                _span._detach(self._token)  # noqa: SLF001
                self._token = None

    def finish(self, error: BaseException | None) -> None:
        """End the span, with what the generator raised; GeneratorExit is how a consumer stops early."""
        inner = self._inner
        try:
            with quiet("steps.finish"):
                if inner is None:
                    return
                token = inner._token if self._token is None else self._token  # noqa: SLF001  # one unit with span.py
                if token is not None:  # Ctrl-C came while a step began or ended
                    _span._detach(token)  # noqa: SLF001
                self._inner = None
                if inner._span is not None:  # noqa: SLF001
                    inner._token = None  # noqa: SLF001
                    inner._end(None if isinstance(error, GeneratorExit) else error)  # noqa: SLF001
        except BaseException:  # Ctrl-C at this very moment
            if inner is not None:
                inner._abandon()  # noqa: SLF001
            raise
