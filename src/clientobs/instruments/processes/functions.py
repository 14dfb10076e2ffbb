"""os.system, os.spawn*, os.posix_spawn*, os.exec*, os.startfile.

os.system takes its environment from the C library and gives nobody a place to add to it: its children find their
context, if they record themselves, in a note beside the journal (record/doorstep.py). Those of os.spawn* get it in the
forked child, just before it becomes the program. What os.exec* makes of this process is announced by an event; its
clean close is `guard/exits.py`.
"""

from __future__ import annotations

import os
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults, quiet
from clientobs.instruments.patching import dressed, in_place_of
from clientobs.instruments.processes.child import begin
from clientobs.instruments.processes.children import code_of_status
from clientobs.instruments.processes.command import command_of
from clientobs.record.events import event

if TYPE_CHECKING:
    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.children import Children

__all__ = ["patch_functions"]

_SUPPORTS: Final = ("supports_fd", "supports_dir_fd", "supports_follow_symlinks", "supports_effective_ids")
_SPAWNS: Final = ("spawnv", "spawnve", "spawnvp", "spawnvpe")
"""Those of the family that the others call by their name in `os`."""
_TAKES_NONE: Final = sys.version_info >= (3, 13)


def patch_functions(desk: Children, patches: Patches) -> None:
    """Wrap what there is of them in `os`."""
    _replace(patches, "system", lambda original: _wrap_system(original, desk))
    for name in ("posix_spawn", "posix_spawnp"):
        _replace(patches, name, lambda original, name=name: _wrap_posix_spawn(original, name, desk))
    for name in _SPAWNS:
        _replace(patches, name, lambda original, name=name: _wrap_spawn(original, name, desk))
    for name in ("execv", "execve"):
        _replace(patches, name, lambda original: _wrap_exec(original, desk))
    _replace(patches, "startfile", _wrap_startfile)


def _replace(patches: Patches, name: str, make: Any) -> None:
    original = getattr(os, name, None)
    if original is None:
        return
    made = make(original)
    is_python = isinstance(
        original, FunctionType
    )  # and no method that stands for a built-in one (guard/exits.py)
    wrapper = dressed(made, original) if is_python else in_place_of(_with_module(made), original, "os")
    patches.replace(os, name, original, wrapper)
    for members in _SUPPORTS:
        patches.join(getattr(os, members, set()), original, wrapper)


def _with_module(made: Any) -> Any:
    def call(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        return made(*args, **kwargs)

    return call


def _first(args: tuple[Any, ...], kwargs: dict[str, Any], *names: str) -> Any:
    return args[0] if args else next((kwargs[name] for name in names if name in kwargs), None)


def _wrap_system(original: Any, desk: Children) -> Any:
    doorstep, inherited = desk.doorstep, desk.inherited

    def system(*args: Any, **kwargs: Any) -> Any:
        if not desk.switch.on:  # the names of this module may be gone already: the interpreter ends
            return original(*args, **kwargs)
        command = _first(args, kwargs, "command")
        child = begin(command_of(command, shell=True), how="os.system")  # noqa: S604  # nothing is run by this
        if child is None:
            return original(*args, **kwargs)
        note = doorstep.leave(child.variables(), inherited.parent_at_start)
        try:
            status = original(*args, **kwargs)
        except BaseException as error:
            child.not_started(error)
            raise
        finally:
            doorstep.take_away(note)
        known = isinstance(status, int) and status >= 0
        child.ended((status if os.name == "nt" else code_of_status(status)) if known else None)
        return status

    return system


def _wrap_posix_spawn(original: Any, name: str, desk: Children) -> Any:
    here = desk.here

    def posix_spawn(*args: Any, **kwargs: Any) -> Any:
        launching = here.launching
        if launching is not None and len(args) > 2:  # noqa: PLR2004  # path, arguments, environment
            desk.complete(launching, args[1])
            return original(args[0], args[1], _for(launching, args[2]), *args[3:], **kwargs)
        if not desk.switch.on:
            return original(*args, **kwargs)
        if sys._getframe(2).f_globals.get("__name__", "").startswith("clientobs."):  # noqa: SLF001  # our own drain
            return original(*args, **kwargs)
        path, words = _first(args, kwargs, "path"), args[1] if len(args) > 1 else kwargs.get("argv")
        child = begin(command_of(words, path), how=f"os.{name}")
        if child is None:
            return original(*args, **kwargs)
        try:
            if len(args) > 2:  # noqa: PLR2004
                pid = original(path, words, _for(child, args[2]), *args[3:], **kwargs)
            else:
                pid = original(*args, **kwargs)
        except BaseException as error:
            child.not_started(error)
            raise
        child.started(pid)
        return pid

    return posix_spawn


def _for(child: Any, env: Any) -> Any:
    # Until Python 3.13 posix_spawn refuses None, and by its own words.
    return env if env is None and not _TAKES_NONE else child.environment(env)


def _wrap_spawn(original: Any, name: str, desk: Children) -> Any:
    here = desk.here

    def spawn(*args: Any, **kwargs: Any) -> Any:
        if not desk.switch.on:
            return original(*args, **kwargs)
        mode = _first(args, kwargs, "mode")
        file = args[1] if len(args) > 1 else kwargs.get("file")
        words = args[2] if len(args) > 2 else kwargs.get("args")  # noqa: PLR2004
        child = begin(command_of(words, file), how=f"os.{name}") if here.launching is None else None
        if child is None:
            return original(*args, **kwargs)
        here.launching = child
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            here.launching = None
            child.not_started(error)
            raise
        here.launching = None
        if mode == os.P_WAIT:
            child.ended(result if isinstance(result, int) else None)
        elif isinstance(result, int) and os.name == "posix":
            child.started(result)
        else:
            child.detached()  # a handle, or a mode without an answer
        return result

    return spawn


def _wrap_exec(original: Any, desk: Children) -> Any:
    def become(*args: Any, **kwargs: Any) -> Any:
        if desk.switch.on:
            launching = desk.here.launching
            if launching is not None:  # the forked child of os.spawn*
                args = _with_context(desk, launching, args)
            else:
                _announce(args, kwargs)
        return original(*args, **kwargs)

    return become


def _with_context(desk: Children, child: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        if len(args) > 2:  # noqa: PLR2004  # execve: file, arguments, environment
            return (args[0], args[1], child.environment(args[2]), *args[3:])
        added, left_out = desk.inherited.changes(child.carried())
        for name in left_out:
            os.unsetenv(name)
        for name, value in added.items():
            os.putenv(name, value)  # in the child's own process
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.spawn", error)
    return args


def _announce(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Say what this process becomes; os.execvp tries each folder on PATH, and only the last is it."""
    with quiet("processes.exec"):
        program = _first(args, kwargs, "path")
        if isinstance(program, int):
            program = None  # a descriptor, of which os.access knows nothing: the first word names it
        elif program is None or not os.access(program, os.X_OK):
            return
        command = command_of(args[1] if len(args) > 1 else kwargs.get("argv"), program)
        facts: dict[str, Any] = {
            semconv.PROCESS_EXECUTABLE_NAME: command.name,
            semconv.PROCESS_EXECUTABLE_PATH: command.executable,
            semconv.PROCESS_COMMAND_ARGS: command.words,
        }
        event(
            semconv.PROCESS_EXEC,
            f"This process becomes {command.name}",
            **facts,
        )


def _wrap_startfile(original: Any) -> Any:
    def startfile(*args: Any, **kwargs: Any) -> Any:
        child = begin(command_of([_first(args, kwargs, "filepath")]), how="os.startfile")
        if child is None:
            return original(*args, **kwargs)
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            child.not_started(error)
            raise
        child.detached()  # what Windows opens it with is nobody's child
        return result

    return startfile
