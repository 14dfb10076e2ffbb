"""Imports that look at each folder of the search path once, rather than once for each module.

A studio's search path has two hundred folders on the NAS before the standard library. For every top-level module
Python asks each of them for its date, though their listings are in memory after the first: 80 file operations a
folder until a host records. So `each_folder_once()` looks at each folder once, and believes its listing for as long
as the block lasts, on this thread: what can't be in a folder isn't looked for there. All else (the order, a studio's
own module in front of the standard library's, hooks of others, zip files) is as ever.

The finders are taken from `_frozen_importlib_external`, since importlib.machinery is itself a file on the search path.
"""

from __future__ import annotations

import sys
from _frozen_importlib_external import BYTECODE_SUFFIXES, SOURCE_SUFFIXES, FileFinder, PathFinder
from _imp import extension_suffixes
from _thread import get_ident

TYPE_CHECKING = False  # typing is a file on the search path, too
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType, TracebackType

__all__ = ["each_folder_once", "folders_for"]

_SUFFIXES = ("", *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES, *extension_suffixes())
_NO_MODULE = "no module of this name"


class each_folder_once:  # noqa: N801  # used as contextlib's are, whose import would be one more walk
    """Let this thread import so, in a `with` block; blocks may be nested."""

    __slots__ = ("_finder",)

    def __init__(self) -> None:
        self._finder: _Finder | None = None

    def __enter__(self) -> None:
        path = sys.meta_path
        mine = any(isinstance(finder, _Finder) and finder.thread == get_ident() for finder in path)
        if mine or PathFinder not in path:  # somebody has a way of his own to import
            return
        for folder in sys.path:
            finder = sys.path_importer_cache.get(folder)
            if type(finder) is FileFinder:
                finder.find_spec(_NO_MODULE)  # asks the folder's date, and lists it where that is new
        self._finder = _Finder()
        # In front of nobody but the finder that it does the work of.
        path.insert(path.index(PathFinder), self._finder)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)


class _Finder:
    """Asks Python's own finder, of those folders alone that may hold the module."""

    __slots__ = ("thread",)

    def __init__(self) -> None:
        self.thread = get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or get_ident() != self.thread:
            return None
        spec = PathFinder.find_spec(fullname, folders_for(fullname), target)
        if spec is None and sys.meta_path[-1] is PathFinder:
            # Nobody else is left to be asked but that finder, which would look into each folder again.
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return spec


def folders_for(module: str, path: Sequence[str] | None = None) -> list[str]:
    """Return the folders of `path` (sys.path) that may hold a top-level module, by their listings in memory."""
    return [folder for folder in (sys.path if path is None else path) if _may_hold(folder, module)]


def _may_hold(folder: str, module: str) -> bool:
    finder = sys.path_importer_cache.get(folder)
    # The listings have no public name, but the same one since Python 3.3; without them each folder is asked.
    listed = getattr(finder, "_path_cache", None) if type(finder) is FileFinder else None
    if not isinstance(listed, set) or getattr(finder, "_path_mtime", -1) == -1:
        return True
    if sys.platform not in ("win32", "darwin", "cygwin"):
        return any(module + suffix in listed for suffix in _SUFFIXES)
    lower = {name.lower() for name in listed}  # there a folder may be asked in vain, which costs what it did
    return any((module + suffix).lower() in lower for suffix in _SUFFIXES)
