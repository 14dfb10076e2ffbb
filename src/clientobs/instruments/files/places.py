"""Which storage a path is on: asked of the mount table once a folder, never of the storage.

A folder is judged by its text, with the symlinks on local storage followed (`MountTable.locate`). One that has
mounts right below it can't speak for what it holds: there each path is judged.
"""

from __future__ import annotations

import fnmatch
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs.paths.components import components

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clientobs.paths.mounts import MountTable

__all__ = ["NOWHERE", "Place", "Places", "folder_of"]

_SYSTEM: Final = ("/proc", "/sys", "/dev")
_MOST: Final = 4096
_RECHECK: Final = 5.0
_RENEWED: Final = 60.0


class Place(NamedTuple):
    """Where something lies. `split`: other mounts lie right below, so this speaks for the folder alone."""

    point: str
    kind: str
    network: bool
    ignored: bool = False
    split: bool = False


NOWHERE: Final = Place("", "unknown", network=False)


def folder_of(path: str) -> str:
    """Return the text up to the last separator: what paths in one folder share.

    >>> folder_of("/mnt/proj/a.exr"), folder_of("a.exr")
    ('/mnt/proj', '')
    """
    folder = path.rpartition(os.sep)[0]
    if not folder and os.altsep:
        folder = path.rpartition(os.altsep)[0]
    return folder


class Places:
    """Places by folder, remembered until the mount table changes.

    What a symlink led to is asked anew every 5 s, everything every minute: a link may be turned to another storage,
    and a folder give way to a link.
    """

    __slots__ = (
        "_by_folder",
        "_by_link",
        "_checked",
        "_clock",
        "_ignored",
        "_mounts",
        "_network",
        "_platform",
        "_points",
        "_renewed",
        "_seen",
        "has_network",
    )

    def __init__(
        self,
        mounts: MountTable,
        *,
        ignore: Iterable[str] = (),
        network: Iterable[str] = (),
        home: str | None = None,
        platform: str = sys.platform,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mounts = mounts
        self._clock = clock
        self._platform = platform
        self._network = tuple(_with_separator(folder) for folder in network)
        left_alone = [*_own_folders(), *([home] if home else []), *(_SYSTEM if platform != "win32" else ())]
        patterns = [re.escape(folder.rstrip("/\\")) + r"(?:[/\\].*)?" for folder in left_alone]
        patterns += [fnmatch.translate(glob) for glob in ignore]
        self._ignored = re.compile("|".join(f"(?:{p})" for p in patterns), re.DOTALL)
        self._by_folder: dict[str, Place] = {}
        self._by_link: set[str] = set()
        self._points: frozenset[str] = frozenset()
        self._seen: object = None
        self._checked = self._renewed = -_RENEWED
        self.has_network = False
        self._follow_mounts()

    def of_folder(self, folder: str) -> Place | None:
        """Return the place of what lies in an absolute folder; None for a relative one."""
        self._follow_mounts()
        place = self._by_folder.get(folder)
        if place is None:
            if components(folder, self._platform) is None and folder:
                return None
            if not folder:
                return None
            place = self._judge(folder)
            if len(self._by_folder) >= _MOST:
                self._by_folder.clear()
                self._by_link.clear()
            self._by_folder[folder] = place
        return place

    def of(self, path: str) -> Place:
        """Return the place of a path; a relative one starts at the current directory."""
        if components(path, self._platform) is None:
            if self._platform == "win32" and path[1:2] == ":":
                path = (
                    f"{path[:2]}\\{path[2:]}"  # below that drive's own current directory: on the drive it is
                )
            else:
                try:
                    path = os.path.join(os.getcwd(), path)
                except OSError:  # the current directory is gone
                    return NOWHERE
        place = self.of_folder(folder_of(path))
        if place is None or place.split or self._matches(path):
            place = self._judge(path)._replace(split=False)
        return place

    def _matches(self, path: str) -> bool:
        return self._ignored.fullmatch(path) is not None

    def _judge(self, path: str) -> Place:
        split = path in self._points
        if self._matches(path):
            return Place("", "local", network=False, ignored=True, split=split)
        declared = self._declared(path)
        if declared is not None:
            return declared._replace(split=split)
        mount, led_to = self._mounts.follow(path)
        if led_to is not None:
            if len(self._by_link) < _MOST:
                self._by_link.add(path)
            declared = self._declared(led_to)
            if declared is not None:
                return declared._replace(split=split)
        if mount is None:
            return NOWHERE._replace(split=split)
        return Place(mount.point, mount.kind, mount.network, split=split)

    def _declared(self, path: str) -> Place | None:
        """Return the place of a path in one of the folders that the configuration calls network storage."""
        if self._network:
            path = _with_separator(path)
            for folder in self._network:
                if path.startswith(folder):
                    return Place(folder.rstrip("/\\"), "network", network=True)
        return None

    def _follow_mounts(self) -> None:
        now = self._clock()
        if now - self._checked < _RECHECK:
            return
        self._checked = now
        by_link, self._by_link = self._by_link, set()
        for folder in tuple(by_link):
            self._by_folder.pop(folder, None)
        if now - self._renewed >= _RENEWED:
            self._renewed = now
            self._by_folder.clear()
        mounts = self._mounts.mounts()
        if mounts is not self._seen:
            self._seen = mounts
            self.has_network = bool(self._network) or any(mount.network for mount in mounts)
            # not "/": it holds mounts on every machine, and each of its entries is asked about on its own anyway
            points = (*(mount.point for mount in mounts), *(one.rstrip("/\\") for one in self._network))
            self._points = frozenset(folder_of(point) or "/" for point in points)
            self._by_folder.clear()


def _with_separator(path: str) -> str:
    return path if path.endswith(("/", "\\")) else path + os.sep


def _own_folders() -> list[str]:
    """Return the folders of the interpreter: its modules, and the sources that linecache reads.

    From what `site` has worked out at the interpreter's start: sysconfig loads and fills in all that the
    interpreter was built with, a millisecond. A host that runs without `site` pays it.
    """
    source = getattr(os, "__file__", None)
    find_packages = getattr(sys.modules.get("site"), "getsitepackages", None)
    if source and find_packages is not None:
        # On Windows the prefix itself is among them, which may be the folder of the whole application.
        packages = [folder for folder in find_packages() if folder.endswith("-packages")]
        return list(dict.fromkeys([os.path.dirname(source), *packages]))
    import sysconfig  # noqa: PLC0415  # see above

    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return list(dict.fromkeys(paths[name] for name in names if paths.get(name)))
