"""The line of each key in a TOML text: tomllib gives none, and a message without one helps nobody.

A scanner, not a parser: it runs on text that tomllib has accepted, and skips values without reading them.
"""

from __future__ import annotations

import re
from typing import Final

from clientobs._patterns import pattern

__all__ = ["key_lines", "line_of"]

_KEY: Final = pattern(r'[ \t]*("(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+)[ \t]*(\.?)')
_BLANK: Final = pattern(r"(?:[ \t\r\n]|#[^\n]*)*")
_REST: Final = pattern(r"[^\n]*")
_PIECE: Final = pattern(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|.',
    re.DOTALL,
)
"""One thing inside a value: a string of any of the four sorts, a comment, or one character."""


def key_lines(text: str) -> dict[str, int]:
    r"""Return the first line of each table and key by dotted key, counted from 1.

    The entries of an array of tables [[name]] are name.0, name.1 ... Keys inside inline tables are not
    listed: `line_of` answers with the line of the key that holds them.

    >>> key_lines('[journal]\nhome = "/x"\n[drain]\nmode="off"')
    {'journal': 1, 'journal.home': 2, 'drain': 3, 'drain.mode': 4}
    """
    lines: dict[str, int] = {}
    table: tuple[str, ...] = ()
    entries: dict[tuple[str, ...], int] = {}
    at, line, counted = 0, 1, 0
    while True:
        blank = _BLANK.match(text, at)
        at = blank.end() if blank else at
        if at >= len(text):
            return lines
        line += text.count("\n", counted, at)
        counted = at
        is_table, is_entry = text[at] == "[", text.startswith("[[", at)
        at += is_table + is_entry
        key, at = _read_key(text, at)
        if not key:
            return lines
        if is_entry:
            lines.setdefault(".".join(key), line)
            entries[key] = entries.get(key, -1) + 1
            key = (*key, str(entries[key]))
        if is_table:
            table = key
            at = _end_of_line(text, at)
        else:
            at = _end_of_value(text, at)
        name = ".".join(key if is_table else table + key)
        lines.setdefault(name, line)


def line_of(lines: dict[str, int], key: str) -> int | None:
    """Return the line of `key`, or of the nearest table or key that holds it."""
    while key:
        if key in lines:
            return lines[key]
        key = key.rpartition(".")[0]
    return None


def _read_key(text: str, at: int) -> tuple[tuple[str, ...], int]:
    parts: list[str] = []
    while match := _KEY.match(text, at):
        parts.append(_unquoted(match[1]))
        at = match.end()
        if not match[2]:
            break
    return tuple(parts), at


def _unquoted(part: str) -> str:
    if part[0] == '"' and "\\" in part:
        return part[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")
    return part[1:-1] if part[0] in "\"'" else part


def _end_of_line(text: str, at: int) -> int:
    match = _REST.match(text, at)
    return match.end() if match else len(text)


def _end_of_value(text: str, at: int) -> int:
    """Return where the value after `=` ends: the first newline outside brackets and strings."""
    depth = 0
    while piece := _PIECE.match(text, at):
        found = piece[0]
        if found == "\n" and depth == 0:
            return at
        if found in "[{":
            depth += 1
        elif found in "]}":
            depth -= 1
        at = piece.end()
    return len(text)
