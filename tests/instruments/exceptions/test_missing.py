"""Optional modules that aren't there are counted, and the import system is what it was."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import clientobs
from clientobs.instruments import registry
from clientobs.instruments.exceptions.missing import MissingModules
from support.programs import answer_of, run_program
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def counting(home: Path) -> Iterator[None]:
    clientobs.init("tool", instruments=["exceptions"])
    yield
    clientobs.shutdown()


def counted(home: Path) -> dict[str, int]:
    clientobs.shutdown()
    found: dict[str, int] = {}
    for attributes, value, *_ in seen(home).points("import.missing.count"):
        name = attributes["import.missing"]
        found[name] = found.get(name, 0) + value
    return found


def test_swallowed_import_errors_are_counted_by_module_and_no_event(home: Path) -> None:
    run_program("""
import clientobs, importlib.util
clientobs.init("tool")
for name in ("hou_not_here", "hou_not_here.sub", "maya_not_here", "hou_not_here"):
    try: __import__(name)
    except ImportError: pass
importlib.util.find_spec("maya_not_here")
""")
    assert counted(home) == {"hou_not_here": 3, "maya_not_here": 2}
    assert [log for log in seen(home).logs if log.severity >= 13] == []


def test_what_the_standard_library_tries_itself_is_not_counted(counting: None, home: Path) -> None:
    for name in ("winreg", "os.no_such"):
        with pytest.raises(ImportError):
            __import__(name)
    assert counted(home) == {}


def test_a_module_that_another_finder_brings_is_not_missing(
    counting: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImportError):
        __import__("comes_later")
    monkeypatch.setitem(sys.modules, "comes_later", sys)
    assert counted(home) == {}


def test_an_import_that_succeeds_never_asks(
    counting: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    asked: list[str] = []
    monkeypatch.setattr(
        MissingModules, "find_spec", lambda _self, name, _path=None, _target=None: asked.append(name)
    )
    __import__("there")
    monkeypatch.delitem(sys.modules, "there")
    assert asked == []


def test_names_are_bounded_and_none_is_lost(counting: None, home: Path) -> None:
    for number in range(40):
        with pytest.raises(ImportError):
            __import__(f"missing_{number}")
    registry.tick()
    for number in range(40):
        with pytest.raises(ImportError):
            __import__(f"missing_{number}")
    found = counted(home)
    assert len(found) == 17
    assert sum(found.values()) == 80
    assert found["other"] == 48


def test_the_error_and_the_finders_are_what_they_were() -> None:
    before, during, after, same = answer_of("""
import json, sys, traceback
def failing():
    try: import no_such_module
    except ImportError as error:
        return [repr(error), error.name, error.path, len(traceback.extract_tb(error.__traceback__))]
before, finders = failing(), list(sys.meta_path)
import clientobs
clientobs.init("tool")
during = failing()
clientobs.shutdown()
print(json.dumps([before, during, failing(), sys.meta_path == finders]))
""")
    assert before == during == after
    assert same is True


def test_nothing_is_loaded_for_it_that_the_program_has_not(home: Path) -> None:
    loaded = answer_of("""
import json, sys, clientobs
from clientobs.instruments import registry
clientobs.init("tool", instruments=["exceptions"])
try: import no_such_module
except ImportError: pass
registry.tick()
print(json.dumps("opentelemetry.sdk.metrics" in sys.modules))
""")
    assert loaded is False
