"""The ways out that atexit doesn't see: os._exit and os.exec*.

DCC applications quit by os._exit, multiprocessing children end by it, launchers replace themselves by exec. Each
is a clean end, and a journal that is not told so would leave a session whose end is unknown. What is patched:
`os._exit`, `os.execv` and `os.execve`, the three that all others of their families call by their name in the
module `os`; not `posix` or `nt`. Each wrapper calls back, guarded, and then the original, once. An exec that
fails comes back: the process lives on, and so does its journal.

Costs nothing until called. Can't see an _exit() that C code makes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from clientobs._guarded import quiet
from clientobs._stand_in import in_place_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ExitKind", "ExitWatch"]

ExitKind: TypeAlias = Literal["os._exit", "exec"]
_PATCHED: Final[dict[str, ExitKind]] = {"_exit": "os._exit", "execv": "exec", "execve": "exec"}


class ExitWatch:
    """Call `leaving(kind, detail)` before the process image goes, and `stayed()` when exec failed.

    `detail` is the exit code or the program's name.
    """

    def __init__(self, leaving: Callable[[ExitKind, str], None], stayed: Callable[[], None]) -> None:
        self._leaving: Callable[[ExitKind, str], None] | None = leaving
        self._stayed: Callable[[], None] | None = stayed
        self._originals: dict[str, Any] = {}
        self._wrappers: dict[str, Any] = {}

    def install(self) -> None:
        """Patch; once."""
        for name, kind in _PATCHED.items():
            original = getattr(os, name, None)
            if original is not None and name not in self._originals:
                wrapper = self._around(original, kind)
                self._originals[name], self._wrappers[name] = original, wrapper
                if original in os.supports_fd:  # what programs ask before they hand execve a descriptor
                    os.supports_fd.add(wrapper)
                setattr(os, name, wrapper)

    def uninstall(self) -> None:
        """Restore what is still ours; where somebody patched on top of us, become a pass-through."""
        self._leaving = self._stayed = None
        for name, wrapper in self._wrappers.items():
            os.supports_fd.discard(wrapper)
            if getattr(os, name) is wrapper:
                setattr(os, name, self._originals[name])
        self._originals, self._wrappers = {}, {}

    @property
    def patched(self) -> tuple[str, ...]:
        """The names that call us now; one that somebody patched on top of us still does."""
        return tuple(f"os.{name}" for name in self._wrappers)

    def _around(self, original: Callable[..., Any], kind: ExitKind) -> Callable[..., Any]:
        def leave(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
            leaving = self._leaving
            if leaving is not None:
                with quiet("exits.leaving"):
                    if kind == "os._exit" or _will_run(args, kwargs):
                        leaving(kind, _detail(kind, args, kwargs))
            try:
                return original(*args, **kwargs)
            finally:
                # Only an exec that failed, or an _exit that somebody else patched out, comes here.
                stayed = self._stayed
                if stayed is not None:
                    with quiet("exits.stayed"):
                        stayed()

        # multiprocessing pickles os._exit as the target of a process; built-in, it is no method where a class keeps it
        stand_in: Callable[..., Any] = in_place_of(leave, original, "os")
        return stand_in


def _will_run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    # os.execvp tries each folder on PATH in turn: only the one that has the program is the end.
    program = args[0] if args else next(iter(kwargs.values()), None)
    if isinstance(program, int):  # a descriptor: os.execve takes one, and os.access doesn't
        return True
    return program is not None and os.access(program, os.X_OK)


def _detail(kind: ExitKind, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    first = args[0] if args else next(iter(kwargs.values()), "")
    if kind == "os._exit":
        return str(first)
    if isinstance(first, int):
        return f"descriptor {first}"
    return os.path.basename(os.fsdecode(first))
