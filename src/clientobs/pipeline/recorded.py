"""`span.record_exception(error)` of OpenTelemetry's own API, by whomever: the event gets what a log record gets.

That is a fingerprint and the fault's id, both made of the exception while it is there. Spans of ours write the event
themselves: the SDK's method reads source files wherever they lie, and lets what `__str__` raises through to the host.
Spans of the application's own provider keep the SDK's method, which is given two attributes more.

Nothing of this is on the way of a span that records no exception: a method of the class for ours, one entry in the
`__dict__` of others.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, TypeAlias

from clientobs import semconv
from clientobs._guarded import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Describe", "describe_nothing", "watch_record_exception"]

Describe: TypeAlias = "Callable[[BaseException], dict[str, Any]]"
"""Returns the attributes of the event for an exception; {} where nothing records."""

_ADDED = (semconv.EXCEPTION_FINGERPRINT, semconv.FAULT_ID)


def describe_nothing(_error: BaseException) -> dict[str, Any]:
    """Return no attributes."""
    return {}


def watch_record_exception(span: Any, describe: Describe) -> None:
    """Let a span of the SDK add what `describe` says to the exceptions that are recorded on it."""
    fields = getattr(span, "__dict__", None)
    if fields is not None:
        fields["record_exception"] = _RecordException(span, describe)


class _RecordException:
    """Stands in for the method of one span, which it does not keep alive."""

    __slots__ = ("_describe", "_span")

    def __init__(self, span: Any, describe: Describe) -> None:
        self._span = weakref.ref(span)
        self._describe = describe

    def __call__(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        span = self._span()
        if span is None:  # called by who kept the method and not the span: nothing is left to write on
            return
        added: dict[str, Any] = {}
        try:
            known = self._describe(exception)
            added = {name: known[name] for name in _ADDED if name in known}
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("spans.record_exception", error)
        type(span).record_exception(
            span, exception, {**added, **(attributes or {})} or attributes, timestamp, escaped
        )
