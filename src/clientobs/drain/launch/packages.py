"""What the drain imports, and from which folders: no more of the host's search path than it needs.

A DCC's path holds its own standard library and packages for its own interpreter. The drain gets its
interpreter's standard library, the folder that clientobs is in, and those folders that hold the packages of
the table below.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from typing import Final

from clientobs._search_path import folders_for

__all__ = ["PACKAGES", "find_folders", "folders_with", "own_folder"]

PACKAGES: Final = (
    "clientobs",
    "google.protobuf",
    "google._upb",
    "google.rpc",
    "opentelemetry.proto",
    "psutil",
    "grpc",
    "typing_extensions",  # of grpc
    "tomli",  # Python 3.10
)
"""Packages that a drain may import, apart from the standard library. Not all need be there: without grpc it
speaks HTTP, without psutil it measures no machine."""


def own_folder() -> str:
    """Return the folder that `clientobs` is imported from."""
    return os.path.abspath(os.path.join(__file__, *[os.pardir] * 4))


def find_folders(path: Sequence[str] | None = None) -> list[str]:
    """Return the folders that the packages are found in, clientobs' own first; `path` as sys.path.

    Asks the import system's finders, whose listings of the folders are cached already: long search paths on
    a NAS are not walked again. Nothing is imported.
    """
    own = own_folder()
    folders = [own]
    for package in PACKAGES[1:]:
        if not _is_in(own, package):
            folders += [folder for folder in _search(package, path) if folder not in folders][:1]
    return folders


def folders_with(package: str, folders: Sequence[str]) -> str | None:
    """Return the path of a package (its folder, or its file) in the first folder that has it."""
    for folder in folders:
        place = os.path.join(folder, *package.split("."))
        if os.path.isdir(place):
            return place
        if os.path.isfile(f"{place}.py"):
            return f"{place}.py"
    return None


def _is_in(folder: str, package: str) -> bool:
    return folders_with(package, [folder]) is not None


def _search(package: str, path: Sequence[str] | None) -> list[str]:
    top, _, rest = package.partition(".")
    spec: ModuleSpec | None = PathFinder.find_spec(top, folders_for(top, path))
    if spec is None:
        return []
    if spec.submodule_search_locations is None:  # a module of one file
        return [os.path.dirname(spec.origin)] if spec.origin else []
    parents = [os.path.dirname(os.path.abspath(place)) for place in spec.submodule_search_locations]
    return [parent for parent in parents if not rest or _is_in(parent, package)]
