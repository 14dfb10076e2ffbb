"""Portable paths: one name for a file that each operating system mounts elsewhere, `{proj}/sq010/plate.exr`.

The rules are those of OpenJD's path mapping: by component, longest root first, on Windows in any case.
https://github.com/OpenJobDescription/openjd-specifications (pathmapping-1.0)
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from clientobs.paths.components import Components, components, folded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.config.model import RootConfig

__all__ = ["Roots"]

_FIELDS: Final = {"win32": "windows", "darwin": "macos"}


class Roots:
    """The studio's storage roots as this system mounts them, made once and asked for every file.

    >>> from clientobs.config.model import RootConfig
    >>> Roots([RootConfig(name="proj", linux="/mnt/proj")], "linux").portable("/mnt/proj/sq010/a.exr")
    '{proj}/sq010/a.exr'
    """

    __slots__ = ("_by_anchor", "_platform")

    def __init__(self, roots: Iterable[RootConfig], platform: str = sys.platform) -> None:
        self._platform = platform
        self._by_anchor: dict[str, list[tuple[Components, str]]] = {}
        field = _FIELDS.get(platform, "linux")
        for root in roots:
            place: str | None = getattr(root, field)
            parts = components(place, platform) if place else None
            if parts is not None:
                key = folded(parts, platform)
                self._by_anchor.setdefault(key[0], []).append((key, root.name))
        for group in self._by_anchor.values():
            group.sort(key=lambda entry: (-len(entry[0]), entry[1]))

    @property
    def known(self) -> bool:
        """Whether this system mounts any root."""
        return bool(self._by_anchor)

    def portable(self, path: str) -> str | None:
        """Return `{root}/...` by the longest root that holds `path`, with forward slashes; None where none does."""
        if not self._by_anchor:
            return None
        parts = components(path, self._platform)
        if parts is None:
            return None
        key = folded(parts, self._platform)
        for root, name in self._by_anchor.get(key[0], ()):
            if key[: len(root)] == root:
                return "/".join((f"{{{name}}}", *parts[len(root) :]))
        return None
