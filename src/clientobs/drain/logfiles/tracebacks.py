"""Python tracebacks among lines: which lines belong to one, and what it says.

A traceback is written in one piece (its lines follow each other bare) or line by line, each with the stamp of the log:
`[time][ 0]LogPython: Error:   File ...` of Unreal, `time:  0: STDOUT:   File ...` of a farm's worker, `#   File ...`
of Maya's script editor. So each line comes here in two parts, its stamp and its text.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Any, Final

from clientobs import semconv

__all__ = ["TracebackLines", "exception_of", "is_header", "without_comment_sign"]

_HEADER: Final = "Traceback (most recent call last):"
_BETWEEN: Final = ("During handling of", "direct cause of the following")
_LAST_LINE: Final = re.compile(r"^([A-Za-z_][\w.]{0,200}): ?(.*)$|^([A-Za-z_][\w.]{0,200})$")
_COMMENT: Final = re.compile(r"^(?:#|//) ?(?=\S|  )")
_COMMENT_END: Final = re.compile(r" (?:#|//) ?$")
_GROUP: Final = ("|", "+")
_GROUP_ENDS: Final = "+---"


class _Stage(Enum):
    NONE = auto()
    FRAMES = auto()
    """A traceback has begun; the line that names the exception is to come."""
    NAMED = auto()
    BETWEEN = auto()
    """The line that leads from one exception to the next has come."""


class TracebackLines:
    """Follows the lines of one entry, in order."""

    __slots__ = ("_depth", "_stage", "_stamp")

    def __init__(self) -> None:
        self._stage = _Stage.NONE
        self._stamp = ""
        self._depth = 0

    def goes_on(self, stamp: str, text: str) -> bool:
        """Say whether the next line belongs to the traceback of this entry; a bare line has the stamp ""."""
        if self._stage is _Stage.NONE or stamp not in ("", self._stamp):
            return False
        if self._stage is _Stage.FRAMES or not text.strip():
            return True
        if self._stage is _Stage.BETWEEN:
            return is_header(text)
        return any(words in text for words in _BETWEEN)

    def take(self, stamp: str, text: str) -> None:
        """Take a line of this entry."""
        if is_header(text):
            self._stage, self._stamp, self._depth = _Stage.FRAMES, stamp, _indentation(text)
        elif self._stage is _Stage.FRAMES:
            if self._names_exception(text):
                self._stage = _Stage.NAMED
        elif self._stage is _Stage.NAMED and any(words in text for words in _BETWEEN):
            self._stage = _Stage.BETWEEN

    def _names_exception(self, text: str) -> bool:
        bare = text.strip()
        if not bare:
            return False
        if bare.startswith(_GROUP):  # of an exception group, whose frame is drawn with these
            return bare.startswith(_GROUP_ENDS)
        return _indentation(text) <= self._depth


def is_header(text: str) -> bool:
    """Say whether a traceback begins in a line."""
    return _HEADER in text


def without_comment_sign(line: str) -> str:
    """Return a line without the comment sign that an application's script editor puts in front: `# `, `// `."""
    return _COMMENT.sub("", line)


def exception_of(lines: list[str]) -> dict[str, Any]:
    """Return exception.* of an entry whose lines, without stamps, hold a traceback: the last one, which was raised."""
    headers = [number for number, line in enumerate(lines) if is_header(line)]
    if not headers:
        return {}
    depth = _indentation(lines[headers[0]])
    trace = [line[min(depth, _indentation(line)) :] for line in lines[headers[0] :]]
    found: dict[str, Any] = {}
    for number in range(headers[-1] - headers[0] + 1, len(trace)):
        line = trace[number]
        match = None if line[:1] in ("", " ", "\t") else _LAST_LINE.match(line)
        if match:
            message = "\n".join([match[2] or "", *trace[number + 1 :]]).strip()
            found[semconv.EXCEPTION_TYPE] = match[1] or match[3]
            found[semconv.EXCEPTION_MESSAGE] = _COMMENT_END.sub("", message)
            break
    return {**found, semconv.EXCEPTION_STACKTRACE: "\n".join(trace)}


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip(" \t"))
