"""A local copy of the drain's code, for packages that live on network storage.

The NAS is what the drain is to report on. Were its own code mapped from there, a NAS that hangs would hang the drain,
one that goes away would kill it, and two hundred workstations would read it at nine in the morning. So the first drain
of a version copies what it needs to `<home>/drain/<version>-<tag>/`, and goes on from there.

The copy has a manifest of sizes and BLAKE2 digests and is checked before each use, by code that does not come from
it: cleaners of old files and full disks leave half copies behind. What doesn't match is made anew. (It is no defence
against the user's own account: nothing is, and the folder is closed to others.)

A version is copied once: who changes files of an installed version in place must also change its number, or delete the
copy.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final

from _blake2 import blake2b  # hashlib would load OpenSSL into the host

from clientobs.drain.packages import PACKAGES, folders_with

__all__ = ["copy_folder", "is_intact", "make", "remove_stale"]

_MANIFEST: Final = "manifest.json"
_DIGEST_BYTES: Final = 16
_CHUNK: Final = 1 << 20
_STALE_SECONDS: Final = 30 * 24 * 3600.0
_SKIPPED_FOLDERS: Final = frozenset({"__pycache__", "tests", "test"})


def copy_folder(home: str, version: str) -> str:
    """Return where the copy of a version lies: compiled packages differ by minor version of Python."""
    return os.path.join(home, "drain", f"{version}-py{sys.version_info[0]}{sys.version_info[1]}")


def is_intact(folder: str) -> bool:
    """Check every file of a copy against its manifest, and that there is no other; False for no copy at all."""
    try:
        with open(os.path.join(folder, _MANIFEST), "rb") as file:
            expected: dict[str, list[object]] = json.load(file)["files"]
        found = {name: _digest(os.path.join(folder, name)) for name in _files(folder)}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(expected) and found == expected


def make(home: str, version: str, sources: Sequence[str]) -> str:
    """Copy the packages from the folders `sources` and return the copy, whole or not at all.

    An intact copy is kept as it is. Raises OSError where it can't be made.
    """
    folder = copy_folder(home, version)
    if is_intact(folder):
        return folder
    draft = f"{folder}.{os.getpid()}.part"
    shutil.rmtree(draft, ignore_errors=True)
    os.mkdir(draft, 0o700)
    try:
        for package in PACKAGES:
            _copy(package, sources, draft)
        _write_manifest(draft)
        _put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _copy(package: str, sources: Sequence[str], target: str) -> None:
    place = folders_with(package, sources)
    if place is None:
        return
    *parents, name = package.split(".")
    under = os.path.join(target, *parents)
    os.makedirs(under, exist_ok=True)
    if os.path.isdir(place):
        shutil.copytree(
            place, os.path.join(under, name), ignore=shutil.ignore_patterns(*_SKIPPED_FOLDERS), copy_function=shutil.copy
        )
    else:
        shutil.copy(place, under)


def _write_manifest(folder: str) -> None:
    facts = {"files": {name: _digest(os.path.join(folder, name)) for name in _files(folder)}}
    with open(os.path.join(folder, _MANIFEST), "w", encoding="ascii") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(draft: str, folder: str) -> None:
    if os.path.lexists(folder):  # not intact, or made by another drain meanwhile
        if is_intact(folder):
            return
        broken = f"{draft}.broken"
        os.rename(folder, broken)
        shutil.rmtree(broken, ignore_errors=True)
    os.rename(draft, folder)


def _files(folder: str) -> Iterator[str]:
    """Yield the files under `folder`, relative, with slashes; no symlink is followed."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            relative = os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")
            if relative != _MANIFEST:
                yield relative


def _digest(path: str) -> list[object]:
    state = blake2b(digest_size=_DIGEST_BYTES)
    size = 0
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
            size += len(chunk)
    return [size, state.hexdigest()]


def remove_stale(home: str, keep: str, now: float | None = None) -> list[str]:
    """Delete copies of other versions that nobody has used for 30 days, and half ones; return their names."""
    now = time.time() if now is None else now
    removed = []
    folder = os.path.join(home, "drain")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if path == keep or os.path.islink(path) or not os.path.isdir(path) or "-py" not in name:
            continue
        if now - os.stat(path).st_mtime > _STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
            removed.append(name)
    if os.path.isdir(keep):
        os.utime(keep, (now, now))  # the sign of use that the next version's drain goes by
    return removed
