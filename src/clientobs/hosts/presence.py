"""Which DCC application this process is, and whether a person sits in front of it.

Told by a module that is loaded already and the name of the executable together: Maya can import hou, and plain
Python can import bpy. Nothing of a host is imported here, and only what answers from memory is asked; what a
host answers with an exception counts as unknown.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Presence", "executable_name", "host_of_this_process", "presence_of"]


class Presence(NamedTuple):
    """A host; `is_batch` is None where it can't be told yet."""

    name: str
    is_batch: bool | None


class _Sign(NamedTuple):
    host: str
    module: str
    executables: tuple[str, ...]
    is_batch: Callable[[Any], object]


def _maya_is_batch(cmds: Any) -> object:
    # A command of Maya: main thread only.
    if threading.current_thread() is not threading.main_thread():
        return None
    return cmds.about(batch=True)


_SIGNS: Final = (
    _Sign("maya", "maya.cmds", ("maya",), _maya_is_batch),
    _Sign("houdini", "hou", ("houdini", "hindie", "happrentice", "hescape", "hython", "hbatch"),
          lambda hou: not hou.isUIAvailable()),
    _Sign("nuke", "nuke", ("nuke",), lambda nuke: not nuke.GUI),
    _Sign("blender", "bpy", ("blender",), lambda bpy: bpy.app.background),
    _Sign("3dsmax", "pymxs", ("3dsmax",), lambda _: executable_name().startswith("3dsmaxbatch")),
    _Sign("unreal", "unreal", ("unrealeditor", "ue4editor"), lambda _: "-cmd" in executable_name()),
)  # fmt: skip


def host_of_this_process() -> Presence | None:
    """Return the host, or None in an ordinary program."""
    with quiet("hosts.presence"):
        return presence_of(sys.modules, executable_name())
    return None


def presence_of(modules: Mapping[str, Any], executable: str) -> Presence | None:
    """Return the host that these loaded modules and this name of an executable, in lower case, speak for.

    >>> class bpy:
    ...     class app:
    ...         background = True
    >>> presence_of({"bpy": bpy}, "blender")
    Presence(name='blender', is_batch=True)
    >>> presence_of({"bpy": bpy}, "python3.11") is None
    True
    """
    for sign in _SIGNS:
        module = modules.get(sign.module)
        if module is None or not executable.startswith(sign.executables):
            continue
        answer = None
        with quiet(f"hosts.presence.{sign.host}"):
            answer = sign.is_batch(module)
        return Presence(sign.host, None if answer is None else bool(answer))
    return None


def executable_name() -> str:
    """Return the name of this process's program, in lower case.

    sys.executable is another's in some hosts: Blender names the Python beside it.
    """
    path = sys.executable or ""
    if sys.platform == "linux":
        with quiet("hosts.executable"):
            path = os.readlink("/proc/self/exe")
    elif "bpy" in sys.modules:
        path = getattr(getattr(sys.modules["bpy"], "app", None), "binary_path", "") or path
    return os.path.basename(path).lower()
