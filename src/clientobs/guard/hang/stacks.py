"""Where the threads stand, as plain texts and numbers: no frame, code or object of the host is kept.

A stack is told once, and referred to by number from then on: a sample of a loop that never ends is a number and a
few line numbers. Stacks are equal where their functions are, so that samples of one loop fold into one.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["DEBUGGERS", "Stacks", "frames_of", "modules_in", "names"]

Entry: TypeAlias = tuple[str, str, str, int]
"""Module, function, file, and 1 where the frame is the studio's own: no library, not Python's, not ours."""

DEBUGGERS: Final = frozenset({"bdb", "pdb", "ipdb", "pudb", "pydevd", "debugpy", "_pydevd_bundle", "wdb"})
"""Modules in whose frames a thread stands that somebody has stopped on purpose."""

_MAX_DEPTH: Final = 100
_MAX_STACKS: Final = 500
_LIBRARIES: Final = ("site-packages", "dist-packages")


def frames_of(frame: FrameType | None) -> list[FrameType]:
    """Return the frames of a stack, innermost first, a hundred at the most."""
    found: list[FrameType] = []
    while frame is not None and len(found) < _MAX_DEPTH:
        found.append(frame)
        frame = frame.f_back
    return found


def modules_in(frame: FrameType | None) -> set[str]:
    """Return the top-level names of the modules in a stack."""
    return {_module_of(frame).partition(".")[0] for frame in frames_of(frame)}


def _module_of(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else "?"


class Stacks:
    """Stacks by number, for the length of one silence.

    `tell(values)` takes a new stack as plain values, `clean` redacts a text.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], object], clean: Callable[[str], str]) -> None:
        self._tell = tell
        self._clean = clean
        self._numbers: dict[tuple[tuple[str, str, int], ...], int] = {}
        self._python = os.path.normcase(os.path.join(os.path.dirname(os.__file__), ""))
        self._ours = os.path.normcase(__file__.partition("guard")[0])

    def clear(self) -> None:
        """Forget all of them."""
        self._numbers = {}

    def of(self, frame: FrameType | None) -> tuple[int, list[int]]:
        """Return the number of a stack and its lines, outermost first; number 0 where there are too many."""
        frames = frames_of(frame)[::-1]
        key = tuple(
            (each.f_code.co_filename, each.f_code.co_name, each.f_code.co_firstlineno) for each in frames
        )
        lines = [each.f_lineno or 0 for each in frames]
        number = self._numbers.get(key)
        if number is None:
            if len(self._numbers) >= _MAX_STACKS:
                return 0, lines
            number = self._numbers[key] = len(self._numbers) + 1
            self._tell({"at": "stack", "id": number, "frames": [self._entry(each) for each in frames]})
        return number, lines

    def _entry(self, frame: FrameType) -> Entry:
        code = frame.f_code
        file = code.co_filename
        name = getattr(code, "co_qualname", code.co_name)
        return _module_of(frame), self._clean(name), self._clean(file), int(self._is_own(file))

    def _is_own(self, file: str) -> bool:
        """Say whether a source is the studio's: neither Python's nor installed from elsewhere nor ours."""
        folded = os.path.normcase(file)
        if folded.startswith(self._ours) or any(part in folded for part in _LIBRARIES):
            return False
        if folded.startswith("<"):
            return not folded.startswith("<frozen")
        return not folded.startswith(self._python)


def names() -> dict[int, str]:
    """Return the names of the threads by number; without the lock of threading, which may be what hangs."""
    active = getattr(threading, "_active", {})
    return {ident: str(thread.name)[:100] for ident, thread in list(active.items())}
