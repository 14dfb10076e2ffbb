"""Text as a terminal may see it: names made harmless, figures made short.

Span names, paths and log bodies come from tools, scenes and file servers. Printed as they are, they could do harm:
an escape sequence in a file name can clear the screen, set the window title or hide a line, and a right-to-left
override shows `exe.gpj` as `jpg.exe`. `visible` shows such characters instead of obeying them.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from typing import Any, Final

__all__ = [
    "age",
    "cell_width",
    "date_time",
    "duration",
    "number",
    "shorten",
    "size",
    "value",
    "visible",
]

_UNSAFE: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1 controls
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks, embeddings and isolates
    "\u2028\u2029"  # line and paragraph separators
    "\u200b\u2060-\u2065\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # what shows as nothing at all
    "\ud800-\udfff"  # lone surrogates: no terminal encoding carries them
    "]"
)
_ELLIPSIS: Final = "…"
_NS: Final = 1_000_000_000
_UNITS: Final = ((1_000, "µs", 999_500), (1_000_000, "ms", 999_500_000), (_NS, "s", 59_950_000_000))
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_JUST_NOW: Final = 5
_KIB: Final = 1024


def visible(text: str) -> str:
    r"""Return `text` with control characters, overrides and lone surrogates shown as escapes.

    >>> visible("sh010\x1b[2J\n")
    'sh010\\x1b[2J\\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")


def value(anything: Any, limit: int = 200) -> str:
    """Return an attribute value on one harmless line of at most `limit` characters."""
    if isinstance(anything, bool):
        return "true" if anything else "false"
    if isinstance(anything, bytes):
        return f"<{size(len(anything))} of bytes>"
    if isinstance(anything, (list, tuple)):
        return shorten("[" + ", ".join(value(item, limit) for item in anything[:50]) + "]", limit)
    if isinstance(anything, float):
        return f"{anything:.6g}"
    # Cut before escaping too: a 64 KiB body is not worth a scan for one line of it.
    return shorten(visible(str(anything)[: limit + 1]), limit)


def cell_width(text: str) -> int:
    """Return how many terminal cells `text` takes: East Asian wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, cells: int) -> str:
    """Cut `text` to at most `cells` terminal cells, with an ellipsis where something was cut.

    >>> shorten("publish_shot", 8)
    'publish…'
    """
    if cell_width(text) <= cells:
        return text
    room, kept = cells - 1, 0
    for index, character in enumerate(text):
        kept += _cells(character)
        if kept > room:
            return text[:index] + _ELLIPSIS if room >= 0 else ""
    return text


def duration(nanoseconds: int) -> str:
    """Return a duration in three figures or so, with its unit.

    >>> [duration(n) for n in (640, 12_345, 4_310_000_000, 95 * 10**9, 7_260 * 10**9)]
    ['640 ns', '12.3 µs', '4.31 s', '1m 35s', '2h 01m']
    """
    if nanoseconds < _UNITS[0][0]:
        return f"{nanoseconds} ns"
    for scale, unit, below in _UNITS:
        if nanoseconds < below:
            return f"{_three_figures(nanoseconds / scale)} {unit}"
    seconds = round(nanoseconds / _NS)
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m {seconds % _MINUTE:02d}s"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR}h {seconds % _HOUR // _MINUTE:02d}m"
    return f"{seconds // _DAY}d {seconds % _DAY // _HOUR}h"


def _three_figures(amount: float) -> str:
    for digits in (2, 1):
        text = f"{amount:.{digits}f}"
        if len(text) <= len("9.99"):
            return text
    return f"{amount:.0f}"


def age(seconds: float) -> str:
    """Return how long ago, in words.

    >>> age(3), age(7200), age(-5)
    ('just now', '2h 00m ago', 'just now')
    """
    return "just now" if seconds < _JUST_NOW else f"{duration(int(seconds * _NS))} ago"


def size(count: int) -> str:
    """Return a number of bytes in binary units.

    >>> size(512), size(1_572_864)
    ('512 B', '1.5 MiB')
    """
    if count < _KIB:
        return f"{count} B"
    if count < _KIB**2:
        return f"{count / _KIB:.1f} KiB"
    return f"{count / _KIB**2:.1f} MiB" if count < _KIB**3 else f"{count / _KIB**3:.1f} GiB"


def number(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun.

    >>> number(1, "span"), number(12_345, "span"), number(2, "entry", "entries")
    ('1 span', '12,345 spans', '2 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def date_time(ns: int) -> str:
    """Return local date and time; one that no calendar holds is shown as a number."""
    try:
        return datetime.datetime.fromtimestamp(ns / _NS).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return f"@{ns / _NS:.0f}"
