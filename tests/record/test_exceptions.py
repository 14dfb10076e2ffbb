"""The record of an exception: bounded whatever it is, read from no share, holding on to nothing."""

from __future__ import annotations

import gc
import json
import linecache
import sys
import traceback
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.record.stacks import frames_of, tell, text_of
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clientobs.journal.records import LogRecord
    from clientobs.runtime.runtime import Runtime

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as error:  # noqa: BLE001  # whatever it raises is what the test is about
        return error
    raise AssertionError("nothing was raised")


def stack(error: BaseException, *, may_read: bool = True) -> str:
    return text_of(tell(error), lambda _path: may_read)


def fails() -> None:
    raise KeyError("shot")


def chains() -> None:
    try:
        fails()
    except KeyError as error:
        raise ValueError("no shot") from error


def handles() -> None:
    try:
        fails()
    except KeyError:
        raise ValueError("while handling")  # noqa: B904  # the very thing


def suppresses() -> None:
    try:
        fails()
    except KeyError:
        raise ValueError("alone") from None


def deep(left: int = 10_000) -> None:
    deep(left - 1)


def test_it_reads_as_python_s_own_does() -> None:
    error = caught(chains)
    own = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    ours = stack(error)
    marks = [line for line in own.splitlines() if not line or set(line.strip()) - set("~^")]
    assert ours.splitlines() == marks


@pytest.mark.parametrize(
    ("work", "said", "unsaid"),
    [
        (chains, "direct cause", "During"),
        (handles, "During handling", "direct"),
        (suppresses, "alone", "KeyError"),
    ],
)
def test_causes_are_told_as_python_tells_them(work: Callable[[], None], said: str, unsaid: str) -> None:
    text = stack(caught(work))
    assert said in text
    assert unsaid not in text


def test_a_group_has_all_its_exceptions() -> None:
    group = ExceptionGroup("two", [KeyError("shot"), ExceptionGroup("inner", [ValueError("v")])])
    text = stack(group)
    assert "KeyError: 'shot'" in text
    assert "ValueError: v" in text
    assert "two (2 sub-exceptions)" in text


def test_a_recursion_is_short() -> None:
    text = stack(caught(deep))
    assert "RecursionError" in text
    assert "[The same line again and again]" in text
    assert len(text.splitlines()) < 40


def test_a_traceback_of_thousands_of_frames_is_bounded() -> None:
    error = caught(deep)
    assert len(frames_of(error.__traceback__)) <= 121
    assert len(stack(error)) <= 33_000


def test_causes_in_a_circle_come_to_an_end() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert stack(one).count("ValueError: ") == 2


def test_notes_and_syntax_errors_are_told() -> None:
    error = caught(lambda: compile("x = (\n", "shelf.py", "exec"))
    assert isinstance(error, SyntaxError)
    error.__notes__ = ["while loading the shelf", 7]  # type: ignore[list-item]  # nobody checks what is in there
    text = stack(error)
    assert 'File "shelf.py", line 1' in text
    assert text.endswith("while loading the shelf\n")


def test_a_source_file_that_may_not_be_read_is_not(tmp_path: Path) -> None:
    path = tmp_path / "tool.py"
    path.write_text("def run():\n    raise KeyError('x')  # the line\n")
    space: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    error = caught(space["run"])
    linecache.clearcache()
    assert "# the line" not in stack(error, may_read=False)
    assert str(path) not in linecache.cache
    assert "# the line" in stack(error)
    assert str(path) not in linecache.cache
    linecache.getline(str(path), 1)
    assert "# the line" in stack(error, may_read=False)  # the interpreter knows it by now
    linecache.clearcache()


def test_what_is_read_for_a_traceback_is_nobody_s_file_operation(runtime: Runtime, home: Path) -> None:
    with pytest.raises(KeyError), clientobs.span("work"):
        fails()
    assert not [key for key in seen(home).span("work").attributes if key.startswith("file.io")]


def test_a_name_that_is_no_path_is_looked_for_nowhere() -> None:
    space: dict[str, Any] = {}
    exec(compile("def run():\n    raise KeyError", "shelf.py", "exec"), space)
    error = caught(space["run"])
    asked: list[str] = []

    def may_read(path: str) -> bool:
        asked.append(path)
        return True

    assert 'File "shelf.py", line 2, in run' in text_of(tell(error), may_read)
    assert "shelf.py" not in asked


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class CountingError(Exception):
    asked = 0

    def __str__(self) -> str:
        CountingError.asked += 1
        return "counted"


def recorded(home: Path, error: BaseException) -> LogRecord:
    with pytest.raises(type(error)), clientobs.span("work"):
        raise error
    (log,) = seen(home).events("exception")
    return log


def test_a_message_that_can_t_be_read_is_said_to_be_so(runtime: Runtime, home: Path) -> None:
    log = recorded(home, SilentError())
    assert log.attributes["exception.message"] == "(message could not be read: RuntimeError)"


def test_a_message_of_ten_megabytes_is_cut(runtime: Runtime, home: Path) -> None:
    log = recorded(home, ValueError("x" * 10_000_000))
    assert 8_000 < len(log.attributes["exception.message"]) < 9_000
    assert len(log.body) <= 1_024
    assert len(log.attributes["exception.stacktrace"]) < 33_000


def test_an_exception_is_asked_for_its_text_twice_at_the_most(runtime: Runtime, home: Path) -> None:
    CountingError.asked = 0
    recorded(home, CountingError())
    assert CountingError.asked <= 2  # the span's status, and the record


def test_a_memory_error_is_recorded(runtime: Runtime, home: Path) -> None:
    log = recorded(home, MemoryError())
    assert (log.attributes["exception.type"], log.body) == ("MemoryError", "MemoryError")


def test_the_program_s_own_innermost_line_is_named(runtime: Runtime, home: Path) -> None:
    with pytest.raises(ValueError, match="Expecting"), clientobs.span("work"):
        json.loads("{")
    attributes = seen(home).events("exception")[0].attributes
    assert attributes["code.file.path"] == __file__
    assert attributes["code.function.name"] == "test_the_program_s_own_innermost_line_is_named"


def test_local_variables_go_with_it_only_when_asked_for(home: Path) -> None:
    class Node:
        def __repr__(self) -> str:
            raise AssertionError("asked for its text")

    def publish(shot: str, password: str, frames: list[int], node: Node) -> None:
        settings = {"api_key": "a1b2c3", "quality": 3}
        raise ValueError(shot, settings)

    for asked in (False, True):
        clientobs.init("test-tool", exceptions={"locals": asked})
        with pytest.raises(ValueError, match="sh010"), clientobs.span("work"):
            publish("sh010", "hunter" + "2", list(range(500)), Node())
        clientobs.shutdown()
    without, having = seen(home).events("exception") if _first_is_without(home) else _swapped(home)
    assert "exception.locals" not in without.attributes
    told = [text.partition(" publish: ")[2] for text in having.attributes["exception.locals"]]
    assert [text for text in told if text] == [
        "shot = 'sh010'",
        "password = '[redacted]'",
        "frames = '<list of 500>'",
        f"node = '<{Node.__module__}.{Node.__qualname__}>'",
        "settings = {'api_key': '[redacted]', 'quality': 3}",
    ]
    assert "hunter2" not in str(having) and "a1b2c3" not in str(having.attributes["exception.locals"])  # noqa: PT018


def _first_is_without(home: Path) -> bool:
    return "exception.locals" not in seen(home).events("exception")[0].attributes


def _swapped(home: Path) -> list[LogRecord]:
    return seen(home).events("exception")[::-1]


def test_nothing_of_an_exception_is_kept_alive(runtime: Runtime) -> None:
    class Scene:
        pass

    class BrokenError(Exception):
        pass

    def work() -> tuple[weakref.ref[Any], weakref.ref[Any]]:
        scene = Scene()
        try:
            with clientobs.span("load"):
                raise BrokenError(scene)
        except BrokenError as error:
            return weakref.ref(scene), weakref.ref(error)

    refs = work()
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


def test_a_failed_import_says_what_was_missing_for_whom_and_where_from(
    runtime: Runtime, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "plugins"
    (folder / "studio_loader").mkdir(parents=True)
    (folder / "studio_loader" / "__init__.py").write_text("from studio_loader import inner\n")
    (folder / "studio_loader" / "inner.py").write_text("from os import no_such_name\n")
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ImportError), clientobs.span("start-up"):
        __import__("studio_loader")
    attributes = seen(home).events("exception")[0].attributes
    assert attributes["import.missing"] == "os.no_such_name"
    assert attributes["import.module"] == "studio_loader.inner"
    assert attributes["import.chain"] == ["studio_loader", "studio_loader.inner"]
    assert attributes["import.path_entry"] == str(folder)
    assert attributes["import.path_entry.index"] == sys.path.index(str(folder))
    assert attributes["import.interpreter"].startswith(sys.executable)


@pytest.mark.parametrize(
    ("message", "library"),
    [
        (
            "libImath-3_1.so.29: cannot open shared object file: No such file or directory",
            "libImath-3_1.so.29",
        ),
        (
            "dlopen(/x/_core.so, 0x0002): Library not loaded: @rpath/libusd.dylib\n  Referenced from: /x",
            "@rpath/libusd.dylib",
        ),
        (
            "DLL load failed while importing _core: The specified module could not be found.",
            "DLL load failed while importing _core",
        ),
    ],
)
def test_a_missing_library_is_named_as_each_system_names_it(
    runtime: Runtime, home: Path, message: str, library: str
) -> None:
    log = recorded(home, ImportError(message, name="studio._core", path="/x/_core.so"))
    assert log.attributes["import.library"] == library
    assert log.attributes["import.path"] == "/x/_core.so"
    assert log.attributes["import.missing"] == "studio._core"


def test_a_loop_in_a_generator_tells_each_of_its_faults(runtime: Runtime, home: Path) -> None:
    def frames() -> Iterator[int]:
        for frame in range(3):
            try:
                with clientobs.span("render"):
                    fails()
            except KeyError:
                yield frame

    assert list(frames()) == [0, 1, 2]
    assert len(seen(home).events("exception")) == 3
