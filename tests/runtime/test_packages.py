"""Packages with versions from folder listings: local places only, nothing opened, nothing imported."""

from __future__ import annotations

import os
import sys
import types
from typing import TYPE_CHECKING, Any

from clientobs import _unwatched
from clientobs._own_folder import list_folder
from clientobs.runtime import packages
from clientobs.runtime.packages import find_packages

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def never(_path: str) -> bool:
    return False


def installed(folder: Path, *names: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).mkdir()
    return str(folder)


def test_names_of_folders_say_name_and_version(tmp_path: Path) -> None:
    place = installed(
        tmp_path / "site",
        *("numpy-1.26.4.dist-info", "Open.Color_IO-2.3.dist-info", "old_tool-0.9-py3.11.egg-info"),
        *("numpy", "broken.dist-info", "notes-1.0.txt", "-1.0.dist-info"),
    )
    found = find_packages([place], {}, never, {})
    assert found.versions == {"numpy": "1.26.4", "open-color-io": "2.3", "old-tool": "0.9"}
    assert found.unread == []


def test_the_first_on_the_path_counts(tmp_path: Path) -> None:
    first = installed(tmp_path / "a", "numpy-2.0.dist-info")
    second = installed(tmp_path / "b", "numpy-1.26.dist-info", "scipy-1.0.dist-info")
    assert find_packages([first, second], {}, never, {}).versions == {"numpy": "2.0", "scipy": "1.0"}


def test_a_place_on_the_network_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nas = installed(tmp_path / "nas", "studio-1.0.dist-info")
    local = installed(tmp_path / "local", "numpy-2.0.dist-info")
    touched: list[str] = []

    def noting(function: Any) -> Any:
        def call(path: Any, *more: Any, **named: Any) -> Any:
            touched.append(str(path))
            return function(path, *more, **named)

        return call

    monkeypatch.setattr(packages, "list_folder", noting(list_folder))
    monkeypatch.setattr(_unwatched, "scandir", noting(os.scandir))
    monkeypatch.setattr(os, "stat", noting(os.stat))
    monkeypatch.setattr(os, "scandir", noting(os.scandir))
    found = find_packages([nas, local], {}, lambda path: path.startswith(nas), {})
    monkeypatch.undo()
    assert found.versions == {"numpy": "2.0"}
    assert found.unread == [nas]
    assert touched == [local]


class Lazy(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


def module(name: str, **values: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(values)
    return made


def test_modules_from_the_network_say_their_version_themselves() -> None:
    modules = {
        "studio": module("studio", __file__="/nas/py/studio/__init__.py", __version__="3.1"),
        "studio.sub": module("studio.sub", __file__="/nas/py/studio/sub.py", __version__="9"),
        "mute": module("mute", __file__="/nas/py/mute.py"),
        "odd": module("odd", __file__="/nas/py/odd.py", __version__=("1", "2")),
        "elsewhere": module("elsewhere", __file__="/nas/python/x.py", __version__="1"),
        "lazy": Lazy("lazy"),
        "gone": None,
    }
    found = find_packages(["/nas/py"], modules, lambda path: path.startswith("/nas"), {})
    assert found.versions == {"studio": "3.1"}


def test_a_modules_own_getattr_is_not_called() -> None:
    asked: list[str] = []
    lazy = module("lazy", __file__="/nas/py/lazy.py", __getattr__=asked.append)
    find_packages(["/nas/py"], {"lazy": lazy}, lambda _: True, {})
    assert asked == []


def test_what_rez_resolved_goes_before_what_lies_there(tmp_path: Path) -> None:
    place = installed(tmp_path, "numpy-1.0.dist-info")
    environ = {"REZ_USED_RESOLVE": "numpy-1.26.4 studio_publish-1.4.0-beta ~arch== python"}
    found = find_packages([place], {}, never, environ)
    assert found.versions == {"numpy": "1.26.4", "studio-publish": "1.4.0-beta"}


def test_odd_entries_of_the_path_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "python311.zip"
    file.write_bytes(b"")
    odd: list[object] = ["", ".", "relative", 7, None, b"/bytes", str(file), "/not/there", "/nul\0byte"]
    assert find_packages(odd, {}, never, {}).versions == {}


def test_the_look_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_MOST_NAMES", 10)
    monkeypatch.setattr(packages, "_MOST_FOLDERS", 3)
    full = installed(tmp_path / "full", *(f"p{number}-1.dist-info" for number in range(30)))
    others = [installed(tmp_path / name) for name in ("a", "b", "c")]
    found = find_packages([full, *others], {}, never, {})
    assert len(found.versions) == 10
    assert found.unread == [full, *others]


def test_this_very_interpreter_is_described_without_an_import() -> None:
    before = set(sys.modules)
    found = find_packages(sys.path, sys.modules, never, {})
    assert found.versions["opentelemetry-sdk"][0].isdigit()
    assert "importlib.metadata" not in set(sys.modules) - before
