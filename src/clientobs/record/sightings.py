"""Which exceptions have been told already, so that one fault has one headline however far its exception travels.

An exception leaves one span after the other, is logged on its way, comes out of a future on another thread, and ends
in sys.excepthook. Nothing of it may be kept alive, and most exceptions can't be referred to weakly. What is kept are
numbers: its id, and the place (code object and line) of the outermost traceback entry that it had when it was told.

That is enough, although ids are used again: a traceback only grows at its outer end, so an exception that was told
when it left a span has that span's `with` line in its traceback for ever. Another one that happens to get the same id
and has that line in its traceback too has left a span there as well, and was told there, with a mark of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs._ids import ids

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Mark", "Sightings", "sightings"]

_MOST: Final = 256
_FRAMES: Final = 2_000


class Mark(NamedTuple):
    """One telling of one exception: nothing but numbers and our own texts."""

    kind: int
    code: int
    line: int
    fault: str
    headline: bool
    """Whether an event was written, not only a log record."""


class Sightings:
    """The last exceptions that were told, of all threads."""

    def __init__(self) -> None:
        self._marks: dict[int, Mark] = {}

    def find(self, error: BaseException) -> Mark | None:
        """Return the mark of an exception that was told before, or None."""
        mark = self._marks.get(id(error))
        if mark is None or mark.kind != id(type(error)):
            return None
        here: TracebackType | None = error.__traceback__
        for _ in range(_FRAMES):
            if here is None:
                return None
            if here.tb_lineno == mark.line and id(here.tb_frame.f_code) == mark.code:
                return mark
            here = here.tb_next
        return None

    def is_at(self, error: BaseException, mark: Mark) -> bool:
        """Say whether an exception still is where it was marked: it may be another one with the same id."""
        return _place_of(error) == (mark.code, mark.line)

    def add(self, error: BaseException, fault: str, *, headline: bool) -> None:
        """Remember that `error` was told, as a part of `fault`, where it is now."""
        code, line = _place_of(error)
        marks = self._marks
        marks.pop(id(error), None)
        marks[id(error)] = Mark(id(type(error)), code, line, fault, headline)
        while len(marks) > _MOST:
            try:
                marks.pop(next(iter(marks)), None)
            except (StopIteration, RuntimeError):  # another thread was at it
                return

    def drop(self, error: BaseException) -> None:
        """Forget an exception that is about to end: another one may get its id."""
        self._marks.pop(id(error), None)

    @staticmethod
    def new_fault() -> str:
        """Return an id for a fault, 16 hex digits."""
        return ids.hex_id(64)

    def forget(self) -> None:
        """Forget all: for tests."""
        self._marks.clear()


def _place_of(error: BaseException) -> tuple[int, int]:
    trace = error.__traceback__
    return (0, 0) if trace is None else (id(trace.tb_frame.f_code), trace.tb_lineno)


sightings: Final = Sightings()
"""Those of this process: an exception passes from thread to thread, and from tool to tool."""
