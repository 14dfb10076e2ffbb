"""Where an entry begins: the lines of one file, in order, to those that begin one and those that go on.

A line begins an entry where the pattern of the grammar matches. Without a pattern lines with an ISO 8601 time do;
in a file that has none, each line that is not indented. A traceback goes on over all of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs._levels import ERROR
from clientobs.drain.logfiles.tracebacks import TracebackLines, is_header

if TYPE_CHECKING:
    from clientobs.drain.logfiles.grammar import Grammar

__all__ = ["Boundaries"]


class Boundaries:
    r"""Says of each line of one file whether it begins an entry.

    >>> from clientobs.drain.logfiles.grammar import Grammar
    >>> boundaries = Boundaries(Grammar())
    >>> lines = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError", "next"]
    >>> [boundaries.begins(line, is_open=number > 0) for number, line in enumerate(lines)]
    [True, False, False, True]
    """

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._traceback = TracebackLines()
        self._first = ""
        self._is_stamped = False
        self._is_alone = False

    def begins(self, line: str, *, is_open: bool) -> bool:
        """Take the next line; `is_open` says whether there is an entry that it could go on with."""
        stamp, text = self._grammar.split(line)
        begins = not is_open or self._is_start(line, stamp, text)
        if begins:
            self._traceback = TracebackLines()
            self._first, self._is_stamped = line, stamp is not None
        self._is_alone = begins
        self._traceback.take(stamp or "", text)
        return begins

    def _is_start(self, line: str, stamp: str | None, text: str) -> bool:
        if self._traceback.goes_on(stamp or "", text):
            return False
        if self._is_alone and is_header(text) and not (stamp or "").strip("#/ ") and self._is_error():
            return False  # an error that has its traceback printed behind it, bare or as a comment
        if stamp is not None:
            return True
        if not self._grammar.is_generic or self._is_stamped:
            return False
        return bool(line.strip()) and line[0] not in " \t}"

    def _is_error(self) -> bool:
        return self._grammar.severity(self._first) >= ERROR
