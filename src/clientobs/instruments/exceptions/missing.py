"""Optional modules that aren't there: counted by name, never an event.

`try: import hou` in a tool that runs everywhere is healthy work. Yet which modules are missing may be just what
differs between the machine where it works and the one where it doesn't. A finder of ours stands last in
sys.meta_path: it is asked when all others have found nothing. So an import that succeeds never reaches it, and one
that fails pays 1 us beside the folders that were searched. It finds nothing itself. An import that fails for another
reason, or whose exception somebody sees, is told elsewhere (record/imports.py).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from clientobs import semconv
from clientobs.record.metrics import add_sum

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

__all__ = ["MissingModules"]

_MOST_WAITING: Final = 10_000
_MOST_NAMES: Final = 16
"""Modules with a series of their own; what else is missing is "other"."""
_OTHER: Final = "other"
_STANDARD: Final = sys.stdlib_module_names
"""The library itself tries what other systems have (winreg, _scproxy)."""


class MissingModules:
    """The finder, while the instrument is on."""

    def __init__(self) -> None:
        self._asked: list[str] = []
        self._names: set[str] = set()

    def watch(self) -> None:
        """Begin to count."""
        if self not in sys.meta_path:
            sys.meta_path.append(self)

    def stop(self) -> None:
        """Leave the import system as it was, and tell what was counted."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self.tell()

    def forget(self) -> None:
        """Drop what is the parent's, in a forked child."""
        self._asked = []

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # the protocol of finders
        target: object = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Find nothing, as all finders before."""
        if len(self._asked) < _MOST_WAITING:
            self._asked.append(name)
        return None

    def tell(self) -> None:
        """Write what was counted since the last time; a module that has come by now is none that is missing."""
        asked, self._asked = self._asked, []
        counts: dict[str, int] = {}
        for name in asked:
            if type(name) is str and name not in sys.modules:
                top = name.partition(".")[0]
                if top not in _STANDARD:
                    told = self._bounded(top)
                    counts[told] = counts.get(told, 0) + 1
        series = [({semconv.IMPORT_MISSING: name}, count) for name, count in counts.items()]
        add_sum(semconv.IMPORTS_MISSING, "{import}", "Imports of modules that are not there.", series)

    def _bounded(self, name: str) -> str:
        if name not in self._names:
            if len(self._names) >= _MOST_NAMES:
                return _OTHER
            self._names.add(name)
        return name
