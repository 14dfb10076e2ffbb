"""Which exceptions have been told already, so that one fault has one headline however far its exception travels.

An exception leaves one span after the other, is logged on its way, comes out of a future on another thread, and ends
in sys.excepthook. Nothing of it may be kept alive, and most exceptions can't be referred to weakly. What is kept are
numbers: its id, and the place (code object and line) of the outermost traceback entry that it had when it was told.

That is enough, although ids are used again: a traceback only grows at its outer end, so an exception that was told
when it left a span has that place in its traceback for ever. Another one that happens to get the same id and has
that place in its traceback has left the span there too, and was told there, with a mark of its own. One case is
left: at that place itself, the next one of a loop looks like the one before. There the spans decide: it is the same
if it was told when it left a child of the span that it is leaving now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs._ids import ids
from clientobs.record.behind import trace_of

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["NO_SPAN", "Mark", "Sightings", "sightings"]

NO_SPAN: Final = -1
"""No span has this id."""

_MOST: Final = 256
_FRAMES: Final = 2_000
_GENERATORS: Final = 8
_IS_GENERATOR: Final = 0x20
"""inspect.CO_GENERATOR."""


class Mark(NamedTuple):
    """One telling of one exception: nothing but numbers and our own texts."""

    kind: int
    code: int
    line: int
    fault: str
    headline: bool
    """Whether an event was written, not only a log record."""
    parent: int
    """The span around the one that it left when it was told; 0 for none."""


class Sightings:
    """The last exceptions that were told, of all threads."""

    def __init__(self) -> None:
        self._marks: dict[int, Mark] = {}

    def find(self, error: BaseException, leaving: int | None = None) -> Mark | None:
        """Return the mark of an exception that was told before, or None.

        leaving: the span that it leaves right now, or NO_SPAN where it passes a place that is none; None where
        nothing is left.
        """
        mark = self._marks.get(id(error))
        if mark is None or mark.kind != id(type(error)):
            return None
        here = trace_of(error)
        if here is None:
            return mark if (mark.code, mark.line) == (0, 0) else None
        is_outermost = True
        for _ in range(_FRAMES):
            if here is None:
                return None
            if (
                here.tb_lineno == mark.line
                and id(here.tb_frame.f_code) == mark.code
                and not (is_outermost and mark.headline and leaving is not None and leaving != mark.parent)
            ):
                return mark
            here, is_outermost = here.tb_next, False
        return None

    def is_at(self, error: BaseException, mark: Mark) -> bool:
        """Say whether an exception still is where it was marked: it may be another one with the same id."""
        return _place_of(error) == (mark.code, mark.line)

    def add(
        self, error: BaseException, fault: str, *, headline: bool, parent: int = 0, passing: bool = False
    ) -> None:
        """Remember that `error` was told, as a part of `fault`, where it is now; `passing`: in a context manager."""
        code, line = _lasting_place_of(error) if passing else _place_of(error)
        marks = self._marks
        marks.pop(id(error), None)
        marks[id(error)] = Mark(id(type(error)), code, line, fault, headline, parent)
        while len(marks) > _MOST:
            try:
                marks.pop(next(iter(marks)), None)
            except (StopIteration, RuntimeError):  # another thread was at it
                return

    def drop(self, identity: int) -> None:
        """Forget an exception that is about to end, by its id(): another one may get it."""
        self._marks.pop(identity, None)

    @staticmethod
    def new_fault() -> str:
        """Return an id for a fault, 16 hex digits."""
        return ids.hex_id(64)

    def forget(self) -> None:
        """Forget all: for tests."""
        self._marks.clear()


def _place_of(error: BaseException) -> tuple[int, int]:
    return _place(trace_of(error))


def _lasting_place_of(error: BaseException) -> tuple[int, int]:
    """Return the outermost place that stays: one that is thrown into a generator has its frame in front meanwhile.

    contextlib, which makes context managers of generators, takes that entry off again.
    """
    trace = trace_of(error)
    for _ in range(_GENERATORS):
        if trace is None or trace.tb_next is None or not trace.tb_frame.f_code.co_flags & _IS_GENERATOR:
            break
        trace = trace.tb_next
    return _place(trace)


def _place(trace: TracebackType | None) -> tuple[int, int]:
    return (0, 0) if trace is None else (id(trace.tb_frame.f_code), trace.tb_lineno)


sightings: Final = Sightings()
"""Those of this process: an exception passes from thread to thread, and from tool to tool."""
