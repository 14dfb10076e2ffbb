"""Imports on long search paths: each folder is looked at once, and everything is found where it ever was."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from clientobs import _search_path
from support.programs import answer_of

FOREIGN = 12
# Counts what the import system and everybody else ask of the foreign folders.
COUNT = """
    import json, os, sys
    import importlib._bootstrap_external as external
    asked = {}
    def note(path):
        name = os.fsdecode(path) if isinstance(path, (str, bytes)) else ""
        if "/foreign" in name:
            key = name[name.index("/foreign"):].split("/")[1]
            asked[key] = asked.get(key, 0) + 1
    def noting(function):
        def call(path=".", *args, **kwargs):
            note(path)
            return function(path, *args, **kwargs)
        return call
    external._path_stat = noting(external._path_stat)
    for name in ("stat", "lstat", "access"):
        setattr(os, name, noting(getattr(os, name)))
    sys.addaudithook(lambda event, args: note(args[0]) if event in ("open", "os.listdir", "os.scandir") else None)
"""


@pytest.fixture
def path(tmp_path: Path) -> list[str]:
    """Return a search path as studios have it: tools first, then what is under test, then the standard library."""
    folders = [tmp_path / f"foreign{number}" for number in range(FOREIGN)]
    for folder in folders:
        (folder / f"tool_{folder.name}").mkdir(parents=True)
        (folder / f"tool_{folder.name}" / "__init__.py").touch()
    return [str(folder) for folder in folders]


def search(path: list[str]) -> str:
    sources = str(Path(__file__).resolve().parents[1] / "src")
    return os.pathsep.join([*path, sources])


@pytest.mark.usefixtures("drains")
def test_a_start_asks_each_foreign_folder_five_times_at_most(path: list[str]) -> None:
    asked = answer_of(
        COUNT
        + """
    import clientobs
    runtime = clientobs.init("tool")
    import threading
    wait = threading.Event()
    for _ in range(600):
        if runtime._parts.delivery.last is not None:
            break
        wait.wait(0.05)
    with clientobs.span("work"):
        pass
    clientobs.shutdown()
    print(json.dumps(asked))
    """,
        environ={"PYTHONPATH": search(path), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
    )
    assert set(asked) == {Path(folder).name for folder in path}
    assert max(asked.values()) <= 5, asked


def test_a_studio_s_own_module_in_front_of_the_standard_library_s_is_the_one_found(path: list[str]) -> None:
    Path(path[3], "shelve.py").write_text("whose = 'the studio'\n")
    answer = answer_of(
        """
        import json, sys
        from clientobs._search_path import each_folder_once
        with each_folder_once():
            import shelve
        print(json.dumps(shelve.whose))
        """,
        environ={"PYTHONPATH": search(path)},
    )
    assert answer == "the studio"


def test_a_module_that_was_put_there_a_moment_ago_is_found(path: list[str]) -> None:
    answer = answer_of(
        """
        import json, os, sys
        from clientobs._search_path import each_folder_once
        with open(os.path.join(sys.argv[1], "arrived_lately.py"), "w") as file:
            file.write("here = True")
        os.utime(sys.argv[1], (1, 1))  # another date than that of the listing in memory
        with each_folder_once():
            import arrived_lately
        print(json.dumps(arrived_lately.here))
        """,
        path[5],
        environ={"PYTHONPATH": search(path)},
    )
    assert answer is True


def test_what_is_nowhere_is_not_found_and_finders_of_others_have_their_turn(path: list[str]) -> None:
    answer = answer_of(
        """
        import json, sys
        from importlib.machinery import PathFinder
        from clientobs._search_path import each_folder_once
        said = []
        with each_folder_once():
            try:
                import nowhere_at_all
            except ModuleNotFoundError as error:
                said.append([str(error), error.name])
        class Last:
            asked = []
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                cls.asked.append(name)
        sys.meta_path.append(Last)
        before = list(sys.meta_path)
        with each_folder_once():
            with each_folder_once():
                try:
                    import nowhere_at_all
                except ModuleNotFoundError as error:
                    said.append([str(error), error.name])
        print(json.dumps([said, Last.asked, sys.meta_path == before]))
        """,
        environ={"PYTHONPATH": search(path)},
    )
    words = ["No module named 'nowhere_at_all'", "nowhere_at_all"]
    assert answer == [[words, words], ["nowhere_at_all"], True]


def test_parts_of_a_namespace_package_are_found_in_each_folder(path: list[str]) -> None:
    for folder in (path[1], path[4]):
        part = Path(folder, "studio_tools")
        part.mkdir()
        (part / f"part_{Path(folder).name}.py").touch()
    answer = answer_of(
        """
        import json
        from clientobs._search_path import each_folder_once
        with each_folder_once():
            import studio_tools.part_foreign1, studio_tools.part_foreign4
        print(json.dumps(len(list(studio_tools.__path__))))
        """,
        environ={"PYTHONPATH": search(path)},
    )
    assert answer == 2


def test_other_threads_import_as_ever(path: list[str]) -> None:
    answer = answer_of(
        """
        import json, sys, threading
        from clientobs._search_path import each_folder_once
        seen = []
        with each_folder_once():
            finder = next(each for each in sys.meta_path if type(each).__name__ == "_Finder")
            other = threading.Thread(target=lambda: seen.append(finder.find_spec("shelve")))
            other.start()
            other.join()
            seen.append(finder.find_spec("shelve").name)
            seen.append(finder.find_spec("json.tool", ["/nowhere"]))
        print(json.dumps(seen))
        """,
        environ={"PYTHONPATH": search(path)},
    )
    assert answer == [None, "shelve", None]


def test_an_interpreter_whose_listings_have_another_name_is_asked_as_ever(
    monkeypatch: pytest.MonkeyPatch, path: list[str]
) -> None:
    monkeypatch.setattr(sys, "path_importer_cache", {folder: object() for folder in path})
    assert _search_path.folders_for("nowhere_at_all", path) == path
