"""What was told of a run's hangs: lines in its folder, so that no drain tells anything twice.

    {"since": 1, "what": "told", "wall": 2}                a hang that began then
    {"since": 1, "what": "noted", "wall": 2, "host": 3}    the host has it as well, as one that began at 3
    {"since": 1, "what": "over", "wall": 2}                it answers again

Who is killed while it hangs is known by these too (drain/runs/evidence.py).
"""

from __future__ import annotations

import json
import os
from typing import Final

__all__ = ["Told"]

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)


class Told:
    """The lines of one run; times are nanoseconds on the monotonic clock, `wall` on the wall clock."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._told: dict[int, set[str]] = {}
        self._noted: dict[int, int] = {}
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                for line in file:
                    entry = json.loads(line)
                    self._take(int(entry["since"]), str(entry["what"]), int(entry.get("host", 0)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return

    def _take(self, since: int, what: str, host: int) -> None:
        self._told.setdefault(since, set()).add(what)
        if host:
            self._noted[host] = since

    def has(self, since: int, what: str) -> bool:
        """Say whether this was told of the hang that began then."""
        return what in self._told.get(since, ())

    def known_as(self, since: int) -> int:
        """Return when a hang began by what was told of it, which its host has as one that began at `since`."""
        return self._noted.get(since, since)

    def add(self, since: int, what: str, *, wall: int, host: int = 0) -> None:
        """Write a line."""
        self._take(since, what, host)
        line = {"since": since, "what": what, "wall": wall, **({"host": host} if host else {})}
        descriptor = os.open(self._path, _FLAGS, 0o600)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)
