"""Lines to entries: what belongs together becomes one record, a traceback first of all.

An entry begins where `boundaries` says so, and is over when the next one begins or nothing has come for a second.
Bounded in lines and in characters; what goes beyond is left out and counted in the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.drain.logfiles.lines import Line

__all__ = ["Entry", "Joiner"]

_MAX_LINES: Final = 1000
_MAX_CHARACTERS: Final = 64 << 10
_PATIENCE_NS: Final = 1_000_000_000


class Begins(Protocol):
    """Says whether the next line of a file begins an entry; `is_open`: there is one that it could go on with."""

    def __call__(self, line: str, *, is_open: bool) -> bool:
        """Answer."""


@dataclass(slots=True)
class Entry:
    """One record to be: `begin` and `end` are bytes from the start of the file."""

    begin: int
    end: int
    lines: list[str] = field(default_factory=list)
    left_out: int = 0
    """Bytes that are not in `lines`."""
    size: int = 0

    @property
    def text(self) -> str:
        """All of it, with a word on what was left out."""
        text = "\n".join(self.lines).rstrip()
        return f"{text}\n... {self.left_out} bytes left out" if self.left_out else text

    def add(self, line: Line) -> None:
        """Take in one more line."""
        self.end = line.end
        self.left_out += line.left_out
        room = _MAX_CHARACTERS - self.size
        if len(self.lines) >= _MAX_LINES or room <= 0:
            self.left_out += line.end - line.begin
            return
        kept = line.text[:room]
        self.left_out += len(line.text) - len(kept)
        self.lines.append(kept)
        self.size += len(kept) + 1


class Joiner:
    """Joins the lines of one file. `pending` is where the entry begins that may go on."""

    def __init__(self, begins: Begins) -> None:
        self._begins = begins
        self._open: Entry | None = None
        self._since_ns = 0

    @property
    def pending(self) -> int | None:
        """Where the open entry begins in the file; None where there is none."""
        return self._open.begin if self._open else None

    def feed(self, line: Line, now_ns: int) -> Iterator[Entry]:
        """Take one line; give the entry that it shows to be over."""
        over = self._open
        if self._begins(line.text, is_open=over is not None and line.begin >= over.begin):
            if over is not None:
                yield over
            self._open = Entry(line.begin, line.end)
        if self._open is not None:
            self._open.add(line)
            self._since_ns = now_ns

    def quiet(self, now_ns: int) -> Iterator[Entry]:
        """Give the open entry where nothing has come for a second, or the file is at its end."""
        if self._open is not None and now_ns - self._since_ns >= _PATIENCE_NS:
            yield from self.finish()

    def finish(self) -> Iterator[Entry]:
        """Give the open entry: nothing more will come."""
        over, self._open = self._open, None
        if over is not None:
            yield over
