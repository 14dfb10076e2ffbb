"""Which packages this process can import, with their versions, at the price of a few folder listings.

`importlib.metadata` opens a file for each package, in each of the 200 folders that a studio's sys.path has on the
NAS. Here a local folder is listed once: the names of `*.dist-info` and `*.egg-info` say name and version. A folder
on the network is not touched at all (the mount table says which those are); of what was imported from there, what
the modules themselves say in memory is taken. What a package manager resolved is read from its variable.

Runs on the keeper's thread. Lists at most 128 folders of 20,000 names in all, and keeps 1,000 packages.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs._own_folder import list_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Packages", "find_packages", "resolved_by_rez"]

_MOST_FOLDERS: Final = 128
_MOST_NAMES: Final = 20_000
_MOST_PACKAGES: Final = 1_000
_MOST_MODULES: Final = 20_000
_LONGEST: Final = 80
_INSTALLED: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.]*?)-(?P<version>\d[^-/]*)(?:-py[\d.]+)?\.(?:dist|egg)-info\Z"
)
_SEPARATORS: Final = re.compile(r"[-_.]+")
_REZ: Final = re.compile(r"(?P<name>[A-Za-z0-9][\w.]*)-(?P<version>\S+)\Z")


class Packages:
    """Name -> version, the first on the path counts; `unread` are places that were not looked into."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.unread: list[str] = []

    def add(self, name: str, version: str) -> None:
        """Add a package that no earlier folder has."""
        key = _SEPARATORS.sub("-", name).lower()[:_LONGEST]
        if len(self.versions) < _MOST_PACKAGES:
            self.versions.setdefault(key, version[:_LONGEST])


def find_packages(
    path: Sequence[object],
    modules: Mapping[str, Any],
    is_network: Callable[[str], bool],
    environ: Mapping[str, str],
) -> Packages:
    """Return what can be imported from `path` (sys.path), and what `modules` (sys.modules) say of themselves."""
    found = Packages()
    for name, version in resolved_by_rez(environ):
        found.add(name, version)
    budget, folders = _MOST_NAMES, 0
    network: list[str] = []
    for place in path:
        if not isinstance(place, str) or not os.path.isabs(place):
            continue  # "" and relative ones: wherever the process stands, which may be a show's folder
        if is_network(place):
            network.append(place)
            continue
        folders += 1
        if folders > _MOST_FOLDERS or budget <= 0:
            found.unread.append(place)
            continue
        budget -= _list(place, found, budget)
    found.unread += network
    if network:
        _ask_modules(modules, tuple(_as_folder(place) for place in network), found)
    return found


def resolved_by_rez(environ: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield name and version of what rez resolved.

    >>> list(resolved_by_rez({"REZ_USED_RESOLVE": "maya-2025.1 studio_publish-1.4.0 ~arch"}))
    [('maya', '2025.1'), ('studio_publish', '1.4.0')]
    """
    for word in environ.get("REZ_USED_RESOLVE", "").split():
        match = _REZ.match(word)
        if match:
            yield match["name"], match["version"]


def _list(folder: str, found: Packages, budget: int) -> int:
    """Add what is installed in one folder; return how many names were looked at."""
    try:
        entries = list_folder(folder, budget + 1)
    except (OSError, ValueError):  # not there, not a folder (python311.zip), not ours to read, no path at all
        return 1
    for entry in entries[:budget]:
        match = _INSTALLED.match(entry.name)
        if match:
            found.add(match["name"], match["version"])
    if len(entries) > budget:
        found.unread.append(folder)
    return len(entries) + 1


def _ask_modules(modules: Mapping[str, Any], folders: tuple[str, ...], found: Packages) -> None:
    """Add top-level modules that were imported from `folders` and name a version.

    Their `__dict__` is read, never an attribute: a module's own `__getattr__` may import, warn or ask a server.
    """
    for name, module in list(modules.items())[:_MOST_MODULES]:
        if "." in name or type(module) is not type(sys):
            continue
        held = vars(module)
        file, version = held.get("__file__"), held.get("__version__")
        if type(file) is str and type(version) is str and file.startswith(folders):
            found.add(name, version)


def _as_folder(place: str) -> str:
    return place if place.endswith(os.sep) else place + os.sep
