"""os.scandir: the call is timed like the others; on network storage so is what comes after it.

The iterator reads the folder as it goes, which is where a slow server is felt. On local storage it is the very
object that the system gives. On network storage it is one of ours that hands out the same entries: there a
lookup costs a hundred times what the detour does. (os.listdir reads all at once, and is among the plain calls.)
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from clientobs.instruments.files.accounts import QUICK
from clientobs.instruments.files.pathtext import text_of
from clientobs.instruments.files.telling import FAILING

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.desk import Desk

__all__ = ["wrap_scandir"]


def wrap_scandir(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Return os.scandir with counting around it."""
    here, get_current, clock, quick = desk.here, desk.get_current, perf_counter_ns, QUICK
    switch, failing = desk.switch, FAILING

    def scandir(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        began = clock()
        path = args[0] if args else kwargs.get("path", ".")
        try:
            entries = original(*args, **kwargs)
        except failing as error:
            if switch.on:
                desk.failed("scandir", "" if type(path) is int else path, error, clock() - began)
            raise
        spent = clock() - began
        if not switch.on:
            return entries
        part = here.part
        if not desk.has_network and spent < quick and part.context is get_current():
            part.quick += 1
            part.quick_spent += spent
            return entries
        if type(path) is int:
            path = ""
        desk.done("scandir", path, spent)
        return _Entries(entries, path, desk) if path is not None and desk.on_network(path) else entries

    return scandir


class _Entries:
    """The entries of a folder on network storage: os.scandir's iterator, with the time that each step takes."""

    __slots__ = ("_desk", "_entries", "_path", "_spent")

    def __init__(self, entries: Any, path: Any, desk: Desk) -> None:
        self._entries = entries
        self._path = text_of(path)
        self._desk = desk
        self._spent = 0

    def __iter__(self) -> _Entries:
        return self

    def __next__(self) -> Any:
        began = perf_counter_ns()
        try:
            return next(self._entries)
        except BaseException:
            self._finish()
            raise
        finally:
            self._spent += perf_counter_ns() - began

    def __enter__(self) -> _Entries:  # noqa: PYI034  # Self is in typing from 3.11 on
        self._entries.__enter__()
        return self

    def __exit__(self, *raised: object) -> Any:
        self._finish()
        return self._entries.__exit__(*raised)

    def close(self) -> None:
        """Close the folder."""
        self._finish()
        self._entries.close()

    def _finish(self) -> None:
        spent, self._spent = self._spent, 0
        if spent:
            self._desk.done("readdir", self._path, spent)
