"""A mark that libc's own exit() takes away: how a host that ends without Python's atexit is told from a killed one.

Many hosts quit by exit() in C, and never finalize their Python: no atexit, no clean close of the journal. So a file
stands in the run's folder while the process runs, and unlink() itself is registered with `__cxa_atexit`, with the
file's name as its argument. exit() calls that; a signal, `_exit()` and the kernel don't. No Python runs at that
moment, and none of its memory is touched: the name lies in memory of malloc that is never given back.

Linux and macOS. A forked child has the same registration, so it empties its copy of the name first.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet
from clientobs._libc import libc
from clientobs._own_file import put

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MARK_FILE", "ExitMark"]

MARK_FILE: Final = "running"
"""Its name in the run's folder."""

_ROOM: Final = 4096
_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)

_rename: Callable[[bytes], None] | None = None
"""Set what exit() will unlink; registered once in a process, since libc has no way to take it back."""


class ExitMark:
    """The mark of one run at a time."""

    def __init__(self) -> None:
        self._path: str | None = None

    def put(self, folder: str) -> bool:
        """Put the mark into a run's folder; say whether exit() will take it away."""
        self.remove()
        rename = _registered()
        path = os.path.join(folder, MARK_FILE)
        name = os.fsencode(path) + b"\0"
        if rename is None or len(name) > _ROOM:
            return False
        put(path, b"", _FLAGS)
        rename(name)
        self._path = path
        return True

    def remove(self) -> None:
        """Take the mark away: the run has its clean close, or is over."""
        path, self._path = self._path, None
        if path is not None:
            if _rename is not None:
                _rename(b"\0")
            with quiet("exit_mark.remove"):
                os.unlink(path)

    def leave_to_parent(self) -> None:
        """Forget it, in a forked child: the mark is the parent's."""
        self._path = None
        if _rename is not None:
            _rename(b"\0")


def _registered() -> Callable[[bytes], None] | None:
    global _rename  # noqa: PLW0603  # one registration for the life of the process
    found = libc()
    if _rename is None and found is not None:
        _rename = _register(found.library)
    return _rename


def _register(library: Any) -> Callable[[bytes], None] | None:
    import ctypes  # noqa: PLC0415  # loaded by libc()

    try:
        at_exit, unlink, allocate = library["__cxa_atexit"], library["unlink"], library["malloc"]
    except AttributeError:
        return None
    allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    at_exit.argtypes = [ctypes.c_void_p] * 3
    memory = allocate(_ROOM)
    if not memory:
        return None
    ctypes.memset(memory, 0, _ROOM)  # unlink("") does nothing
    if at_exit(ctypes.cast(unlink, ctypes.c_void_p), memory, None) != 0:
        return None

    def rename(name: bytes) -> None:
        ctypes.memmove(memory, name, len(name))

    return rename
