"""Bytes of a log file to lines, each with the place where it begins and ends.

Lines end with a newline in the file's encoding. A line that is longer than MAX_LINE is cut and the rest passed
over: a file of one line of 100 MB costs a chunk of memory and no more. Carriage returns work as in a terminal, where
progress that overwrites itself leaves its last state; colours are left out. NULs before a line don't belong to it: a
tool that writes on at its old place after `copytruncate` leaves a hole there.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_LINE", "Encoding", "Line", "LineSplitter", "encoding_of"]

MAX_LINE: Final = 64 << 10
"""Bytes of one line that are kept: the limit of a log body."""

_COLOUR: Final = re.compile(r"\x1b\[[0-9;:?]{0,30}[A-Za-z]")

_NULS: Final = re.compile(rb"\0+")

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the bytes of one file are read: the codec, the bytes of a newline, the length of a mark in front."""

    name: str
    newline: bytes
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `begin` and `end` are bytes from the start of the file, `left_out` bytes that were cut off."""

    begin: int
    end: int
    text: str
    left_out: int = 0


def encoding_of(head: bytes, configured: str) -> Encoding:
    r"""Return the encoding of a file that begins with `head`: what its byte order mark says, else as configured.

    >>> encoding_of(b"\xff\xfea\x00", "utf-8")
    Encoding(name='utf-16-le', newline=b'\n\x00', mark=2)
    """
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return Encoding(name, "\n".encode(name), len(mark))
    name = codecs.lookup(configured).name
    # These write a mark in front when they encode; a file without one is in the machine's order.
    name = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}.get(name, name)
    return Encoding(name, "\n".encode(name))


class LineSplitter:
    """Takes the chunks of one file in order, and gives whole lines; what has no newline yet is kept.

    `is_within`: the first chunk begins amid a line, whose rest is passed over.
    """

    def __init__(self, encoding: Encoding, offset: int, *, is_within: bool = False) -> None:
        self._encoding = encoding
        self._offset = offset
        self._kept = b""
        self._left_out = 0
        self._is_within = is_within

    @property
    def begun(self) -> int:
        """Where the line begins that has no end yet; where the file is read on after a restart."""
        return self._offset

    @property
    def has_rest(self) -> bool:
        """Whether there is a line without a newline at the end."""
        return bool(self._kept)

    def feed(self, chunk: bytes) -> list[Line]:
        """Return the lines that `chunk` completes."""
        lines: list[Line] = []
        data = self._kept + chunk
        at = self._hole(data, 0)
        while (end := self._find_newline(data, at)) >= 0:
            line = self._line(data[at:end], len(self._encoding.newline))
            at = self._hole(data, end + len(self._encoding.newline))
            if not self._is_within:
                lines.append(line)
            self._is_within = False
        self._kept = data[at:]
        if len(self._kept) > MAX_LINE:
            self._left_out += len(self._kept) - MAX_LINE
            self._kept = self._kept[:MAX_LINE]
        return lines

    def rest(self) -> Line | None:
        """Return what has no newline as a line: its writer is gone, or has said nothing for long."""
        line = self._line(self._kept, 0) if self._kept else None
        is_within, self._is_within = self._is_within, False
        return None if is_within else line

    def _hole(self, data: bytes, at: int) -> int:
        """Return where a line begins that begins at `at`, or after the NULs there."""
        if self._left_out or data[at : at + 1] != b"\0":
            return at
        found = _NULS.match(data, at)
        zeros = found.end() - at if found else 0
        zeros -= zeros % len(self._encoding.newline)  # the rest is of a wide character
        self._offset += zeros
        return at + zeros

    def _find_newline(self, data: bytes, at: int) -> int:
        newline = self._encoding.newline
        width = len(newline)
        # A chunk may have cut a long line in two: what was left out counts for the alignment of wide characters.
        shift = self._left_out % width
        end = data.find(newline, at)
        while end >= 0 and (end - at + (0 if at else shift)) % width:
            end = data.find(newline, end + 1)
        return end

    def _line(self, content: bytes, newline: int) -> Line:
        begin, left_out = self._offset, self._left_out
        if len(content) > MAX_LINE:
            left_out += len(content) - MAX_LINE
            content = content[:MAX_LINE]
        self._offset += len(content) + left_out + newline
        self._kept, self._left_out = b"", 0
        if begin == 0 and self._encoding.mark:
            content = content[self._encoding.mark :]
        text = content.decode(self._encoding.name, "backslashreplace").rstrip("\r")
        if "\x1b" in text:
            text = _COLOUR.sub("", text)
        return Line(begin, self._offset, text.rpartition("\r")[2], left_out)
