"""Modules that a program may load later, and what is to be done once they are there.

Importing them ourselves would cost every host what few of them use, and looking for them now and then would miss
the first calls. So one finder stands first in sys.meta_path. It is asked once for each module that is loaded for
the first time (0.1 us beside the file operations of an import). It finds nothing itself: it hands back the very spec
and the very loader that the next finder returns, so `__spec__`, `__loader__`, resources, source and pickles stay as
they are. Only `exec_module` of that one loader object is replaced for the one call. A loader that is no plain file
loader (zip archives, lazy loaders, a host's own) stays untouched: such a module is noticed by `look()`, late.

Modules of Qt are told of on threads of the host alone: PySide6 makes their classes when they are first asked for, and
a thread of the host that asks at the same moment gets an AttributeError. What `look` finds of them elsewhere waits
for the next import on the main thread.
"""

from __future__ import annotations

import sys
import threading
from importlib.machinery import ExtensionFileLoader, SourceFileLoader, SourcelessFileLoader
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["Arrivals"]

_QT: Final = ("PySide", "PyQt")
_PLAIN: Final = (ExtensionFileLoader, SourceFileLoader, SourcelessFileLoader)


class Arrivals:
    """Calls `wanted[name](module)` for each named module: at once where it is loaded, else when it has been.

    The call is guarded, on the importing thread, inside the import of that module: it must not import.
    """

    def __init__(self, wanted: Mapping[str, Callable[[ModuleType], None]]) -> None:
        self.wanted: Final = dict(wanted)
        self._here: dict[str, ModuleType] = {}

    def watch(self) -> None:
        """Begin; a second call does nothing."""
        if self not in _finder.watching:
            _finder.watching = (*_finder.watching, self)
            self.look()
            if _finder not in sys.meta_path:
                sys.meta_path.insert(0, _finder)

    def stop(self) -> None:
        """Leave the import system as it was."""
        _finder.watching = tuple(each for each in _finder.watching if each is not self)
        if not _finder.watching and _finder in sys.meta_path:
            sys.meta_path.remove(_finder)
        self._here.clear()

    def look(self) -> None:
        """Notice what came in another way than by a file; nothing once it is stopped."""
        if self not in _finder.watching:
            return
        on_main = _is_main()
        for name in self.wanted:
            module = sys.modules.get(name)
            if module is None or self._here.get(name) is module or _is_loading(module):
                continue
            if on_main or not name.startswith(_QT):
                self.arrived(name, module)
            else:
                _finder.is_due = True

    def arrived(self, name: str, module: ModuleType) -> None:
        """Tell of a module that is loaded, once."""
        told = self.wanted.get(name)
        if told is not None and self._here.get(name) is not module:
            self._here[name] = module
            with quiet(f"arrivals.{name}"):
                told(module)


class _Finder:
    """The one finder, for all that is waited for."""

    def __init__(self) -> None:
        self.watching: tuple[Arrivals, ...] = ()
        self.is_due = False
        """Whether there is something to look at that only the main thread may touch."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the finders behind us find, for a module that is waited for; None for all others."""
        if self.is_due and _is_main():
            self.is_due = False
            for each in self.watching:
                each.look()
        for each in self.watching:
            if name in each.wanted:
                break
        else:
            return None
        found: ModuleSpec | None = None
        finders = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1 if self in finders else 0 :]:
            find = getattr(finder, "find_spec", None)
            found = find(name, path, target) if find is not None else None
            if found is not None:
                break
        with quiet("arrivals"):
            self._follow(name, found)
        return found

    def _follow(self, name: str, spec: ModuleSpec | None) -> None:
        loader: Any = getattr(spec, "loader", None)
        if type(loader) not in _PLAIN or "exec_module" in vars(loader):
            return

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            loader.exec_module(module)
            for each in self.watching:
                each.arrived(name, module)

        loader.exec_module = exec_module


_finder: Final = _Finder()


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _is_main() -> bool:
    return threading.get_ident() == threading.main_thread().ident
