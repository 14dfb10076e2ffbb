"""A local copy of the drain's code, for packages that live on network storage.

The drain is to report on the NAS, so its own code must not be mapped from there: a NAS that hangs would hang
the drain, and one that goes away would kill it. Besides, two hundred workstations would read it at nine in the
morning. So the first drain of a version copies what it needs to `<home>/drain/<version>-<tag>/`, and goes
on from there.

The copy has a manifest (`manifest.py`) that hosts check before each use. What doesn't match is made anew.

A version is copied once: who changes files of an installed version in place must also change its number, or
delete the copy.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from typing import Final

from clientobs.drain.launch.manifest import copy_folder, is_intact, write_manifest
from clientobs.drain.launch.packages import PACKAGES, folders_with

__all__ = ["make", "remove_stale"]

_STALE_SECONDS: Final = 30 * 24 * 3600.0
_SKIPPED_FOLDERS: Final = frozenset({"__pycache__", "tests", "test"})


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
        write_manifest(draft)
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
            place,
            os.path.join(under, name),
            ignore=shutil.ignore_patterns(*_SKIPPED_FOLDERS),
            copy_function=shutil.copy,
        )
    else:
        shutil.copy(place, under)


def _put_in_place(draft: str, folder: str) -> None:
    if os.path.lexists(folder):  # not intact, or made by another drain meanwhile
        if is_intact(folder):
            return
        broken = f"{draft}.broken"
        os.rename(folder, broken)
        shutil.rmtree(broken, ignore_errors=True)
    os.rename(draft, folder)


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
