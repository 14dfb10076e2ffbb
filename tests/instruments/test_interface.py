"""Whether a person sits in front: told by each host's own word, and by nothing that merely is importable."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from clientobs.instruments.interface import has_interface


class Application:
    """QApplication as far as it is asked."""

    platform = "xcb"
    running: Any = None

    @classmethod
    def instance(cls) -> Any:
        return cls.running

    def platformName(self) -> str:  # noqa: N802  # as Qt names it
        return self.platform


def about(batch: bool) -> Any:
    return lambda **asked: batch if asked == {"batch": True} else None


HOSTS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "Maya": ("maya.cmds", {"about": about(False)}, True),
    "Maya, batch": ("maya.cmds", {"about": about(True)}, False),
    "mayapy before standalone": ("maya.cmds", {}, False),
    "Houdini": ("hou", {"isUIAvailable": lambda: True}, True),
    "hython": ("hou", {"isUIAvailable": lambda: False}, False),
    "Nuke": ("nuke", {"GUI": True}, True),
    "nuke -t": ("nuke", {"GUI": False}, False),
    "Blender": ("bpy", {"app": types.SimpleNamespace(background=False)}, True),
    "blender -b and bpy as a module": ("bpy", {"app": types.SimpleNamespace(background=True)}, False),
    "FreeCAD": ("FreeCAD", {"GuiUp": 1}, True),
    "freecadcmd": ("FreeCAD", {"GuiUp": 0}, False),
    "Substance Painter": ("substance_painter", {}, True),
    "a module of that name that is no host": ("nuke", {}, False),
}
PROGRAMS = {
    "pymxs": {"C:/Max/3dsmax.exe": True, "C:/Max/3dsmaxbatch.exe": False, "": False},
    "unreal": {"C:/Epic/UnrealEditor.exe": True, "C:/Epic/UnrealEditor-Cmd.exe": False},
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_tells_by_its_own_word(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, says, expected = HOSTS[host]
    module = types.ModuleType(name)
    vars(module).update(says)
    monkeypatch.setitem(sys.modules, name, module)
    assert has_interface() is expected


@pytest.mark.parametrize(
    ("name", "program", "expected"),
    [
        (name, program, expected)
        for name, programs in PROGRAMS.items()
        for program, expected in programs.items()
    ],
)
def test_a_host_without_a_word_for_it_is_told_by_its_executable(
    name: str, program: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys, "executable", program)
    assert has_interface() is expected


@pytest.mark.parametrize(
    ("running", "platform", "expected"),
    [
        (None, "xcb", False),
        (Application(), "xcb", True),
        (Application(), "offscreen", False),
        (object(), "xcb", False),
    ],
    ids=["no application", "windows", "no screen", "a QCoreApplication"],
)
def test_a_tool_without_a_host_is_told_by_its_qt_application(
    running: Any, platform: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    widgets = types.ModuleType("PySide6.QtWidgets")
    widgets.QApplication = Application  # type: ignore[attr-defined]
    monkeypatch.setattr(Application, "running", running)
    monkeypatch.setattr(Application, "platform", platform)
    monkeypatch.setitem(sys.modules, "PySide6.QtWidgets", widgets)
    assert has_interface() is expected


def test_a_batch_host_with_qt_in_it_stays_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Houdini and Nuke load Qt for their panels' code in batch mode too."""
    test_a_tool_without_a_host_is_told_by_its_qt_application(Application(), "xcb", True, monkeypatch)
    monkeypatch.setitem(sys.modules, "nuke", types.SimpleNamespace(GUI=False))
    assert has_interface() is False
