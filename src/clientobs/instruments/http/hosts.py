"""Which hosts may receive `traceparent`: those that the configuration lists, and no other."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Listed"]

_MOST_KNOWN: Final = 256


class Listed:
    """Says of a host name whether one of the globs takes it; letters of either case are the same.

    >>> listed = Listed(("*.studio.example",))
    >>> listed("tracker.studio.example"), listed("studio.example.org")
    (True, False)
    """

    def __init__(self, globs: Iterable[str]) -> None:
        patterns = [fnmatch.translate(glob.strip()) for glob in globs]
        self._takes = re.compile("|".join(patterns), re.IGNORECASE).match if patterns else None
        self._known: dict[str, bool] = {}

    def __call__(self, host: str) -> bool:
        """Return whether the host is listed."""
        if self._takes is None:
            return False
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[host] = self._takes(host) is not None
        return known
