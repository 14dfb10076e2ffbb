"""Regular expressions that are compiled at their first use.

Redaction has thirty of them for the rare text in which something may be hidden; compiling them takes 5 ms of
every start of a host, most of which never meets such a text (and `re` keeps its own cache too small to help).
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

__all__ = ["pattern"]

_METHODS: Final = ("findall", "finditer", "fullmatch", "match", "pattern", "search", "split", "sub", "subn")


class _LazyPattern:
    """Stands for a compiled pattern; its methods are the pattern's own from the first use on."""

    __slots__ = ("_flags", "_source", *_METHODS)

    def __init__(self, source: str, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # Slots that were not set yet come here: once, for all of them.
        compiled = re.compile(self._source, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    r"""Return a pattern that compiles itself when it is first used.

    >>> shot = pattern(r"sh(\d+)")
    >>> shot.search("sq010/sh020")[1]
    '020'
    """
    return cast("re.Pattern[str]", _LazyPattern(source, flags))
