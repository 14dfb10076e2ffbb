"""The mount table of Linux: /proc/self/mountinfo, see proc(5)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from clientobs._own_file import read_file
from clientobs.paths.storage import Mount, storage

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["parse", "read"]

_FILE: Final = "/proc/self/mountinfo"
_MOST_BYTES: Final = 16 << 20
_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")
_POINT: Final = 4
_AFTER_DASH: Final = 2
_last: tuple[bytes, tuple[Mount, ...]] = (b"", ())


def read() -> tuple[Mount, ...]:
    """Return all mounts that this process sees; () without /proc. Unchanged text is not parsed again."""
    global _last  # noqa: PLW0603  # one table a process; a torn race costs a second parse
    try:
        text = read_file(_FILE, _MOST_BYTES)
    except OSError:
        return ()
    if text != _last[0]:
        _last = (text, parse(text))
    return _last[1]


def parse(text: bytes) -> tuple[Mount, ...]:
    r"""Return the mounts of a mountinfo text, passing over lines that are none.

    >>> parse(b"36 35 0:44 / /mnt/my\\040show rw shared:1 - nfs4 nas:/show rw,vers=4.2\n")[0].point
    '/mnt/my show'
    """
    return tuple(_mounts(text))


def _mounts(text: bytes) -> Iterator[Mount]:
    for line in text.split(b"\n"):
        fields = line.split(b" ")
        # the number of optional fields differs; a lone dash ends them
        dash = fields.index(b"-", _POINT + 2) if b"-" in fields[_POINT + 2 :] else len(fields)
        if dash + _AFTER_DASH < len(fields):
            yield storage(_text(fields[_POINT]), _text(fields[dash + 2]), _text(fields[dash + 1]))


def _text(field: bytes) -> str:
    if b"\\" in field:
        field = _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field)
    return os.fsdecode(field)
