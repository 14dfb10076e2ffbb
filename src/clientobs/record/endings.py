"""Tell somebody that a span is about to end, while attributes can still be set on it.

Instruments sum up what happened under a span and write the sum on it. Most spans have no such sum, and every
span pays for a hook that all of them ask: so the hook stands in the span's own `__dict__`, where a call of
`span.end()` finds it before the method of the class. It works for each span class of the SDK, of the
application's own providers too, and a span without it ends as if this module were not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clientobs._guarded import faults

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["before_end"]


def before_end(span: Any, callback: Callable[[Any], None]) -> bool:
    """Call `callback(span)` once, right before `span` ends; say whether that could be arranged.

    Callbacks of one span are called in the order in which they were given. False for a span that keeps no
    attributes of its own in a `__dict__` (one that is not recorded, of a foreign SDK).
    """
    fields = getattr(span, "__dict__", None)
    if fields is None or not span.is_recording():
        return False
    ending = fields.get("end")
    if type(ending) is _Ending:
        ending.callbacks.append(callback)
    else:
        fields["end"] = _Ending(span, callback)
    return True


class _Ending:
    """Stands in for `end` of one span, until it is called."""

    __slots__ = ("_span", "callbacks")

    def __init__(self, span: Any, callback: Callable[[Any], None]) -> None:
        self._span: Any = span
        self.callbacks = [callback]

    def __call__(self, end_time: int | None = None) -> None:
        span, self._span = self._span, None
        if span is None:  # called again by who kept it: a span ends once
            return
        span.__dict__.pop("end", None)  # no circle is left, and the span's own method is in force again
        for callback in self.callbacks:
            try:
                callback(span)
            except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
                faults.record("span.before_end", error)
        span.end(end_time)
