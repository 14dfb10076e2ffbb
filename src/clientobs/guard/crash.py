"""What remains of a crash: faulthandler's file in the run's folder, read by the drain once the process is gone.

What it does: `faulthandler.enable(file)`, unless the host has enabled its own, whose file it then keeps; and the mark
of `exit_mark.py`. faulthandler chains to whatever handled these signals before it (the crash reporter of a DCC), and
a handler that is installed later is called first and need not call ours: then there is no text, and no wrong one.

Costs nothing until a fatal signal comes. Its file is opened once, high and close-on-exec. Can't see SIGKILL, and no
stack below Python; what the system itself wrote down of a crash is looked up by the drain.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from clientobs._guarded import quiet
from clientobs._high import open_high
from clientobs.guard.exit_mark import ExitMark

__all__ = ["FAULT_FILE", "CrashWatch"]

FAULT_FILE: Final = "fault.txt"
_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)
_REFERENCES: Final = 2
"""To a file that nobody but us holds: our attribute, and the argument of getrefcount."""


class CrashWatch:
    """Watches one process for the run in a folder.

    `faults` says whether a fatal signal would leave its text in the run's folder, `exits` whether exit() in C
    would take the mark away.
    """

    def __init__(self) -> None:
        self.faults = False
        self.exits = False
        self._file: _FaultFile | None = None
        self._mark = ExitMark()

    def install(self, folder: str) -> None:
        """Begin to watch; again for another folder, after a fork or an exec that failed."""
        with quiet("crash.faults"):
            self.faults = self._watch_faults(folder)
        with quiet("crash.exits"):
            self.exits = self._mark.put(folder)

    def keep(self) -> bool:
        """Open the file anew where the host has closed its descriptor; now and then.

        True where a fatal error stands in it that was not there the last time: who calls this has survived it, or
        it was one of a child that native code has forked.
        """
        if self._file is not None and not self._file.is_ours():
            folder = os.path.dirname(self._file.path)
            self._let_go()
            self.faults = self._watch_faults(folder)
        return self._file is not None and self._file.has_grown()

    def uninstall(self) -> None:
        """Stop to watch; what the host has enabled since stays."""
        self.faults = self.exits = False
        with quiet("crash.uninstall"):
            self._let_go()
        self._mark.remove()

    def leave_to_parent(self) -> None:
        """Let go, in a forked child: a fault here must not be told of the parent."""
        self.faults = self.exits = False
        with quiet("crash.fork"):
            self._let_go(is_child=True)
        self._mark.leave_to_parent()

    def _watch_faults(self, folder: str) -> bool:
        import faulthandler  # noqa: PLC0415  # built in; not before something is watched

        if self._file is None and faulthandler.is_enabled():
            return False  # the host's own, or the developer's: PYTHONFAULTHANDLER, pytest
        self._let_go()
        file = _FaultFile(os.path.join(folder, FAULT_FILE))
        faulthandler.enable(file)
        self._file = file
        return True

    def _let_go(self, *, is_child: bool = False) -> None:
        """Switch faulthandler off where it still writes to our file: it holds a reference to it."""
        file, self._file = self._file, None
        if file is None:
            return
        if sys.getrefcount(file) > _REFERENCES:
            import faulthandler  # noqa: PLC0415  # loaded by `_watch_faults`

            faulthandler.disable()
        file.close(keep=is_child)


class _FaultFile:
    """What faulthandler writes to: it asks for `fileno()` once, and keeps this object."""

    __slots__ = ("__weakref__", "_descriptor", "_identity", "_size", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = open_high(path, _FLAGS)
        self._identity = _identity(self._descriptor)
        self._size = os.fstat(self._descriptor).st_size

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def is_ours(self) -> bool:
        """Say whether the number still means our file: hosts close and reuse numbers that they don't own."""
        try:
            return _identity(self._descriptor) == self._identity
        except OSError:
            return False

    def has_grown(self) -> bool:
        """Say whether something was written since this was asked last."""
        before, self._size = self._size, os.fstat(self._descriptor).st_size
        return self._size > before

    def close(self, *, keep: bool) -> None:
        """Close it; take the file away where nothing was written, unless it is the parent's (`keep`)."""
        if self.is_ours():
            is_empty = os.fstat(self._descriptor).st_size == 0
            os.close(self._descriptor)
            if is_empty and not keep:
                os.unlink(self.path)


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
