"""Whether a person sits in front of this process: asked of the host application that runs it.

Only of what is loaded already, never by importing a host's module (Maya can import hou, plain Python can import
bpy), and on the main thread alone: hosts answer nowhere else. The questions are those of the hosts' own
documentation; where a host has none, its executable tells (3ds Max and Unreal have one for each mode). A tool
without a host is told by Qt: an application object with widgets, on a platform that has a screen.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["has_interface"]

_WIDGETS: Final = ("PySide6.QtWidgets", "PySide2.QtWidgets", "PyQt6.QtWidgets", "PyQt5.QtWidgets")
_NO_SCREEN: Final = frozenset({"offscreen", "minimal", "vnc"})


def has_interface() -> bool:
    """Say whether this process shows windows to a person; on a doubt, that it does not.

    >>> has_interface()
    False
    """
    for name, asks in _HOSTS.items():
        answer = _answer_of(asks, sys.modules.get(name))
        if answer is not None:
            return answer
    return any(_has_application(sys.modules.get(name)) for name in _WIDGETS)


def _answer_of(asks: Callable[[Any], bool | None], module: Any) -> bool | None:
    try:
        answer = asks(module) if module is not None else None
    except Exception:  # noqa: BLE001  # a host that is starting or ending, or no host at all, says nothing
        return None
    return None if answer is None else bool(answer)


def _maya(cmds: Any) -> bool | None:
    about = getattr(cmds, "about", None)  # missing in mayapy until standalone is up
    return None if about is None else not about(batch=True)


def _runs_as(*names: str) -> Callable[[Any], bool | None]:
    """Return a question to the name of the executable, without its extension: True where it is one of these."""

    def asks(_module: Any) -> bool | None:
        program = os.path.basename(sys.executable or "").lower()
        return program.removesuffix(".exe") in names if program else None

    return asks


_HOSTS: Final[dict[str, Callable[[Any], bool | None]]] = {
    "maya.cmds": _maya,
    "hou": lambda hou: hou.isUIAvailable(),
    "nuke": lambda nuke: nuke.GUI,
    "bpy": lambda bpy: not bpy.app.background,
    "FreeCAD": lambda freecad: freecad.GuiUp,
    "pymxs": _runs_as("3dsmax"),  # the other one is 3dsmaxbatch
    "unreal": _runs_as("unrealeditor", "ue4editor"),  # the other ones end in -cmd
    "substance_painter": lambda _painter: True,  # it has no batch mode
}


def _has_application(widgets: Any) -> bool:
    application: Any = getattr(widgets, "QApplication", None)
    running = application.instance() if application is not None else None
    # A QCoreApplication can be the instance too, in a tool without windows.
    if running is None or not isinstance(running, application):
        return False
    return str(running.platformName()) not in _NO_SCREEN
