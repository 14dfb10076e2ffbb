"""pty.spawn: a child at a terminal of its own, which the program hands its own terminal on to.

The child is forked, and becomes the program by os.execlp in the fork, where it gets its context (functions.py). Its
pid is known when pty.fork has returned; its end comes by os.waitpid, which pty.spawn calls. A program's own pty.fork,
os.forkpty and os.fork stay what they are: the child is the same program, and records a run of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clientobs._guarded import faults
from clientobs.instruments.patching import dressed
from clientobs.instruments.processes.child import begin
from clientobs.instruments.processes.children import code_of_status
from clientobs.instruments.processes.command import command_of

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.children import Children

__all__ = ["patch_terminals"]

_HOW = "pty.spawn"


def patch_terminals(module: ModuleType, desk: Children, patches: Patches) -> None:
    """Patch pty."""
    for name, make in (("spawn", _wrap_spawn), ("fork", _wrap_fork)):
        original = vars(module)[name]
        patches.replace(module, name, original, dressed(make(original, desk), original))


def _wrap_spawn(original: Any, desk: Children) -> Any:
    here = desk.here

    def spawn(*args: Any, **kwargs: Any) -> Any:
        child = begin(command_of(args[0] if args else kwargs.get("argv")), how=_HOW)
        if child is None:
            return original(*args, **kwargs)
        before, here.launching = here.launching, child
        try:
            status = original(*args, **kwargs)
        except BaseException as error:
            if not child.pid:
                child.not_started(error)
            raise
        finally:
            here.launching = before
        child.ended(code_of_status(status) if isinstance(status, int) else None)
        return status

    return spawn


def _wrap_fork(original: Any, desk: Children) -> Any:
    here = desk.here

    def fork(*args: Any, **kwargs: Any) -> Any:
        child = here.launching
        result = original(*args, **kwargs)
        try:
            if child is not None and child.how == _HOW and result[0] > 0:
                here.launching = None  # what else is launched until it ends is no part of it
                child.started(result[0])
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.pty", error)
        return result

    return fork
