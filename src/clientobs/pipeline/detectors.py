"""Import `opentelemetry.sdk.resources` without what only its detectors use, and we use none of them.

That module imports psutil (32 ms, and a native module in the host), subprocess and socket (4 ms) for
detectors of processes, systems and host names. While it is imported, by the thread that `load()` is called on,
its import statements bind stand-ins to those names, in that module alone: a stand-in loads the real module when
somebody does run a detector. Nothing that others can see is changed, not even for a moment: `sys.modules` never
holds a stand-in, and each other module imports as ever.
"""

from __future__ import annotations

import builtins
import importlib
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["without_their_modules"]

_RESOURCES: Final = "opentelemetry.sdk.resources"
_DETECTORS_ALONE: Final = frozenset({"psutil", "socket", "subprocess"})


@contextmanager
def without_their_modules() -> Iterator[None]:
    """Import that module lightly in this block, on this thread; if it is loaded already, it stays as it is."""
    if _RESOURCES in sys.modules:
        yield
        return
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder:
    """Finds the one module as the finders behind it do, and has it loaded lightly; finds no other.

    A finder by its method alone: `importlib.abc` would bring importlib.resources, tempfile and pathlib along.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _RESOURCES or threading.get_ident() != self._thread:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _LightLoader(spec.loader)  # type: ignore[assignment]  # a loader by its methods
                return spec
        return None


class _LightLoader:
    """Loads a module as its own loader does, with an `__import__` of ours among its built-in functions."""

    def __init__(self, real: Any) -> None:
        self._real: Loader = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return what the real loader makes."""
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module."""
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        self._real.exec_module(module)


def _import(
    name: str,
    names: Any = None,
    values: Any = None,
    wanted: Any = (),
    level: int = 0,
) -> Any:
    # Asked by the functions of that module too, whenever they import: looked up late, for who replaces it.
    if name in _DETECTORS_ALONE and not wanted and name not in sys.modules:
        return _StandIn(name)
    return builtins.__import__(name, names, values, wanted, level)


class _StandIn:
    """Stands for a module until one of its names is asked for."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)
