"""Lend clientobs and what it needs to an interpreter that lacks them, and nothing else.

`clientobs run -- python3 tool.py` is typed in an environment that has clientobs, and `python3` is often the
system's. Appending that environment to sys.path would also show the tool its other packages, and change
what `try: import rich` does. This finder answers for the names below alone, after all others, so that
whatever the interpreter has itself comes first.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder, PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

MODULES: Final = frozenset(
    {"clientobs", "opentelemetry", "wrapt", "psutil", "tomli", "typing_extensions", "google", "grpc"}
)
DISTRIBUTIONS: Final = ("clientobs-", "opentelemetry_", "wrapt-", "psutil-", "tomli-", "typing_extensions-")


class _Lender(DistributionFinder):
    """Find the lent modules, and their entry points: OpenTelemetry looks its context up by one."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = list(folders)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Answer for our top-level modules; what lies within them finds itself."""
        if path is not None or name not in MODULES:
            return None
        return PathFinder.find_spec(name, self._folders, target)

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterator[Distribution]:
        """Yield our distributions, told by the names of their folders: reading metadata takes longer."""
        wanted = getattr(context, "name", None)
        prefix = f"{wanted.lower().replace('-', '_')}-" if wanted else ""
        for folder in self._folders:
            for entry in os.listdir(folder) if os.path.isdir(folder) else ():
                name = entry.lower()
                if name.endswith(".dist-info") and name.startswith(DISTRIBUTIONS) and name.startswith(prefix):
                    yield PathDistribution(Path(folder, entry))


def lend(folders: Sequence[str]) -> None:
    """Put the finder behind all others."""
    sys.meta_path.append(_Lender(folders))
