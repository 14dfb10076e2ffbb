"""The manifest of a local copy of the drain's code: it tells whether each file is there, as it was copied.

Checked before each use, by code that does not come from the copy: cleaners of old files and full disks
leave half copies behind. It is no defence against the user's own account: nothing is, and the folder is
closed to others.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Final

from clientobs._hashes import blake2b
from clientobs._high import HighFile
from clientobs._own_file import read_file
from clientobs._own_folder import list_folder

__all__ = ["copy_folder", "is_intact", "write_manifest"]

_MANIFEST: Final = "manifest.json"
_DIGEST_BYTES: Final = 16
_CHUNK: Final = 1 << 20
_MOST_LISTED: Final = 16 << 20


def copy_folder(home: str, version: str) -> str:
    """Return where the copy of a version lies: compiled packages differ by minor version of Python."""
    return os.path.join(home, "drain", f"{version}-py{sys.version_info[0]}{sys.version_info[1]}")


def is_intact(folder: str) -> bool:
    """Check every file of a copy against its manifest, and that there is no other."""
    try:
        listed = read_file(os.path.join(folder, _MANIFEST), _MOST_LISTED)
        expected: dict[str, list[object]] = json.loads(listed)["files"]
        found = {name: _digest(os.path.join(folder, name)) for name in _files(folder)}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(expected) and found == expected


def write_manifest(folder: str) -> None:
    """Write the manifest of the files under `folder`, onto the disk. Raises OSError."""
    facts = {"files": {name: _digest(os.path.join(folder, name)) for name in _files(folder)}}
    with open(os.path.join(folder, _MANIFEST), "w", encoding="ascii") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())


def _files(folder: str, below: str = "") -> Iterator[str]:
    """Yield the files under `folder`, relative, with slashes; no link to a folder is followed."""
    for entry in list_folder(os.path.join(folder, below)):
        name = f"{below}{entry.name}"
        if not entry.is_folder:
            if name != _MANIFEST:
                yield name
        elif entry.name != "__pycache__":
            yield from _files(folder, f"{name}/")


def _digest(path: str) -> list[object]:
    state = blake2b(digest_size=_DIGEST_BYTES)
    size = 0
    with HighFile(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)) as descriptor:
        while chunk := os.read(descriptor, _CHUNK):
            state.update(chunk)
            size += len(chunk)
    return [size, state.hexdigest()]
