"""Who asked for a launch: the nearest code that is neither ours nor the machinery that launches.

Kept as a code object and a line number: no frame, and so nothing of the host's, stays alive by it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv

if TYPE_CHECKING:
    from types import CodeType

__all__ = ["caller_of_launch", "described"]

_LAUNCHERS: Final = frozenset(
    {"subprocess", "os", "asyncio", "multiprocessing", "concurrent", "pty", "psutil"}
)
_MACHINERY: Final = frozenset(
    {"ctypes", "platform", "uuid", "webbrowser", "sysconfig", "distutils", "_osx_support", "_aix_support"}
)
"""Modules of Python's that try programs which needn't be there."""
_FRAMES: Final = 24


def caller_of_launch() -> tuple[tuple[CodeType, int] | None, bool]:
    """Return code and line of who called for the launch, and whether that is Python's own machinery."""
    frame: Any = sys._getframe(1)  # noqa: SLF001  # no other way is as cheap
    for _ in range(_FRAMES):
        if frame is None:
            return None, False
        name = frame.f_globals.get("__name__")
        package = name.partition(".")[0] if isinstance(name, str) else ""
        if package not in _LAUNCHERS and not (package == "clientobs" and ".instruments" in name):
            return (frame.f_code, frame.f_lineno), package in _MACHINERY
        frame = frame.f_back
    return None, False


def described(caller: tuple[CodeType, int] | None) -> tuple[dict[str, Any], str]:
    """Return a caller's attributes, and how a sentence names it: "publish (publish.py:42)"."""
    if caller is None:
        return {}, ""
    code, line = caller
    name = getattr(code, "co_qualname", code.co_name)
    facts = {
        semconv.CODE_FUNCTION_NAME: name,
        semconv.CODE_FILE_PATH: code.co_filename,
        semconv.CODE_LINE_NUMBER: line,
    }
    file = code.co_filename.replace("\\", "/").rpartition("/")[2]
    return facts, f"{file}:{line}" if name == "<module>" else f"{name} ({file}:{line})"
