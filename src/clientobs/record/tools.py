"""Which tool speaks: several tools of a studio live in one interpreter, each with its own name and version.

`init()` registers the top-level package of its caller; a span then belongs to the tool whose package opened
it. Code of no registered package (a shared library of the studio) speaks for the tool that called it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from clientobs.pipeline.context import Tool

__all__ = ["Tools", "calling_package"]


class Tools:
    """The tools of this interpreter by top-level package."""

    __slots__ = ("_by_package", "first", "several")

    def __init__(self, first: Tool) -> None:
        self.first = first
        self.several = False
        """Whether there is a question which tool speaks; asked by every span."""
        self._by_package: dict[str, Tool] = {}

    def register(self, package: str, tool: Tool) -> None:
        """Let code of `package` speak as `tool`; the first registration of a package stays."""
        self._by_package.setdefault(package, tool)
        self.several = len(self._by_package) > 1

    def rename_first(self, package: str, tool: Tool) -> None:
        """Let code of `package`, and whoever is not registered, speak as `tool`: the first was only a stand-in."""
        self.first = tool
        self._by_package = {package: tool}
        self.several = False

    def of_module(self, module: object) -> Tool | None:
        """Return the tool whose package `module` (a dotted name) is in, or None."""
        if not isinstance(module, str):
            return None
        return self._by_package.get(module.partition(".")[0])

    def all(self) -> dict[str, Tool]:
        """Return the registrations, for `doctor`."""
        return dict(self._by_package)


def calling_package(depth: int) -> str:
    """Return the top-level package of the code `depth` frames above the caller of this function."""
    frame: FrameType | None
    try:
        frame = sys._getframe(depth + 1)  # noqa: SLF001  # no other way is as cheap
    except ValueError:
        return "__main__"
    name = frame.f_globals.get("__name__")
    return name.partition(".")[0] if isinstance(name, str) else "__main__"
