"""The fingerprint: one fault is one, whoever meets it; two are two. On tracebacks as three systems write them."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clientobs
from clientobs.record.fingerprints import Frame, Link, fingerprint, is_own, name_of_file
from clientobs.record.stacks import links_of, tell
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime

# One fault, as three artists had it: another system, another release of the tool, another Python.
LINUX = """
  File "/usr/lib/python3.10/runpy.py", line 196, in _run_module_as_main
  File "/mnt/tools/publish/1.4.0/python/publish/__main__.py", line 12, in <module>
  File "/mnt/tools/publish/1.4.0/python/publish/main.py", line 88, in run
  File "/mnt/tools/publish/1.4.0/python/publish/collect/__init__.py", line 31, in collect
  File "/mnt/tools/publish/1.4.0/python/publish/collect/__init__.py", line 40, in <listcomp>
  File "/opt/rez/packages/studio_io/2.0/python/studio_io/reader.py", line 7, in read
  File "/usr/lib/python3.10/pathlib.py", line 1134, in read_text
"""
WINDOWS = r"""
  File "C:\Program Files\Autodesk\Maya2025\Python\Lib\runpy.py", line 198, in _run_module_as_main
  File "Z:\tools\publish\1.5.2\python\publish\__main__.py", line 14, in <module>
  File "Z:\tools\publish\1.5.2\python\publish\main.py", line 97, in run
  File "Z:\tools\publish\1.5.2\python\publish\collect\__init__.py", line 33, in collect
  File "C:\rez\packages\studio_io\2.1\python\studio_io\reader.py", line 9, in read
  File "C:\Program Files\Autodesk\Maya2025\Python\Lib\pathlib.py", line 1058, in read_text
  File "C:\Program Files\Autodesk\Maya2025\Python\Lib\pathlib.py", line 1044, in open
"""
MACOS = """
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "/Volumes/tools/publish/1.5.2/python/publish/__main__.py", line 14, in <module>
  File "/Volumes/tools/publish/1.5.2/python/publish/main.py", line 97, in run
  File "/Volumes/tools/publish/1.5.2/python/publish/collect/__init__.py", line 33, in collect
  File "/Users/kim/rez/packages/studio_io/2.1/python/studio_io/reader.py", line 9, in read
  File "/Library/Frameworks/Python.framework/Versions/3.13/lib/python3.13/pathlib/_local.py", line 546, in read_text
"""
ENTRY = re.compile(r'File "(.+?)", line \d+, in (.+)')


def link(text: str, kind: str = "FileNotFoundError", detail: str = "") -> Link:
    return Link(kind, [Frame(*entry) for entry in ENTRY.findall(text)], detail)


def test_one_fault_on_three_systems_is_one() -> None:
    assert len({fingerprint([link(text)]) for text in (LINUX, WINDOWS, MACOS)}) == 1


def test_it_is_what_it_was() -> None:
    """A changed algorithm needs another number: a back end has groups by the old one."""
    assert fingerprint([link(LINUX)]) == "1-d4f68fc47076cecc"


@pytest.mark.parametrize(
    "other",
    [
        link(LINUX, "PermissionError"),
        link(LINUX.replace("in read\n", "in read_all\n")),
        link(LINUX.replace("reader.py", "loader.py")),
        link(LINUX, detail="ENOSPC"),
    ],
)
def test_another_class_function_file_or_detail_is_another_fault(other: Link) -> None:
    assert fingerprint([other]) != fingerprint([link(LINUX)])


def test_the_way_in_does_not_count() -> None:
    from_a_farm = LINUX.replace("__main__.py", "farm.py").replace("<module>", "task")
    deeper = '  File "/mnt/tools/farm/worker.py", line 3, in start\n' + from_a_farm
    five = [f'  File "/mnt/t/s{number}.py", line 1, in f{number}\n' for number in range(5)]
    assert fingerprint([link("".join([LINUX, *five]))]) == fingerprint([link("".join([deeper, *five]))])


def test_a_recursion_is_one_fault_however_deep() -> None:
    step = (
        '  File "/mnt/tools/graph.py", line 5, in visit\n  File "/mnt/tools/graph.py", line 9, in children\n'
    )
    assert len({fingerprint([link(step * times, "RecursionError")]) for times in (2, 3, 500)}) == 1


def test_a_group_is_what_is_in_it() -> None:
    def group(*parts: Link) -> str:
        return fingerprint([Link("ExceptionGroup", (), "", [[part] for part in parts])])

    one, two = link(LINUX), link(LINUX, "PermissionError")
    assert group(one, two) == group(two, one) == group(two, one, one)
    assert group(one) != group(two)


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/usr/lib/python3.11/subprocess.py", False),
        ("/usr/lib/python3/dist-packages/studio/io.py", True),
        ("/opt/hfs20.5/python/lib/python3.11/threading.py", False),
        ("/opt/hfs20.5/python/lib/python3.11/site-packages/studio/io.py", True),
        (r"C:\Python311\Lib\json\__init__.py", False),
        (r"C:\Python311\Lib\site-packages\studio\io.py", True),
        (r"C:\Program Files\Side Effects Software\Houdini 20.5\python311\lib\threading.py", False),
        ("/mnt/studio/python/lib/publish.py", True),
        ("/usr/lib/python311.zip/os.py", False),
        ("<frozen importlib._bootstrap>", False),
        ("<string>", True),
        ("<maya console>", True),
        ("/opt/x/lib/python3.11/site-packages/clientobs/record/traced.py", False),
    ],
)
def test_whose_a_frame_is(path: str, own: bool) -> None:
    assert is_own(Frame(path, "f")) is own


NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
FOLDERS = st.lists(st.from_regex(r"[A-Za-z0-9_. -]{1,12}", fullmatch=True), max_size=5)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=12), FOLDERS, FOLDERS)
def test_folders_and_systems_never_count(
    places: list[tuple[str, str]], one: list[str], two: list[str]
) -> None:
    def chain(root: str, sep: str, folders: list[str]) -> list[Link]:
        at = sep.join([root, "studio", *folders])
        return [Link("KeyError", [Frame(f"{at}{sep}{file}.py", name) for file, name in places])]

    assert fingerprint(chain("/mnt", "/", one)) == fingerprint(chain("Z:", "\\", two))


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_any_text_has_one(path: str, function: str, kind: str) -> None:
    made = fingerprint([Link(kind, [Frame(path, function)])])
    assert re.fullmatch(r"1-[0-9a-f]{16}", made)
    assert isinstance(name_of_file(path), str)


def test_a_decorator_of_ours_and_a_message_don_t_count(runtime: Runtime, home: Path) -> None:
    def load(shot: str) -> None:
        raise KeyError(shot)

    traced = clientobs.traced("load")(load)
    found = []
    for call, shot in ((load, "sh010"), (traced, "sh020")):
        try:
            call(shot)
        except KeyError as error:
            found.append(fingerprint(links_of(tell(error))))
    assert found[0] == found[1]
    assert seen(home).events("exception")[0].attributes["exception.fingerprint"] == found[0]


def test_what_an_import_lacks_and_the_number_of_an_error_count() -> None:
    def of(error: BaseException) -> str:
        return fingerprint(links_of(tell(error)))

    assert of(ImportError("x", name="hou")) != of(ImportError("x", name="maya"))
    assert of(OSError(28, "full")) != of(OSError(5, "broken"))
    assert of(OSError(28, "full")) == of(OSError(28, "voll", "D:\\x"))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups are Python's own from 3.11 on")
def test_a_real_group_has_one() -> None:
    group = ExceptionGroup("two", [ValueError("a"), KeyError("b")])  # noqa: F821  # from 3.11 on
    again = ExceptionGroup("other words", [KeyError("c"), ValueError("d")])  # noqa: F821
    assert fingerprint(links_of(tell(group))) == fingerprint(links_of(tell(again)))


def test_a_fault_has_one_fingerprint_wherever_on_its_way_it_is_looked_at(
    runtime: Runtime, home: Path
) -> None:
    def inner() -> None:
        with clientobs.span("inner"):
            raise KeyError("shot")

    def outer() -> None:
        try:
            inner()
        except KeyError:
            logging.getLogger("studio").exception("further out")

    outer()
    told = [log for log in seen(home).logs if "exception.type" in log.attributes]
    assert len(told) == 2
    assert len({log.attributes["exception.fingerprint"] for log in told}) == 1


def test_a_line_that_has_moved_is_the_same_fault() -> None:
    found = set()
    for above in ("", "\n\n\n"):
        space: dict[str, object] = {}
        source = f"{above}def run():\n    raise KeyError\n"
        exec(compile(source, "/mnt/tools/publish/main.py", "exec"), space)
        try:
            space["run"]()  # type: ignore[operator]  # the function
        except KeyError as error:
            found.add(fingerprint(links_of(tell(error))))
    assert len(found) == 1
