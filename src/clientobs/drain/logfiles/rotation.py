"""Where rotation has put a log file, and what was written between that and the file of now.

A tool that writes much, or a drain that was away for a day, leaves more than one rotated file behind. Those that were
rotated after the one that was followed have its new name but for the numbers in it, and were written to later.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from clientobs.drain.logfiles.cursor import Cursor, Mark

__all__ = ["COMPRESSED", "Alone", "Identity", "Kin", "find_again", "is_named_after", "rotated_since"]

Identity: TypeAlias = tuple[int, int]
"""Device and inode."""

COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".7z")
"""What rotation makes of old files, and nobody can read as lines."""

_MOST: Final = 64
"""Files that are caught up with at once."""
_NUMBER: Final = re.compile(r"\d+")


class Kin(Protocol):
    """The other files of a follower: a glob may match a log and the names that rotation gives it."""

    def is_followed(self, identity: Identity, asking: Cursor) -> bool:
        """Say whether another one reads that file, under whatever name."""

    def mark_of(self, identity: Identity) -> Mark | None:
        """Return how far that file was read, under whatever name; None where it wasn't."""

    def keep(self, mark: Mark) -> None:
        """Remember how far a file was read that has another name by now."""


class Alone:
    """The kin of a file that has none."""

    def is_followed(self, identity: Identity, asking: Cursor) -> bool:
        """Return False: nobody does."""
        del identity, asking
        return False

    def mark_of(self, identity: Identity) -> Mark | None:
        """Return None: it was not."""
        del identity
        return None

    def keep(self, mark: Mark) -> None:
        """Forget it."""


def find_again(path: str, identity: Identity) -> str | None:
    """Return the name that the file has now which was at `path`; None where it left the folder."""
    for entry in _entries(path):
        try:
            # The number of the listing first: on Linux it costs no look at the file. A fifo may have got it since.
            if entry.inode() == identity[1] and _is_file(os.stat(entry.path), identity):
                return entry.path
        except OSError:
            continue  # gone since
    return None


def is_named_after(path: str, log: str) -> bool:
    """Say whether rotation may have given a log that name.

    >>> [is_named_after(name, "tool.log") for name in ("tool.log.1", "tool.2026-05-04.log", "tool.log.gz", "shot.ma")]
    [True, True, False, False]
    """
    name, base = os.path.basename(path), os.path.basename(log)
    stem, extension = os.path.splitext(base)
    is_ours = name.startswith(base) or (name.startswith(stem) and name.endswith(extension))
    return is_ours and not name.endswith(COMPRESSED)


def rotated_since(old: str, path: str) -> list[str]:
    """Return what was rotated after `old`, oldest first; `path` is where both were written."""
    name, base = os.path.basename(old), os.path.basename(path)
    same = len(os.path.commonprefix([name, base]))  # noqa: RUF071  # of two names, not of paths
    form = re.compile(re.escape(name[:same]) + _NUMBER.sub(r"\\d+", re.escape(name[same:])))
    try:
        since = os.stat(old).st_mtime_ns
    except OSError:
        return []
    found: list[tuple[int, str]] = []
    for entry in _entries(path):
        if entry.name in (name, base) or not form.fullmatch(entry.name):
            continue
        try:
            written = entry.stat().st_mtime_ns
        except OSError:
            continue
        if written >= since:
            found.append((written, entry.path))
    return [each for _, each in sorted(found)[:_MOST]]


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(os.path.dirname(path) or os.curdir) as entries:
            return list(entries)
    except OSError:
        return []


def _is_file(look: os.stat_result, identity: Identity) -> bool:
    return stat.S_ISREG(look.st_mode) and (look.st_dev, look.st_ino) == identity
