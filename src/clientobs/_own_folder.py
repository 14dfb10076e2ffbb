"""List folders beside a host that closes descriptors which it takes for its own: os.scandir's number is a low one.

On Linux the folder is opened high (`_high.py`) and asked by getdents64, without the interpreter lock; elsewhere it is
os.scandir. Either way each entry says what it is without a further call, where the file system tells.
"""

from __future__ import annotations

import os
import stat
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs import _unwatched
from clientobs._high import BLOCK, HighFile, system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Entry", "list_folder"]

_MACHINE: Final = os.uname().machine if hasattr(os, "uname") else ""
_NUMBER: Final = {"x86_64": 217, "aarch64": 61}.get(_MACHINE)
"""Of getdents64: glibc has no function for it before 2.30 (Rocky 8)."""

# struct linux_dirent64: inode, offset, then what is below, and the name up to a NUL
_LENGTH_AND_KIND: Final = Struct("=HB")
_HEAD: Final = 16
_NAME: Final = 19
_UNKNOWN, _FOLDER, _FILE = 0, stat.S_IFDIR >> 12, stat.S_IFREG >> 12  # DT_DIR is S_IFDIR >> 12, and so on
_ITSELF: Final = (".", "..")
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


class Entry(NamedTuple):
    """What a folder has under a name; a link is neither a folder nor a file."""

    name: str
    is_folder: bool
    is_file: bool


def list_folder(path: str, most: int = 1_000_000) -> list[Entry]:
    """Return at most `most` entries of a folder on local disk, in no order; raises OSError."""
    calls = system()
    if calls is None or _NUMBER is None:
        return _by_scandir(path, most)
    found: list[Entry] = []
    block = calls.block()
    with HighFile(path, _FLAGS) as descriptor:
        while len(found) < most and (count := calls.syscall(_NUMBER, descriptor, block, BLOCK)) > 0:
            found.extend(_entries(path, bytes(block[:count])))
    return found[:most]


def _entries(path: str, block: bytes) -> Iterator[Entry]:
    at = 0
    while at < len(block):
        length, kind = _LENGTH_AND_KIND.unpack_from(block, at + _HEAD)
        name = os.fsdecode(block[at + _NAME : block.index(b"\0", at + _NAME)])
        at += length
        if name not in _ITSELF:
            kind = kind if kind != _UNKNOWN else _kind(os.path.join(path, name))
            yield Entry(name, kind == _FOLDER, kind == _FILE)


def _kind(path: str) -> int:
    try:
        return stat.S_IFMT(_unwatched.stat(path, follow_symlinks=False).st_mode) >> 12
    except OSError:  # gone
        return _UNKNOWN


def _by_scandir(path: str, most: int) -> list[Entry]:
    listing: Callable[[str], Any] = _unwatched.scandir
    found: list[Entry] = []
    with listing(path) as entries:
        for entry in entries:
            if len(found) == most:
                break
            kinds = entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
            found.append(Entry(entry.name, *kinds))
    return found
