"""Which files an entry of the configuration means, on this machine, now."""

from __future__ import annotations

import glob
import os
import re
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs.drain.logfiles.globs import Search
from clientobs.drain.logfiles.rotation import COMPRESSED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["MAX_FILES", "Found", "expand", "find"]

MAX_FILES: Final = 100
"""Files followed at once for one entry: those that were written to last."""

_VARIABLE: Final = re.compile(r"\$(\w+)|\$\{(\w+)\}|%(\w+)%")


def expand(pattern: str, environ: Mapping[str, str]) -> str | None:
    """Return a glob with its variables filled in; None where one is not set: the tool isn't here then.

    >>> expand("${LOGS}/*.log", {"LOGS": "/var/log/tools"})
    '/var/log/tools/*.log'
    >>> expand("%APPDATA%/Shotgun/Logs/*.log", {}) is None
    True
    """
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        found = environ.get(match[1] or match[2] or match[3])
        missing = missing or not found
        # What a variable says is a folder, not a pattern.
        return glob.escape(found or "")

    expanded = _VARIABLE.sub(value, pattern)
    return None if missing else expanded


class Found(NamedTuple):
    """What the globs match: the files to follow, in the order of their names, and how many more there are."""

    paths: list[str]
    beyond: int
    """Of a search that gave up, one more than was seen."""


def find(patterns: Iterable[str]) -> Found:
    """Return the regular files that the globs match: of very many, those that were written to last."""
    found: dict[str, float] = {}
    beyond = 0
    for pattern in patterns:
        search = Search()
        for path in search.paths(pattern):
            if path.endswith(COMPRESSED):
                continue  # "*.log*" means the lines, and they were read before they were packed
            try:
                look = os.stat(path)
            except OSError:
                continue  # gone since, or not for us
            if stat.S_ISREG(look.st_mode):
                found[os.path.abspath(path)] = look.st_mtime
        beyond += search.is_cut
    newest = sorted(found, key=lambda path: (-found[path], path))
    return Found(sorted(newest[:MAX_FILES]), beyond + len(newest[MAX_FILES:]))
