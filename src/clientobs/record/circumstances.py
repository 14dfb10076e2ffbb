"""What an exception doesn't say and its frames know: which file was being read, which server was asked.

`Expecting value: line 1 column 1` names no file, `[Errno 111] Connection refused` no server. Both are in the
variables of the frames that the exception came through: a file object that a parser had in its hands, else a
`pathlib.Path`; the address that `socket.create_connection` was called with. Nothing else of them is looked at than
objects of Python's own classes of files and paths, and arguments of functions of the standard library.

Only frames that have ended are read. Up to Python 3.12 the variables of a running frame can't be had without a copy
that keeps them alive as long as it runs; a traceback begins with such a one.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.record.behind import is_a, trace_of

if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType

__all__ = ["circumstances_of"]

_MAX_WALK: Final = 20_000
_FRAMES: Final = 32
_MOST_FILES: Final = 4
_RAW: Final = frozenset({io.FileIO})
_BUFFERED: Final = frozenset({io.BufferedReader, io.BufferedWriter, io.BufferedRandom})
_PATHS: Final = ("PosixPath", "WindowsPath")
_CONNECTING: Final = {
    ("socket", "create_connection"): ("address", ""),
    ("asyncio.base_events", "create_connection"): ("host", "port"),
}
"""Module and function, and the variables that hold host and port; one that holds both is a pair."""


def circumstances_of(error: BaseException, *, files: bool) -> dict[str, Any]:
    """Return the facts; `files` says whether paths may be recorded."""
    facts: dict[str, Any] = {}
    opened: dict[str, None] = {}
    paths: dict[str, None] = {}
    is_system = is_a(error, OSError)
    files = files and not (is_a(error, OSError) and error.filename is not None)  # it says so itself
    for frame in _ended_frames(trace_of(error)):
        code = frame.f_code
        if is_system and code.co_name == "create_connection":
            facts |= _server(frame)
        if files and _may_hold_files(code):
            for value in tuple(frame.f_locals.values()):
                _take_in(value, opened, paths)
    if names := opened or paths:
        facts[semconv.EXCEPTION_FILES] = list(names)[-_MOST_FILES:]
    return facts


def _ended_frames(trace: TracebackType | None) -> list[FrameType]:
    """Return the innermost frames that this thread is no longer in."""
    kept: list[FrameType] = []
    running: set[int] = set()
    above: FrameType | None = sys._getframe()  # noqa: SLF001  # the one way, and documented
    while above is not None and len(running) < _MAX_WALK:
        running.add(id(above))
        above = above.f_back
    for _ in range(_MAX_WALK):
        if trace is None:
            break
        if id(trace.tb_frame) not in running:
            kept.append(trace.tb_frame)
        if len(kept) > 2 * _FRAMES:
            del kept[:_FRAMES]
        trace = trace.tb_next
    return kept[-_FRAMES:]


def _may_hold_files(code: CodeType) -> bool:
    return code.co_name != "<module>" and bool(code.co_varnames or code.co_cellvars)


def _take_in(value: Any, opened: dict[str, None], paths: dict[str, None]) -> None:
    if name := _name_of(value):
        opened[name] = None
    elif type(value).__name__ in _PATHS:
        pathlib: Any = sys.modules.get("pathlib")
        if pathlib is not None and type(value) in (pathlib.PosixPath, pathlib.WindowsPath):
            paths[str(value)] = None


def _name_of(value: Any) -> str:
    """Return the path of a file object of Python's own, without a call of anybody else's code."""
    kind = type(value)
    if kind is io.TextIOWrapper:
        try:
            value = value.buffer
        except ValueError:  # detached
            return ""
        kind = type(value)
    if kind in _BUFFERED:
        try:
            value = value.raw
        except ValueError:
            return ""
        kind = type(value)
    if kind not in _RAW:
        return ""
    name = getattr(value, "name", "")
    return name if type(name) is str and not name.startswith("<") else ""


def _server(frame: FrameType) -> dict[str, Any]:
    wanted = _CONNECTING.get((str(frame.f_globals.get("__name__")), frame.f_code.co_name))
    if wanted is None:
        return {}
    values = frame.f_locals
    first, second = wanted
    pair = (values.get(first), values.get(second)) if second else values.get(first)
    if type(pair) is not tuple or len(pair) < 2:  # noqa: PLR2004  # host and port
        return {}
    host, port = pair[:2]
    facts: dict[str, Any] = {semconv.SERVER_ADDRESS: host} if type(host) is str and host else {}
    return {**facts, semconv.SERVER_PORT: port} if facts and type(port) is int else facts
