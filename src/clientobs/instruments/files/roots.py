"""Storage roots that are not there: compared with the mount table once a session, before a tool fails on them.

A root on network storage that is mounted is there: it is not asked. What is looked at is local alone: the folder
where a share ought to be mounted, which is missing or empty when it is not.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from clientobs import semconv
from clientobs.record.events import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clientobs.config.model import RootConfig
    from clientobs.paths.mounts import MountTable

__all__ = ["missing_roots", "tell_missing"]


def missing_roots(
    roots: Iterable[RootConfig],
    mounts: MountTable,
    list_folder: Callable[[str], Any],
    platform: str = sys.platform,
) -> list[tuple[str, str, str]]:
    """Return `(name, path, why)` of each root that this system should have and has not.

    `list_folder` is the system's own os.scandir.
    """
    field = {"win32": "windows", "darwin": "macos"}.get(platform, "linux")
    missing = []
    for root in roots:
        path: str | None = getattr(root, field)
        why = _why_missing(path, mounts, list_folder, platform) if path else None
        if path and why:
            missing.append((root.name, path, why))
    return missing


def _why_missing(
    path: str, mounts: MountTable, list_folder: Callable[[str], Any], platform: str
) -> str | None:
    mount = mounts.locate(path)
    if mount is None:
        return f"drive {path[:2]} is not mapped" if platform == "win32" else None
    return None if mount.network else _why_unmounted(path, list_folder)


def _why_unmounted(path: str, list_folder: Callable[[str], Any]) -> str | None:
    try:
        with list_folder(path) as entries:
            if next(entries, None) is not None:
                return None
    except FileNotFoundError:
        return f"nothing is mounted at {path}; is the share mounted, and the VPN up?"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return f"{path} is an empty folder on local storage; is the share mounted, and the VPN up?"


def tell_missing(missing: Iterable[tuple[str, str, str]]) -> None:
    """Emit one event for each missing root."""
    for name, path, why in missing:
        attributes = {semconv.STORAGE_ROOT: name, semconv.FILE_PATH: path}
        event(
            semconv.STORAGE_ROOT_MISSING,
            f"Storage root {name} ({path}) is not there: {why}",
            severity="error",
            **attributes,
        )
