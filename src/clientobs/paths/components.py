"""Paths as components: the same rules on every system, so that a test on Linux proves what Windows does.

Components are compared, never characters: /mnt/p is no parent of /mnt/proj. Nothing here touches a disk, and
`..` is taken as text (what a symlink before it would make of it isn't known).
"""

from __future__ import annotations

from typing import Final, TypeAlias

__all__ = ["Components", "components", "folded", "joined"]

Components: TypeAlias = tuple[str, ...]
"""The anchor ("/", "P:", a UNC share), then one name each."""

_DEVICE_PREFIXES: Final = ("\\\\?\\", "\\\\.\\", "\\??\\")
_UNC_PARTS: Final = 2


def components(path: str, platform: str) -> Components | None:
    r"""Return the components of an absolute path, or None for a relative one.

    >>> components("/mnt//proj/./sq010/../sq020/", "linux")
    ('/', 'mnt', 'proj', 'sq020')
    >>> components("\\\\?\\UNC\\nas\\proj\\sq010", "win32")
    ('\\\\nas\\proj', 'sq010')
    """
    if platform == "win32":
        return _windows(path.replace("/", "\\"))
    return ("/", *_names(path.split("/"))) if path.startswith("/") else None


def folded(parts: Components, platform: str) -> Components:
    """Return components to compare by: Windows knows no case, and neither do its shares."""
    return tuple(part.lower() for part in parts) if platform == "win32" else parts


def joined(parts: Components, platform: str) -> str:
    r"""Return the path of `parts`.

    >>> joined(("P:", "sq010"), "win32"), joined(("/",), "linux")
    ('P:\\sq010', '/')
    """
    if platform == "win32":
        return "\\".join(parts) if len(parts) > 1 else f"{parts[0]}\\"
    return "/" + "/".join(parts[1:])


def _windows(path: str) -> Components | None:
    if path.startswith(_DEVICE_PREFIXES):
        path = path[4:]
        if path[:4].lower() == "unc\\":
            path = f"\\\\{path[4:]}"
    if path.startswith("\\\\"):
        names = [name for name in path[2:].split("\\") if name]
        if len(names) < _UNC_PARTS:
            return None
        return (f"\\\\{names[0]}\\{names[1]}", *_names(names[2:]))
    has_drive = path[1:2] == ":" and path[0].isascii() and path[0].isalpha()
    if not has_drive or path[2:3] not in {"", "\\"}:
        return None
    return (path[0].upper() + ":", *_names(path[2:].split("\\")))


def _names(parts: list[str]) -> list[str]:
    """Return the names among `parts`; `..` goes up, but not above the anchor."""
    names: list[str] = []
    for part in parts:
        if part == "..":
            del names[-1:]
        elif part not in {"", "."}:
            names.append(part)
    return names
