"""What an entry of a log file says: when, how bad, and which exception.

A grammar is made from an entry of the configuration, or from a preset: a pattern for the line that begins a
record, with the groups `time` and `level`, each optional, and the forms of the time stamp.
Without a pattern lines that begin with an ISO 8601 time begin a record; in a file that has none, each line that is
not indented and does not go on with a traceback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.drain.logfiles.times import read_time

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SEVERITIES", "Grammar", "Said"]

SEVERITIES: Final = {
    "trace": 1, "verbose": 5, "debug": 5, "dbg": 5, "d": 5,
    "info": 9, "information": 9, "informational": 9, "message": 9, "msg": 9, "notice": 10, "i": 9,
    "warning": 13, "warn": 13, "wrn": 13, "w": 13,
    "error": 17, "err": 17, "e": 17, "failure": 17, "failed": 17, "exception": 17, "fail": 17,
    "critical": 21, "crit": 21, "fatal": 21, "severe": 21, "alert": 21, "emergency": 21, "panic": 21, "c": 21, "f": 21,
}  # fmt: skip
"""OpenTelemetry's SeverityNumber by the words that tools write."""
_NAMES: Final = ((21, "FATAL"), (17, "ERROR"), (13, "WARN"), (9, "INFO"), (5, "DEBUG"), (1, "TRACE"))
_INFO: Final = 9
_ERROR: Final = 17

_TRACEBACK: Final = "Traceback (most recent call last):"
_LAST_LINE: Final = re.compile(r"^([A-Za-z_][\w.]{0,200}): ?(.*)$|^([A-Za-z_][\w.]{0,200})$")
_WORD: Final = re.compile(
    r"(?:^|[\s\[{|<#/(])(fatal|critical|severe|error|warning|warn)\b ?[:\]}|>!)]", re.IGNORECASE
)
_WORD_WITHIN: Final = 100
_COMMENT: Final = re.compile(r"^(?:#|//) ?(?=\S|  )")
_BETWEEN: Final = ("During handling of", "direct cause of the following")

_GENERIC: Final = (
    r"^\W{0,3}(?P<time>\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d))?)"
    r"\W{0,5}(?:.{0,60}?\b(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|SEVERE)\b)?"
)
"""Lines that begin with an ISO 8601 date and time, and mostly say a level soon after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one entry says. `time_ns` is None where it says no time."""

    time_ns: int | None
    severity: int
    severity_text: str
    body: str
    attributes: dict[str, Any] = field(default_factory=dict)


class Grammar:
    r"""Reads entries. `pattern` is a regular expression for the line that begins one, "" for the generic one.

    `forms` and `utc` are about the group `time`: see times.py.

    >>> grammar = Grammar(pattern=r"(?P<level>\w+): ")
    >>> said = grammar.read("Warning: no camera", now=0.0)
    >>> said.severity_text, said.body
    ('WARN', 'Warning: no camera')
    """

    def __init__(self, *, pattern: str = "", forms: Sequence[str] = (), utc: bool = False) -> None:
        self._is_generic = not pattern
        self._pattern = re.compile(pattern or _GENERIC)
        self._forms = tuple(forms)
        self._utc = utc

    def starts(self, line: str, before: list[str]) -> bool:
        """Say whether `line` begins an entry; `before` are the lines of the one that is open."""
        if self._pattern.match(line):
            return True
        if not self._is_generic or not before or self._pattern.match(before[0]):
            return not before
        return bool(line.strip()) and line[0] not in " \t}" and not _is_open_traceback(before)

    def read(self, text: str, *, now: float) -> Said:
        """Return what an entry says; `now` is about when it was written, seconds since the epoch."""
        first = text.partition("\n")[0]
        match = self._pattern.match(first)
        groups = match.groupdict() if match else {}
        word = groups.get("level") or _word_of(first)
        severity = SEVERITIES.get(word.strip(" :|[]*").lower(), 0)
        attributes = _exception_of(text)
        if attributes:
            severity = max(severity, _ERROR)
        severity = severity or _INFO
        name = next(name for least, name in _NAMES if severity >= least)
        return Said(
            time_ns=read_time(groups["time"], self._forms, utc=self._utc, now=now)
            if groups.get("time")
            else None,
            severity=severity,
            severity_text=name,
            body=text,
            attributes=attributes,
        )


def _word_of(line: str) -> str:
    """Return the level that a line of no known form names near its beginning, "" where it names none."""
    match = _WORD.search(line[:_WORD_WITHIN])
    return match[1] if match else ""


def _is_open_traceback(lines: list[str]) -> bool:
    """Say whether a traceback has begun in these lines and its last line, which names the exception, is to come."""
    for line in reversed(lines):
        if _TRACEBACK in line:
            return True
        bare = _bare(line)
        if bare.strip() and bare[0] not in " \t" and not any(word in bare for word in _BETWEEN):
            return False
    return False


def _exception_of(text: str) -> dict[str, Any]:
    """Return exception.* of an entry that holds a Python traceback: the last one, which is what was raised."""
    if _TRACEBACK not in text:
        return {}
    trace = (
        text[text.rindex("\n", 0, text.index(_TRACEBACK)) + 1 :]
        if "\n" in text[: text.index(_TRACEBACK)]
        else text
    )
    lines = [_bare(line) for line in trace.splitlines()]
    last = max(number for number, line in enumerate(lines) if _TRACEBACK in line)
    for number, line in enumerate(lines[last + 1 :], last + 1):
        match = None if line[:1] in ("", " ", "\t") else _LAST_LINE.match(line)
        if match:
            message = "\n".join([match[2] or "", *lines[number + 1 :]]).strip()
            return {
                semconv.EXCEPTION_TYPE: match[1] or match[3],
                semconv.EXCEPTION_MESSAGE: message,
                semconv.EXCEPTION_STACKTRACE: "\n".join(lines),
            }
    return {semconv.EXCEPTION_STACKTRACE: "\n".join(lines)}


def _bare(line: str) -> str:
    """Return a line without the comment sign that an application's script editor puts in front: `# `, `// `."""
    return _COMMENT.sub("", line)
