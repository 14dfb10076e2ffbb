"""What an ImportError says to who can't see the machine: what was missing, for whom, and where that one came from."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._patterns import pattern
from clientobs.record.behind import cause_of, is_a, trace_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["import_facts"]

_NAME: Final = pattern(r"cannot import name '([^']{1,200})'")
_LIBRARY: Final = pattern(
    r"""(?x) ^(?P<linux> [^\s:]{1,400}\.so[\w.]*): | Library\ not\ loaded:\ (?P<macos> \S{1,400})
    | (?P<windows> DLL\ load\ failed\ while\ importing\ [\w.]{1,200})
    """
)
_MAX_WALK: Final = 20_000
_MAX_CHAIN: Final = 16
_MAX_LINKS: Final = 8
_BINARIES: Final = (".so", ".pyd", ".dylib")
_MOST_ENTRIES: Final = 1_000
_MOST_BUILDS: Final = 4


def import_facts(error: BaseException) -> dict[str, Any]:
    """Return the facts of a failed import; empty for any other exception."""
    failed = _import_error_of(error)
    if failed is None:
        return {}
    facts: dict[str, Any] = {semconv.IMPORT_INTERPRETER: _interpreter()}
    text = failed.msg if isinstance(failed.msg, str) else ""
    if isinstance(failed.name, str):
        facts[semconv.IMPORT_MISSING] = failed.name
    if (name := _NAME.search(text)) and isinstance(failed.name, str):
        facts[semconv.IMPORT_MISSING] = f"{failed.name}.{name[1]}"
    if library := _LIBRARY.search(text):
        facts[semconv.IMPORT_LIBRARY] = library["linux"] or library["macos"] or library["windows"]
    if isinstance(failed.path, str):
        facts[semconv.IMPORT_PATH] = failed.path
    modules = list(_modules(trace_of(failed)))[-_MAX_CHAIN:]
    if modules:
        name_, file = modules[-1]
        facts[semconv.IMPORT_MODULE] = name_
        facts[semconv.IMPORT_MODULE_PATH] = file
        facts[semconv.IMPORT_CHAIN] = [name for name, _ in modules]
        facts |= _entry_of(file)
    missing = facts.get(semconv.IMPORT_MISSING)
    if missing and semconv.IMPORT_LIBRARY not in facts:
        asked_in = facts.get(semconv.IMPORT_PATH) or facts.get(semconv.IMPORT_MODULE_PATH) or ""
        if builds := _other_builds(missing, os.path.dirname(asked_in)):
            facts[semconv.IMPORT_OTHER_BUILDS] = builds
    return facts


def _import_error_of(error: BaseException) -> ImportError | None:
    """Return the ImportError at the root of an exception: a loader may have wrapped it."""
    current: BaseException | None = error
    found: ImportError | None = None
    for _ in range(_MAX_LINKS):
        if current is None:
            break
        if is_a(current, ImportError):
            found = current
        current = cause_of(current)
    return found


def _other_builds(name: str, folder: str) -> list[str]:
    """Return binaries of that module which this Python passes over: they are built for another one.

    Looked up in the listings that the import system has at hand: no folder is asked again. `folder` is where a
    package lies that is gone from sys.modules, as one is whose import has failed.
    """
    package, _, plain = name.rpartition(".")
    parent = sys.modules.get(package)
    entries = getattr(parent, "__path__", None) or [folder] if package else sys.path
    found: list[str] = []
    for entry in list(entries)[:_MOST_ENTRIES]:
        finder = sys.path_importer_cache.get(entry) if type(entry) is str else None
        listing = getattr(finder, "_path_cache", None)
        if type(finder).__name__ != "FileFinder" or not isinstance(listing, (set, frozenset)):
            continue
        builds = sorted(
            file for file in tuple(listing) if file.startswith(f"{plain}.") and file.endswith(_BINARIES)
        )
        found += [os.path.join(entry, file) for file in builds]
    return found[:_MOST_BUILDS]


def _modules(trace: TracebackType | None) -> Iterator[tuple[str, str]]:
    """Yield name and file of each module whose body was being executed, outermost first."""
    for _ in range(_MAX_WALK):
        if trace is None:
            return
        frame = trace.tb_frame
        if frame.f_code.co_name == "<module>":
            name = frame.f_globals.get("__name__")
            yield (name if type(name) is str else "?"), frame.f_code.co_filename
        trace = trace.tb_next


def _entry_of(file: str) -> dict[str, Any]:
    """Return which entry of sys.path a module came from, and how many there were."""
    best, place = "", -1
    entries = [entry for entry in list(sys.path) if type(entry) is str]
    for number, entry in enumerate(entries):
        folder = entry.rstrip("/\\")
        below = file[len(folder) : len(folder) + 1]
        if folder and file.startswith(folder) and below in ("/", os.sep) and len(folder) > len(best):
            best, place = entry, number
    facts: dict[str, Any] = {semconv.IMPORT_SEARCHED: len(entries)}
    if best:
        facts |= {semconv.IMPORT_PATH_ENTRY: best, semconv.IMPORT_PATH_PLACE: place}
    return facts


def _interpreter() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{sys.executable or '(embedded)'} {version}"
