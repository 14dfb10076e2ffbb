"""The level that a line of text names: the words that tools write, and where in a line they stand.

For what nobody logged through us: lines of log files (the drain) and the last words of a child (processes).
"""

from __future__ import annotations

import re
from typing import Final

from clientobs._patterns import pattern

__all__ = ["ERROR", "SEVERITIES", "level_of", "severity_of"]

ERROR: Final = 17
"""OpenTelemetry's SeverityNumber from which on a record tells of a failure."""

SEVERITIES: Final = {
    "trace": 1, "veryverbose": 1, "verbose": 5, "debug": 5, "dbg": 5, "d": 5, "detailed": 5,
    "info": 9, "inf": 9, "information": 9, "informational": 9, "message": 9, "msg": 9, "i": 9, "log": 9, "display": 9,
    "result": 9, "notice": 10,
    "warning": 13, "warn": 13, "wrn": 13, "w": 13,
    "error": 17, "err": 17, "e": 17, "failure": 17, "failed": 17, "exception": 17, "fail": 17,
    "critical": 21, "crit": 21, "fatal": 21, "severe": 21, "alert": 21, "emergency": 21, "panic": 21, "c": 21, "f": 21,
}  # fmt: skip
"""OpenTelemetry's SeverityNumber by the words that tools write."""

_WORD: Final = pattern(
    r"(?:^|[\s\[{|<#/(])(fatal|critical|severe|error|warning|warn)\b {0,4}[:\]}|>!)]"
    # "%(levelname)s %(message)s": in capitals, as the first word, and not of a sentence in capitals.
    r"|^(?-i:(FATAL|CRITICAL|SEVERE|ERROR|WARNING|WARN)) {1,8}(?-i:(?![A-Z]{2}))",
    re.IGNORECASE,
)
_WITHIN: Final = 100
"""Characters from the start of a line: farther on the word is part of what is said."""


def severity_of(word: str) -> int:
    """Return the number of a level by its word, 0 for a word that is none.

    >>> severity_of("[WARNING]"), severity_of("STDOUT")
    (13, 0)
    """
    return SEVERITIES.get(word.strip(" :|[]*{}").lower(), 0)


def level_of(line: str) -> str:
    """Return the word of the level that a line of no known form names near its beginning, "" where it names none.

    >>> level_of("00:00:02   288MB ERROR   |  [texturesys] no such file"), level_of("0 errors, 0 warnings")
    ('ERROR', '')
    """
    match = _WORD.search(line[:_WITHIN])
    return match[1] or match[2] if match else ""
