"""Globs that end: what `glob` does, with a bound on the work and without following links to folders.

`glob` itself follows them, and two links that lead back up keep a `**` busy for ever; it also can't be stopped while
it finds nothing in a tree of a million folders.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_ENTRIES", "Search"]

MAX_ENTRIES: Final = 100_000
"""Entries of folders that are looked at for one pattern."""

_SEPARATOR: Final = re.compile(r"[/\\]+" if sys.platform == "win32" else "/+")


class Search:
    """Looks for the files that one pattern means; afterwards `is_cut` tells whether it gave up."""

    def __init__(self, most: int = MAX_ENTRIES) -> None:
        self._left = most

    @property
    def is_cut(self) -> bool:
        """Whether there was more to look at."""
        return self._left < 0

    def paths(self, pattern: str) -> Iterator[str]:
        """Give the paths that match, in no order; `**` is any number of folders, links to folders left out."""
        drive, rest = os.path.splitdrive(pattern)
        root = drive + (os.sep if rest[:1] in ("/", os.sep) else "")
        parts = [part for part in _SEPARATOR.split(rest) if part]
        yield from self._below(root, parts)

    def _below(self, folder: str, parts: list[str]) -> Iterator[str]:
        plain = 0
        while plain < len(parts) and not glob.has_magic(parts[plain]):
            plain += 1
        folder = os.path.join(folder, *parts[:plain])
        parts = parts[plain:]
        if not parts:
            if os.path.lexists(folder):
                yield folder
        elif parts[0] == "**":
            rest = parts[1:] or ["*"]
            for each in self._folders(folder):
                yield from self._below(each, rest)
        else:
            yield from self._matching(folder, parts)

    def _matching(self, folder: str, parts: list[str]) -> Iterator[str]:
        for entry in self._entries(folder):
            if entry.name[0] == "." and parts[0][0] != ".":
                continue
            if not fnmatch.fnmatch(entry.name, parts[0]):
                continue
            if len(parts) == 1:
                yield entry.path
            elif _is_folder(entry, follow=True):  # a link that the pattern names leads into no loop
                yield from self._below(entry.path, parts[1:])

    def _folders(self, top: str) -> Iterator[str]:
        """Give `top` and all folders below it."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting += [
                entry.path for entry in self._entries(folder) if entry.name[0] != "." and _is_folder(entry)
            ]

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder or os.curdir) as entries:
                for entry in entries:
                    self._left -= 1
                    if self._left < 0:
                        return
                    yield entry
        except OSError:
            return  # no folder, or none for us


def _is_folder(entry: os.DirEntry[str], *, follow: bool = False) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:
        return False  # a link that leads to itself
