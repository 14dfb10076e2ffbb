"""The last call before a child exists, where the environment of the child is completed.

`_posixsubprocess.fork_exec` (Popen, and multiprocessing's spawn), `_winapi.CreateProcess` (the same two on Windows)
and `os.posix_spawn` get the environment as it is to be: a list of entries, or a mapping. What was said of PATH, of the
caller's own mapping and of its errors is settled by then, by the interpreter's own code.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs.instruments.patching import in_place_of, loaded

if TYPE_CHECKING:
    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.child import Child
    from clientobs.instruments.processes.children import Children

__all__ = ["patch_creation", "patch_launches", "wrap_fork_exec"]

_ARGUMENTS, _ENTRIES = 0, 5
"""Places in fork_exec's arguments, the same in Python 3.8 to 3.14."""
_PREEXEC: Final = -2 if sys.version_info >= (3, 11) else -1
_WINDOWS_ENVIRONMENT: Final = 6


def patch_launches(subprocess: Any, desk: Children, patches: Patches) -> None:
    """Wrap the calls by which the module `subprocess` launches."""
    if sys.platform == "win32":
        patch_creation(desk, patches)
        return
    native = loaded("_posixsubprocess")
    original = getattr(native, "fork_exec", None)
    if (
        original is None or patches.of("fork_exec") is not None
    ):  # multiprocessing was there first (workers.py)
        return
    wrapper = in_place_of(wrap_fork_exec(original, desk), original, "_posixsubprocess")
    if (
        getattr(subprocess, "_fork_exec", None) is original
    ):  # from Python 3.11 on it keeps the function itself
        patches.replace(subprocess, "_fork_exec", original, wrapper)
    else:
        patches.replace(native, "fork_exec", original, wrapper)


def wrap_fork_exec(original: Any, desk: Children) -> Any:
    """Wrap fork_exec: what this thread is launching gets its variables."""
    here = desk.here

    def fork_exec(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        child = here.launching
        if child is not None and len(args) > _ENTRIES:
            args = _completed(desk, child, args)
        return original(*args, **kwargs)

    return fork_exec


def _completed(desk: Children, child: Child, args: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        if not child.command.whole:
            desk.complete(child, args[_ARGUMENTS])
        entries = args[_ENTRIES]
        if entries is None and args[_PREEXEC] is not None:
            # What that function puts into its environment is for the program: so we put ours there, after it.
            return (*args[:_PREEXEC], _after(args[_PREEXEC], desk, child), *args[_PREEXEC:][1:])
        if entries is None or type(entries) is list:
            entries = desk.inherited.entries(entries, child.carried())
            return (*args[:_ENTRIES], entries, *args[_ENTRIES + 1 :])
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.launch", error)
    return args


def _after(preexec: Any, desk: Children, child: Child) -> Any:
    """Return the caller's preexec_fn with our variables put into the child's environment after it."""
    added, left_out = desk.inherited.changes(child.carried())

    def preexec_fn() -> None:
        preexec()
        for name in left_out:
            os.unsetenv(name)
        for name, value in added.items():
            os.putenv(name, value)

    return preexec_fn


def patch_creation(desk: Children, patches: Patches) -> None:
    """Wrap the one call by which Python launches on Windows; a second call does nothing."""
    native = loaded("_winapi")
    original = getattr(native, "CreateProcess", None)
    if original is None or patches.of("CreateProcess") is not None:
        return
    here = desk.here

    def create_process(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        child = here.launching
        if child is not None and len(args) > _WINDOWS_ENVIRONMENT:
            env = child.environment(args[_WINDOWS_ENVIRONMENT])
            args = (*args[:_WINDOWS_ENVIRONMENT], env, *args[_WINDOWS_ENVIRONMENT + 1 :])
        return original(*args, **kwargs)

    patches.replace(native, "CreateProcess", original, in_place_of(create_process, original, "_winapi"))
