"""Which files an entry of the configuration means, on this machine, now."""

from __future__ import annotations

import glob
import os
import re
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["MAX_FILES", "expand", "find"]

MAX_FILES: Final = 100
"""Files followed at once for one entry: those that were written to last."""

_MAX_LOOKED_AT: Final = 10_000
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


def find(patterns: Iterable[str], lost: Callable[[str], object]) -> list[str]:
    """Return the regular files that the globs match, those written to last, in the order of their names."""
    found: dict[str, float] = {}
    for pattern in patterns:
        for number, path in enumerate(glob.iglob(pattern, recursive=True)):
            if number >= _MAX_LOOKED_AT:
                lost("log_files_many")
                break
            try:
                look = os.stat(path)
            except OSError:
                continue  # gone since, or not for us
            if stat.S_ISREG(look.st_mode):
                found[os.path.abspath(path)] = look.st_mtime
    newest = sorted(found, key=lambda path: (-found[path], path))[:MAX_FILES]
    return sorted(newest)
