"""Crash files that applications leave, found by their names and by the time of the death; told by path, never read.

Where each host puts them (source, or (u): common knowledge that was not checked):

    Maya       <name>[Recovered-<user>.<date>].ma in the temporary folder, or MAYA_WINDOWS_CRASH_LOG_DIR
               (Autodesk, "Locating recovery data"); <user>.<date>.<time>.ma before 2024 (the same page)
    Blender    <scene>.crash.txt in its temporary folder (source/creator/creator_signals.cc), autosaves (u)
    Houdini    crash.<scene>.<user>_<pid>.hip and ..._log.txt in HOUDINI_TEMP_DIR or <tmp>/houdini_temp (u)
    Nuke       *.dmp in NUKE_TEMP_DIR or <tmp>/nuke-u<uid> (u)
    3ds Max    *.dmp, MaxCrash* in the temporary folder (u)

Only folders on local storage are listed: one on a share whose server is gone would hold up the inquest for minutes.
"""

from __future__ import annotations

import fnmatch
import os
import tempfile
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs.paths.mounts import MountTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["HOSTS", "HostFiles", "find_crash_files"]

_BEFORE: Final = 5.0
_AFTER: Final = 120.0
"""Seconds around the last record in which such a file is written: large scenes take their time to be saved."""
_MOST: Final = 8
_ENTRIES: Final = 20_000


class HostFiles(NamedTuple):
    """One host: how its programs begin, the names of its files, its variables for folders, folders below <tmp>."""

    programs: tuple[str, ...]
    names: tuple[str, ...]
    variables: tuple[str, ...] = ()
    below: tuple[str, ...] = ("",)


HOSTS: Final = (
    HostFiles(
        programs=("maya",),
        names=("*[[]Recovered-*", "*.[0-9]*.[0-9]*.m[ab]", "MayaCrashLog*", "MayaCER*", "*.dmp"),
        variables=("MAYA_WINDOWS_CRASH_LOG_DIR",),
    ),
    HostFiles(programs=("blender",), names=("*.crash.txt", "*_autosave.blend", "quit.blend")),
    HostFiles(
        programs=("houdini", "hython", "hindie", "happrentice", "hbatch", "hescape", "husk"),
        names=("crash.*",),
        variables=("HOUDINI_TEMP_DIR",),
        below=("houdini_temp",),
    ),
    HostFiles(
        programs=("nuke",), names=("*.dmp",), variables=("NUKE_TEMP_DIR",), below=("nuke-u{uid}", "nuke")
    ),
    HostFiles(programs=("3dsmax",), names=("*.dmp", "MaxCrash*")),
)


def find_crash_files(
    programs: Sequence[str],
    last_seconds: float,
    environ: Mapping[str, str],
    mounts: MountTable | None = None,
) -> tuple[str, ...]:
    """Return the crash files of a program that died after `last_seconds` of the wall clock, the newest first.

    `programs` are the names that it may go by, in lower case and without folders.
    """
    host = next((host for host in HOSTS for name in programs if name.startswith(host.programs)), None)
    if host is None:
        return ()
    table = mounts or MountTable.of_this_machine()
    found: list[tuple[float, str]] = []
    for folder in dict.fromkeys(_folders(host, environ)):
        mount = table.find(folder)
        if mount is not None and not mount.network:
            found += _in(folder, host, last_seconds)
    found.sort(reverse=True)
    return tuple(path for _, path in found[:_MOST])


def _folders(host: HostFiles, environ: Mapping[str, str]) -> Iterator[str]:
    uid = str(os.getuid()) if hasattr(os, "getuid") else ""
    for variable in host.variables:
        if folder := environ.get(variable):
            yield folder
    roots = [environ.get(name, "") for name in ("TMPDIR", "TEMPDIR", "TEMP", "TMP")]
    for root in dict.fromkeys([*filter(None, roots), tempfile.gettempdir(), *_everywhere()]):
        for below in host.below:
            yield os.path.join(root, below.format(uid=uid)) if below else root


def _everywhere() -> tuple[str, ...]:
    return ("/tmp", "/var/tmp") if os.name == "posix" else ()  # noqa: S108  # where others write, we only look


def _in(folder: str, host: HostFiles, last_seconds: float) -> list[tuple[float, str]]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, _ENTRIES):
                if not any(fnmatch.fnmatchcase(entry.name, name) for name in host.names):
                    continue
                written = _written(entry)
                if written is not None and last_seconds - _BEFORE <= written <= last_seconds + _AFTER:
                    found.append((written, entry.path))
    except OSError:
        return found
    return found


def _written(entry: os.DirEntry[str]) -> float | None:
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return None  # the file of another user in a folder for all
    return status.st_mtime
