"""Whether a fatal signal would still reach faulthandler's file in the run's folder: looked at once a second.

Hosts take it away after init(): `faulthandler.enable()` in a tool's own code sends the text to stderr, a crash reporter
puts its handler on top and may end by `_exit()`. What then dies leaves nothing, as what is killed does, and must not be
told as killed. Nothing is put back: the text, and the signal, are the host's.

    faulthandler's file   what the module refers to, as the garbage collector sees it (CPython's faulthandler_traverse)
    the handlers          sigaction() asked for the five signals that faulthandler takes, as it is after enable()

Together some 15 us. Windows has no sigaction: a filter on top of ours is not seen there.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import stat
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs._guarded import quiet
from clientobs._libc import libc

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NO_FILE", "FatalHandlers", "HostFile", "is_held", "other_file"]

_NAMES: Final = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
_ROOM: Final = 512
"""Bytes; struct sigaction has 152 on Linux and 16 on macOS, the handler first."""
_HANDLER: Final = struct.Struct("P")
_FILES: Final = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom, io.FileIO)
_OWN_DESCRIPTORS: Final = 3
"""stderr is shared with children, whose faults stand there too: it proves nothing of this process."""


class HostFile(NamedTuple):
    """The file that the host has given to faulthandler, and its size when that was seen: older faults stand before."""

    path: str = ""
    size: int = 0


NO_FILE: Final = HostFile()


class FatalHandlers:
    """Who handles the fatal signals: as it was when `remember` was called, or somebody else by now."""

    def __init__(self) -> None:
        self._known: tuple[int, ...] = ()
        self._ask: Callable[[int, None, Any], int] | None = None
        self._buffer: Any = None

    def remember(self) -> None:
        """Take note of who handles them now."""
        found = libc()
        if found is not None and self._ask is None:
            from ctypes import create_string_buffer  # noqa: PLC0415  # loaded by libc()

            self._buffer = create_string_buffer(_ROOM)
            with quiet("crash.handlers"):
                self._ask = found.library["sigaction"]
        self._known = self._now()

    def are_as_left(self) -> bool:
        """Say whether nobody has taken one since."""
        return self._now() == self._known

    def _now(self) -> tuple[int, ...]:
        ask, buffer = self._ask, self._buffer
        if ask is None:
            return ()
        found = []
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and ask(int(number), None, buffer) == 0:
                found.append(_HANDLER.unpack_from(buffer)[0])
        return tuple(found)


def is_held(file: object) -> bool:
    """Say whether faulthandler writes to this object."""
    return any(each is file for each in _referents())


def other_file() -> HostFile:
    """Return the file of the host's own that faulthandler writes to, where there is one that can be known."""
    import faulthandler  # noqa: PLC0415  # built in

    if not faulthandler.is_enabled():
        return NO_FILE
    # In the order in which CPython visits them: the file for fatal errors is the last.
    files = [each for each in _referents() if type(each) in _FILES]
    if not files:
        return NO_FILE
    try:
        number = files[-1].fileno()
        found = os.fstat(number)
        if number < _OWN_DESCRIPTORS or not stat.S_ISREG(found.st_mode):
            return NO_FILE
        return HostFile(_path_of(number, files[-1].name), found.st_size)
    except (OSError, ValueError, AttributeError):  # closed, or a stream without a name
        return NO_FILE


def _referents() -> list[Any]:
    import faulthandler  # noqa: PLC0415  # built in

    return gc.get_referents(faulthandler)


def _path_of(number: int, name: object) -> str:
    """Return where a file lies; as it was named only where the system does not tell: somebody may have moved since."""
    try:
        path = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        path = os.path.abspath(name) if isinstance(name, str) else ""
    return path if path.isprintable() and os.path.isabs(path) else ""
