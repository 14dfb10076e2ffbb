"""Modules that are loaded later: told once they are there, and imported as without us."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
import threading
import traceback
import zipfile
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.instruments.arrivals import Arrivals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = """
class Thing: pass
VALUE = 42
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "arriving.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    yield tmp_path
    for name in ("arriving", "broken", "zipped"):
        sys.modules.pop(name, None)


@pytest.fixture
def told() -> Iterator[list[ModuleType]]:
    found: list[ModuleType] = []
    arrivals = Arrivals(dict.fromkeys(("arriving", "broken", "zipped", "json"), found.append))
    before = list(sys.meta_path)
    arrivals.watch()
    arrivals.watch()
    found.clear()  # json, which is there
    yield found
    arrivals.stop()
    assert sys.meta_path == before


def test_a_module_is_told_of_once_and_complete(folder: Path, told: list[ModuleType]) -> None:
    arriving = importlib.import_module("arriving")
    assert told == [arriving]
    assert importlib.import_module("arriving") is arriving
    assert told == [arriving]
    assert arriving.VALUE == 42


def test_a_module_that_is_loaded_already_is_told_of_at_once() -> None:
    found: list[Any] = []
    arrivals = Arrivals({"json": found.append})
    arrivals.watch()
    arrivals.look()
    arrivals.stop()
    assert found == [importlib.import_module("json")]


def test_module_spec_and_loader_are_what_they_are_without_us(folder: Path, told: list[ModuleType]) -> None:
    module = importlib.import_module("arriving")
    loader: Any = module.__loader__
    assert type(loader).__name__ == "SourceFileLoader"
    assert loader.get_source("arriving") == SOURCE
    assert module.__spec__ is not None
    assert module.__spec__.loader is loader
    assert "exec_module" not in vars(loader)
    assert pickle.loads(pickle.dumps(module.Thing)) is module.Thing


def test_a_module_that_fails_to_import_fails_as_without_us_with_one_frame_of_ours(
    folder: Path, told: list[ModuleType]
) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        importlib.import_module("broken")
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert len([name for name in files if name.endswith("instruments/arrivals.py")]) == 1
    assert told == []
    assert "broken" not in sys.modules


def test_looking_for_a_module_loads_nothing_and_tells_nothing(folder: Path, told: list[ModuleType]) -> None:
    assert importlib.util.find_spec("arriving") is not None
    assert told == []
    assert importlib.import_module("arriving") in told


def test_a_module_from_an_archive_is_noticed_at_the_next_look(folder: Path) -> None:
    with zipfile.ZipFile(folder / "pack.zip", "w") as pack:
        pack.writestr("zipped.py", SOURCE)
    sys.path.insert(0, str(folder / "pack.zip"))
    found: list[ModuleType] = []
    arrivals = Arrivals({"zipped": found.append})
    arrivals.watch()
    try:
        module = importlib.import_module("zipped")
        assert found == []
        arrivals.look()
        assert found == [module]
    finally:
        arrivals.stop()
        sys.path.remove(str(folder / "pack.zip"))


def test_after_stop_nothing_is_told(folder: Path) -> None:
    found: list[ModuleType] = []
    arrivals = Arrivals({"arriving": found.append})
    arrivals.watch()
    spec = importlib.util.find_spec("arriving")
    assert spec is not None
    assert spec.loader is not None
    arrivals.stop()
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.VALUE == 42
    sys.modules["arriving"] = module
    arrivals.look()
    assert found == []


def test_a_reloaded_module_is_executed_once_more(folder: Path, told: list[ModuleType]) -> None:
    module: Any = importlib.import_module("arriving")
    module.VALUE = 1
    assert importlib.reload(module).VALUE == 42
    assert told[0] is module


def test_a_module_of_qt_is_told_of_on_the_main_thread_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PySide6 makes its classes when they are asked for, and shows them half made to other threads meanwhile.
    threads: list[str] = []
    arrivals = Arrivals({"PySide6.QtCore": lambda _module: threads.append(threading.current_thread().name)})
    arrivals.watch()
    try:
        monkeypatch.setitem(sys.modules, "PySide6.QtCore", ModuleType("PySide6.QtCore"))
        ours = threading.Thread(target=arrivals.look)
        ours.start()
        ours.join()
        elsewhere = threading.Thread(target=importlib.import_module, args=("arriving",))
        elsewhere.start()
        elsewhere.join()
        assert threads == []
        (folder / "another.py").write_text("")
        importlib.import_module("another")
        assert threads == ["MainThread"]
        importlib.import_module("json")
    finally:
        arrivals.stop()
        sys.modules.pop("another", None)
    assert threads == ["MainThread"]
