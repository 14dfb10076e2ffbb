"""What an entry of a log file says: when, how bad, and which exception.

A grammar is made from an entry of the configuration, or from a preset: a pattern for the stamp that begins a record,
with the groups `time` and `level`, each optional, and the forms of the time stamp. A renderer that writes the time
since its start has the group `elapsed`, and `began` in the line that says when that was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs._levels import ERROR, level_of, severity_of
from clientobs.drain.logfiles.times import is_plausible, read_elapsed, read_time
from clientobs.drain.logfiles.tracebacks import exception_of, is_header, without_comment_sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Grammar", "Said"]

_NAMES: Final = ((21, "FATAL"), (17, "ERROR"), (13, "WARN"), (9, "INFO"), (5, "DEBUG"), (1, "TRACE"))
_INFO: Final = 9

_STAMP_WITHIN: Final = 1000
"""Characters of a line that a pattern sees: one that backtracks over all of 64 KiB would hold up the drain."""

_GENERIC: Final = (
    r"^\W{0,3}(?P<time>\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d))?)"
    r"\W{0,5}(?:.{0,60}?\b(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|SEVERE)\b)?"
)
"""Lines that begin with an ISO 8601 date and time, and mostly say a level soon after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one entry says. `time_ns` is None where it says no time, or one that can't be."""

    time_ns: int | None
    severity: int
    severity_text: str
    body: str
    attributes: dict[str, Any] = field(default_factory=dict)
    began_ns: int | None = None
    """When the log began, where this entry says so."""
    is_time_impossible: bool = False


class Grammar:
    r"""Reads entries. `pattern` is a regular expression for the stamp of one, "" for the generic one.

    `forms` and `utc` are about the group `time`: see times.py. An entry in which one of `errors` finds something is an
    error, whatever level it names.

    >>> grammar = Grammar(pattern=r"(?P<level>\w+): ")
    >>> said = grammar.read("Warning: no camera", now=0.0)
    >>> said.severity_text, said.body
    ('WARN', 'Warning: no camera')
    """

    def __init__(
        self,
        *,
        pattern: str = "",
        forms: Sequence[str] = (),
        utc: bool = False,
        errors: Iterable[str] = (),
    ) -> None:
        self.is_generic = not pattern
        self._pattern = re.compile(pattern or _GENERIC)
        self._forms = tuple(forms)
        self._utc = utc
        self._errors = tuple(re.compile(each) for each in errors)

    def split(self, line: str) -> tuple[str | None, str]:
        """Return a line's stamp, None where it has none, and its text.

        Without what changes from line to line: two lines of one traceback have the same stamp.
        """
        match = self._match(line)
        if match is None:
            return None, without_comment_sign(line)
        if self.is_generic:
            return line, ""  # where the stamp ends can't be said; each begins an entry
        stamp = match[0]
        for group in ("time", "elapsed"):
            start, end = match.span(group) if group in self._pattern.groupindex else (-1, -1)
            if start >= 0:
                stamp = stamp[:start] + stamp[end:]
                break  # no pattern has both at once
        text = line[match.end() :]
        if is_header(line) and not is_header(text):  # a pattern that matches into what is said
            return "", without_comment_sign(line)
        return stamp, text

    def severity(self, line: str) -> int:
        """Return the level that the first line of an entry names, 0 where it names none."""
        match = self._match(line)
        word = (match.groupdict().get("level") if match else None) or ""
        return severity_of(word) or severity_of(level_of(line))

    def read(self, text: str, *, now: float, began_ns: int | None = None) -> Said:
        """Return what an entry says.

        `now` is about when it was written, seconds since the epoch; `began_ns` when the log began, where it told so.
        """
        first = text.partition("\n")[0]
        match = self._match(first)
        groups = match.groupdict() if match else {}
        attributes = exception_of(self._texts(text)) if is_header(text) else {}
        severity = self.severity(first)
        if attributes or (severity < ERROR and any(error.search(text) for error in self._errors)):
            severity = max(severity, ERROR)
        severity = severity or _INFO
        began = self._read_time(groups.get("began"), now)
        time_ns = self._time_of(groups, now, began if began is not None else began_ns)
        is_plausible_time = time_ns is None or is_plausible(time_ns, now)
        return Said(
            time_ns=time_ns if is_plausible_time else None,
            severity=severity,
            severity_text=next(name for least, name in _NAMES if severity >= least),
            body=text,
            attributes=attributes,
            began_ns=began if began is not None and is_plausible(began, now) else None,
            is_time_impossible=not is_plausible_time,
        )

    def _match(self, line: str) -> re.Match[str] | None:
        return self._pattern.match(line, 0, _STAMP_WITHIN)

    def _texts(self, text: str) -> list[str]:
        lines = text.split("\n")
        if self.is_generic:
            return [without_comment_sign(line) for line in lines]
        parts = [self.split(line) for line in lines]
        stamps = {None, next((stamp for stamp, part in parts if is_header(part)), None)}
        return [
            part if stamp in stamps else without_comment_sign(line)
            for line, (stamp, part) in zip(lines, parts, strict=True)
        ]

    def _time_of(self, groups: dict[str, str | None], now: float, began_ns: int | None) -> int | None:
        elapsed = groups.get("elapsed")
        if elapsed and began_ns is not None:
            since = read_elapsed(elapsed)
            return None if since is None else began_ns + since
        return self._read_time(groups.get("time"), now)

    def _read_time(self, text: str | None, now: float) -> int | None:
        return read_time(text, self._forms, utc=self._utc, now=now) if text else None
