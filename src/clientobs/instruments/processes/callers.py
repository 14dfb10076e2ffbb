"""Who asked for a launch: the nearest code that is neither ours nor the machinery that launches.

Looked up when something has failed, where the launch, or the wait for the end, is still on the stack: to walk the
frames of each launch costs Python 3.11 and later 20 us in a host that does other things between (measured).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv

if TYPE_CHECKING:
    from types import CodeType

__all__ = ["caller_of_launch"]

_LAUNCHERS: Final = frozenset(
    {"subprocess", "os", "asyncio", "multiprocessing", "concurrent", "pty", "psutil"}
)
_MACHINERY: Final = frozenset(
    {"ctypes", "platform", "uuid", "webbrowser", "sysconfig", "distutils", "_osx_support", "_aix_support"}
)
"""Modules of Python's that try programs which needn't be there."""
_FRAMES: Final = 24


def caller_of_launch() -> tuple[dict[str, Any], str, bool]:
    """Return the caller's attributes, how a sentence names it, and whether it is Python's own machinery.

    "publish (publish.py:42)". Nothing where no such code is on this thread's stack.
    """
    frame: Any = sys._getframe(1)  # noqa: SLF001  # no other way is as cheap
    for _ in range(_FRAMES):
        if frame is None:
            break
        name = frame.f_globals.get("__name__")
        package = name.partition(".")[0] if isinstance(name, str) else ""
        if package not in _LAUNCHERS and not (package == "clientobs" and ".cli" not in name):
            return *_described(frame.f_code, frame.f_lineno), package in _MACHINERY
        frame = frame.f_back
    return {}, "", False


def _described(code: CodeType, line: int) -> tuple[dict[str, Any], str]:
    name = getattr(code, "co_qualname", code.co_name)
    facts = {
        semconv.CODE_FUNCTION_NAME: name,
        semconv.CODE_FILE_PATH: code.co_filename,
        semconv.CODE_LINE_NUMBER: line,
    }
    file = code.co_filename.replace("\\", "/").rpartition("/")[2]
    return facts, f"{file}:{line}" if name == "<module>" else f"{name} ({file}:{line})"
