"""What remains of a crash: faulthandler's file in the run's folder, read by the drain once the process is gone.

What it does: `faulthandler.enable(file)`, unless the host has enabled its own, whose file it then keeps; and the mark
of `exit_mark.py`. faulthandler chains to whatever handled these signals before it (the crash reporter of a DCC), and
a handler that is installed later is called first and need not call ours: then there is no text, and no wrong one.

That both are still so is looked at once a second (fatal_handlers.py): what dies without a word is told as killed
only where a fault would have left one.

Costs nothing until a fatal signal comes, but for that look. Its file is opened once, high and close-on-exec. Can't see
SIGKILL, Py_FatalError() (which switches faulthandler off before it aborts), and no stack below Python; what the system
itself wrote down of a crash is looked up by the drain.
"""

from __future__ import annotations

import os
from typing import Final

from clientobs._guarded import quiet
from clientobs._high import open_high
from clientobs.guard.exit_mark import ExitMark
from clientobs.guard.fatal_handlers import NO_FILE, FatalHandlers, is_held, other_file

__all__ = ["FAULT_FILE", "CrashWatch"]

FAULT_FILE: Final = "fault.txt"
_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)


class CrashWatch:
    """Watches one process for the run in a folder.

    `faults` says whether a fatal signal would leave its text in the run's folder, `exits` whether exit() in C
    would take the mark away, `host_file` where the host has faulthandler write to, if that can be known.
    """

    def __init__(self) -> None:
        self.faults = False
        self.exits = False
        self.host_file = NO_FILE
        self._file: _FaultFile | None = None
        self._handlers = FatalHandlers()
        self._mark = ExitMark()

    def install(self, folder: str) -> None:
        """Begin to watch; again for another folder, after a fork or an exec that failed."""
        with quiet("crash.faults"):
            self.faults = self._watch_faults(folder)
        with quiet("crash.exits"):
            self.exits = self._mark.put(folder)

    def keep(self) -> bool:
        """See whether a fault would still be told; open the file anew where the host has closed its descriptor.

        Once a second. True where a fatal error stands in it that was not there the last time: who calls this has
        survived it, or it was one of a child that native code has forked.
        """
        file = self._file  # once: another thread may let go of it meanwhile
        if file is not None and not file.is_ours():
            self._open_anew(file)
        self._look()
        file = self._file
        return file is not None and file.is_ours() and file.has_grown()

    def uninstall(self) -> None:
        """Stop to watch; what the host has enabled since stays."""
        self.faults = self.exits = False
        self.host_file = NO_FILE
        with quiet("crash.uninstall"):
            self._let_go()
        self._mark.remove()

    def leave_to_parent(self) -> None:
        """Let go, in a forked child: a fault here must not be told of the parent."""
        self.faults = self.exits = False
        self.host_file = NO_FILE
        with quiet("crash.fork"):
            self._let_go(is_child=True)
        self._mark.leave_to_parent()

    def _watch_faults(self, folder: str) -> bool:
        import faulthandler  # noqa: PLC0415  # built in; not before something is watched

        if self._file is None and faulthandler.is_enabled():
            self.host_file = other_file()
            return False  # the host's own, or the developer's: PYTHONFAULTHANDLER, pytest
        self._let_go()
        file = _FaultFile(os.path.join(folder, FAULT_FILE))
        faulthandler.enable(file)
        self._file = file
        self._handlers.remember()
        return True

    def _open_anew(self, closed: _FaultFile) -> None:
        """Give faulthandler a file that is open, without touching the handlers: one of the host's may be on top."""
        import faulthandler  # noqa: PLC0415  # loaded by `_watch_faults`

        self._file = None
        if is_held(closed):
            self._file = _FaultFile(closed.path)
            faulthandler.enable(self._file)

    def _look(self) -> None:
        is_ours = self._file is not None and is_held(self._file)
        self.faults = is_ours and self._handlers.are_as_left()
        if is_ours:
            self.host_file = NO_FILE
        elif not self.host_file.path:
            self.host_file = other_file()

    def _let_go(self, *, is_child: bool = False) -> None:
        """Switch faulthandler off where it still writes to our file: it holds a reference to it.

        Not where somebody has put a handler on top of its own: it would put back what was there before both. Then it
        keeps the descriptor, which leads nowhere from now on.
        """
        file, self._file = self._file, None
        if file is None:
            return
        is_left = is_held(file) and not self._handlers.are_as_left()
        if not is_left and is_held(file):
            import faulthandler  # noqa: PLC0415  # loaded by `_watch_faults`

            faulthandler.disable()
        file.close(keep=is_child, lead_nowhere=is_left)


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

    def close(self, *, keep: bool, lead_nowhere: bool = False) -> None:
        """Close it; take the file away where nothing was written, unless it is the parent's (`keep`).

        `lead_nowhere`: somebody goes on to write to the descriptor; its number must not become another file's.
        """
        if self.is_ours():
            is_empty = os.fstat(self._descriptor).st_size == 0
            if lead_nowhere:
                nowhere = open_high(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._descriptor, inheritable=False)
                os.close(nowhere)
            else:
                os.close(self._descriptor)
            if is_empty and not keep:
                os.unlink(self.path)


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
