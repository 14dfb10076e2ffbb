"""Equal failures of children, folded: a tool that fails in a loop fails once, and is counted.

Equal are failures below one span of the same program, that ended in the same way and said the same. The first is told
by an event with all that is known. Those after it have their spans, and are counted in a list on the span around them:
"37 x ffmpeg, exit 1: Unknown encoder 'libx265'". Outside of any span there is nothing to count on: there each is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.record import span as _span

if TYPE_CHECKING:
    from clientobs.instruments.processes.child import Child

__all__ = ["Folds"]

_MOST: Final = 64
"""Spans whose failures are remembered; the oldest are forgotten, and theirs told anew."""
_MOST_KINDS: Final = 16
"""Kinds of failures that are folded below one span."""
_LINE: Final = 300


class Folds:
    """The failures below the spans that were open lately."""

    def __init__(self) -> None:
        self._below: dict[int, dict[tuple[str, str, str], int]] = {}

    def forget(self) -> None:
        """Begin anew in a forked child, whose spans have ids of their own."""
        self._below.clear()

    def is_like_one_told(self, child: Child, ending: str, words: str) -> bool:
        """Count a failure that is like one before it, and say so; remember the first of its kind."""
        around: Any = child.context.get(_span._SPAN_KEY) if child.context else None  # noqa: SLF001  # see span.bind
        if around is None or not around.is_recording():
            return False
        kinds = self._kinds_below(around.get_span_context().span_id)
        kind = (child.command.name, ending, words[:_LINE])
        count = kinds.get(kind, 0)
        if not count and len(kinds) >= _MOST_KINDS:
            return False
        kinds[kind] = count + 1
        if not count:
            return False
        around.set_attribute(
            semconv.PROCESS_FAILURES_FOLDED,
            [_line(*one, times) for one, times in tuple(kinds.items()) if times > 1],
        )
        return True

    def _kinds_below(self, span_id: int) -> dict[tuple[str, str, str], int]:
        kinds = self._below.get(span_id)
        if kinds is None:
            while len(self._below) >= _MOST:
                self._below.pop(next(iter(tuple(self._below)), 0), None)
            kinds = self._below.setdefault(span_id, {})
        return kinds


def _line(name: str, ending: str, words: str, times: int) -> str:
    return f"{times} x {name}, {ending}" + (f": {words}" if words else "")
