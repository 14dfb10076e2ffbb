"""Where lines go: a terminal with colours, or a pipe with plain text.

A renderer makes lines of styled pieces and knows nothing of rich, which is loaded here, where a terminal is
and only then; without it (it is an extra) a terminal gets the same lines without colours. Every
piece of foreign text has passed `text.visible` before it becomes a piece.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from clientobs.cli.text import cell_width, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from rich.console import Console
    from rich.text import Text

__all__ = [
    "PIPE_WIDTH",
    "Line",
    "Piece",
    "Screen",
    "cut",
    "line_width",
    "open_screen",
    "pad",
    "wrapped",
]

Piece: TypeAlias = tuple[str, str]
"""Text and the name of its style, one of STYLES."""
Line: TypeAlias = list[Piece]

PIPE_WIDTH: Final = 100
_WIDEST: Final = 160
_ROWS: Final = 24
STYLES: Final = {
    "": "",
    "dim": "dim",
    "strong": "bold",
    "title": "bold",
    "ok": "green",
    "failed": "bold red",
    "error": "red",
    "warn": "yellow",
    "interrupted": "bold yellow",
    "open": "bold cyan",
    "context": "magenta",
    "key": "dim",
    "value": "",
    "tree": "dim",
    "bar": "blue",
    "bar.failed": "red",
    "bar.open": "cyan",
    "bar.interrupted": "yellow",
    "duration": "",
    "duration.slow": "bold",
}
_ASCII: Final = str.maketrans(
    {
        **dict.fromkeys("├└╰╭", "+"),
        **dict.fromkeys("─━╸╺╌", "-"),
        **dict.fromkeys("·•", "-"),
        **dict.fromkeys("⋯…", "~"),
        **dict.fromkeys("→⇢▶", ">"),
        "●": "*",
        "○": "o",
        "│": "|",
        "✓": "*",
        "✗": "x",
        "■": "!",
        "◆": "*",
        "µ": "u",
        "≥": ">",
    }
)


class Screen:
    """Print lines to one stream; `wide` says whether there is a width to fill."""

    def __init__(self, stream: TextIO, *, console: Console | None, width: int, terminal: bool) -> None:
        self._stream = stream
        self.console = console
        self.width = width
        self.terminal = terminal
        self._ascii = not _can_draw(stream)

    def line(self, *pieces: Piece) -> None:
        """Print one line of pieces."""
        self.lines([list(pieces)])

    def lines(self, lines: Iterable[Line]) -> None:
        """Print lines as they come."""
        for line in lines:
            if self.console is not None:
                self.console.print(
                    self.rich_text(line), no_wrap=True, crop=False, overflow="ignore", soft_wrap=True
                )
            else:
                self._stream.write(self._encodable("".join(text for text, _ in line).rstrip()) + "\n")
        self._stream.flush()

    def json(self, document: Any, *, one_line: bool = False) -> None:
        """Print one JSON document: indented for a terminal, one line for a pipe; ASCII, so harmless."""
        indent = 2 if self.terminal and not one_line else None
        self._stream.write(json.dumps(document, indent=indent, default=str) + "\n")
        self._stream.flush()

    def rich_text(self, line: Line) -> Text:
        """Return a line for rich; markup in foreign text has no meaning, because none is parsed."""
        from rich.text import Text  # noqa: PLC0415  # rich is loaded where a terminal is

        result = Text()
        for text, style in line:
            result.append(self._encodable(text), STYLES[style])
        result.rstrip()
        return result

    def _encodable(self, text: str) -> str:
        if not self._ascii:
            return text
        encoding = getattr(self._stream, "encoding", None) or "ascii"
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)


def open_screen(stream: TextIO, environ: Mapping[str, str]) -> Screen:
    """Return the screen of a stream: colours on a terminal (NO_COLOR, FORCE_COLOR), plain text elsewhere."""
    terminal = bool(getattr(stream, "isatty", lambda: False)())
    dumb = environ.get("TERM", "") in {"dumb", "unknown"}
    if not (terminal and not dumb) and not environ.get("FORCE_COLOR"):
        return Screen(stream, console=None, width=PIPE_WIDTH, terminal=terminal)
    # A terminal that has no size yet says 0 (which Python 3.10 hands on), and all would be cropped away.
    columns, rows = shutil.get_terminal_size()
    width = min(columns or PIPE_WIDTH, _WIDEST)
    try:
        from rich.console import Console  # noqa: PLC0415  # see the docstring
    except ImportError:
        return Screen(stream, console=None, width=width, terminal=True)
    console = Console(
        file=stream,
        highlight=False,
        markup=False,
        emoji=False,
        width=width,
        height=rows or _ROWS,
        force_terminal=True,
        no_color=bool(environ.get("NO_COLOR")) or None,
    )
    return Screen(stream, console=console, width=width, terminal=True)


def line_width(line: Line) -> int:
    """Return the terminal cells of a line."""
    return sum(cell_width(text) for text, _ in line)


def wrapped(text: str, width: int) -> list[str]:
    """Break a text at blanks into lines of at most `width` cells; a longer word stands alone, uncut."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cell_width(lines[-1]) + 1 + cell_width(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def cut(line: Line, cells: int) -> Line:
    """Cut a line to `cells`, keeping its styles."""
    kept: Line = []
    for text, style in line:
        piece = shorten(text, cells)
        kept.append((piece, style))
        cells -= line_width([(piece, style)])
        if cells <= 0:
            break
    return kept


def pad(line: Line, width: int) -> Line:
    """Return the line filled with blanks to `width` cells; a longer one is returned as it is."""
    missing = width - line_width(line)
    return [*line, (" " * missing, "")] if missing > 0 else line


def _can_draw(stream: TextIO) -> bool:
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        "├│╰━✗⋯µ".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
