"""The mount table: on which storage a path lies, answered without touching that storage.

A stat on a share whose server is gone hangs for minutes, so nothing here asks a filesystem about itself: the
kernel's own table is read (/proc/self/mountinfo, getfsstat without waiting, the drive letters), and paths are
compared by component. The table is read again after 5 s at the earliest.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from clientobs.paths.components import Components, components, folded, joined
from clientobs.paths.storage import Mount

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Followed", "MountSource", "MountTable"]

MountSource: TypeAlias = "Callable[[], tuple[Mount, ...]]"
"""Reads the table of one system: later mounts lie over earlier ones, () where it can't be read."""

_MAX_AGE: Final = 5.0
_MAX_LINKS: Final = 40


class Followed(NamedTuple):
    """Where a path leads to. `path` is None where no symlink lies on the way; one may lead elsewhere tomorrow."""

    mount: Mount | None
    path: str | None


class MountTable:
    """Mounts by path, for several threads: a reading replaces the table as a whole.

    >>> from clientobs.paths.storage import storage
    >>> mounts = storage("/", "/dev/sda1", "ext4"), storage("/mnt/p", "nas:/p", "nfs4")
    >>> table = MountTable(lambda: mounts, "linux")
    >>> table.find("/mnt/p/sq010").kind, table.find("/mnt/proj").kind
    ('nfs', 'local')
    """

    __slots__ = (
        "_by_point",
        "_clock",
        "_mounts",
        "_platform",
        "_read_at",
        "_reading",
        "_readlink",
        "_source",
    )

    def __init__(
        self,
        source: MountSource,
        platform: str = sys.platform,
        *,
        clock: Callable[[], float] = time.monotonic,
        readlink: Callable[[str], str] = os.readlink,
    ) -> None:
        self._source = source
        self._platform = platform
        self._clock = clock
        self._readlink = readlink
        self._read_at: float | None = None
        self._mounts: tuple[Mount, ...] = ()
        self._by_point: dict[Components, Mount] = {}

    @classmethod
    def of_this_machine(cls) -> MountTable:
        """Return the table of the running system."""
        return cls(_source_of(sys.platform))

    def mounts(self) -> tuple[Mount, ...]:
        """Return all mounts."""
        self._refresh()
        return self._mounts

    def find(self, path: str) -> Mount | None:
        """Return the mount that an absolute path lies on by its text; None where that can't be told."""
        parts = components(path, self._platform)
        if parts is None:
            return None
        self._refresh()
        return self._find(parts)

    def locate(self, path: str) -> Mount | None:
        """Return the mount that `path` leads to, following symlinks as long as they lie on local storage.

        The first component on a network ends the walk: that is the answer, and it is not touched.
        """
        return self.follow(path).mount

    def follow(self, path: str) -> Followed:
        """Return what `locate` returns, and the path that the symlinks led to."""
        parts = components(path, self._platform)
        if parts is None:
            return Followed(None, None)
        self._refresh()
        done, todo = parts[:1], list(reversed(parts[1:]))
        links = 0
        while True:
            mount = self._find(done)
            if not todo or (mount is not None and mount.network):
                return Followed(mount, joined((*done, *reversed(todo)), self._platform) if links else None)
            step = (*done, todo.pop())
            target = self._link(step) if links < _MAX_LINKS else None
            if target is None:
                done = step
                continue
            links += 1
            done, rest = self._follow(done, target)
            todo += reversed(rest)

    def is_network(self, path: str) -> bool:
        """Whether a server may keep the users of `path` waiting; False where the table doesn't say."""
        mount = self.locate(path)
        return mount is not None and mount.network

    def _find(self, parts: Components) -> Mount | None:
        key = folded(parts, self._platform)
        by_point = self._by_point
        for length in range(len(key), 0, -1):
            mount = by_point.get(key[:length])
            if mount is not None:
                return mount
        if parts[0].startswith("\\\\"):
            return Mount(parts[0], parts[0], "unc", "smb", network=True)
        return None

    def _link(self, parts: Components) -> str | None:
        mount = self._find(parts)
        if mount is not None and mount.network:
            return None
        try:
            return self._readlink(joined(parts, self._platform))
        except (OSError, ValueError):
            # no link, nothing there, or not ours to look at: the path goes on by its text
            return None

    def _follow(self, folder: Components, target: str) -> tuple[Components, Components]:
        """Return where the walk goes on, and what of the link's target is still to be walked."""
        absolute = components(target, self._platform)
        if absolute is not None:
            return absolute[:1], absolute[1:]
        separators = target.replace("\\", "/") if self._platform == "win32" else target
        names = [name for name in separators.split("/") if name not in {"", "."}]
        while names and names[0] == "..":
            names.pop(0)
            folder = folder[:-1] or folder
        return folder, tuple(names)

    def _refresh(self) -> None:
        now = self._clock()
        if self._read_at is not None and now - self._read_at < _MAX_AGE:
            return
        # no lock: two threads may read at once, which is cheaper than a lock that a forked child finds held
        mounts = self._source()
        if mounts != self._mounts:
            self._by_point = self._indexed(mounts)
            self._mounts = mounts
        self._read_at = now

    def _indexed(self, mounts: tuple[Mount, ...]) -> dict[Components, Mount]:
        keyed = ((components(mount.point, self._platform), mount) for mount in mounts)
        return {folded(parts, self._platform): mount for parts, mount in keyed if parts is not None}


def _source_of(platform: str) -> MountSource:
    if platform == "win32":
        from clientobs.paths.mounts_windows import read  # noqa: PLC0415  # each system loads its own only
    elif platform == "darwin":
        from clientobs.paths.mounts_macos import read  # noqa: PLC0415
    else:
        from clientobs.paths.mounts_linux import read  # noqa: PLC0415
    return read
