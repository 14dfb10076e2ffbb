"""What programs do to a recorder that patches `open`: signals, finalizers, other patchers, numbers used twice."""

from __future__ import annotations

import builtins
import importlib
import io
import linecache
import os
import sys
import tempfile
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments.files.books import Book
from clientobs.instruments.files.measures import Measures
from support.programs import answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from instruments.files.conftest import Studio

INTERRUPTED = """
    import gc, json, os, signal, sys, clientobs
    path, nas = sys.argv[1], sys.argv[2]
    open(path, "w").close()
    clientobs.init("t", files={"network": [nas]})
    handled = []

    def interrupt(*_):
        # Armed again when it is through: on a busy machine an interval would interrupt its own handler for ever.
        meddle()
        if handled[-1]:
            signal.setitimer(signal.ITIMER_REAL, 0.0003)

    def meddle():
        # What a host's handler may do: files, spans, a failure.
        with clientobs.span("in the handler"):
            open(path).read()
            open(nas + "/b", "w").close()
            try:
                os.stat(path + ".gone")
            except OSError:
                handled.append(1)

    class Late:
        def __init__(self):
            self.me = self
        def __del__(self):
            meddle()

    if sys.argv[3] == "signal":
        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
    else:
        gc.set_threshold(50)
    for number in range(250):
        if sys.argv[3] != "signal":
            Late()
        with clientobs.span("work"):
            for name in (path, nas + "/a"):
                with open(name, "w") as file:
                    file.write(str(number))
                with open(name) as file:
                    assert file.read() == str(number)
            os.replace(nas + "/a", nas + "/c")
    handled.append(0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    clientobs.shutdown()
    print(json.dumps(len(handled)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs interval timers")
@pytest.mark.parametrize("by", ["signal", "garbage collection"])
def test_a_handler_or_finalizer_that_uses_files_may_run_at_any_point(tmp_path: Path, by: str) -> None:
    """A lock that its own thread waits for would hang the program here."""
    (tmp_path / "nas").mkdir()
    assert answer_of(INTERRUPTED, str(tmp_path / "x"), str(tmp_path / "nas"), by) > 5


def test_the_import_system_and_posix_are_not_touched(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    system = importlib.import_module("nt" if os.name == "nt" else "posix")
    assert system.stat is not os.stat
    assert type(system.stat) is type(system.open) is type(len)
    (studio.disk / "studio_tool.py").write_text("VALUE = 7\n")
    monkeypatch.syspath_prepend(studio.disk)
    with clientobs.span("import"):
        assert importlib.import_module("studio_tool").VALUE == 7
    monkeypatch.delitem(sys.modules, "studio_tool")
    assert not [key for key in studio.summary("import") if key.startswith("file.")]


def test_what_a_traceback_reads_is_not_what_the_program_did(studio: Studio) -> None:
    linecache.clearcache()
    with clientobs.span("tell"):
        try:
            raise ValueError("a line of this file is shown with it")
        except ValueError:
            assert "a line of this file" in traceback.format_exc()
            assert "a line of this file" in traceback.format_exc()
    assert not [key for key in studio.summary("tell") if key.startswith("file.")]


@pytest.mark.parametrize("module", ["os", "io", "shutil", "pathlib", "tempfile"])
def test_a_module_that_is_loaded_anew_works_and_undo_leaves_it_as_it_is(home: Path, module: str) -> None:
    program = """
        import builtins, importlib, json, os, sys, tempfile
        before = builtins.open
        import clientobs
        clientobs.init("t", instruments=["files"])
        module = importlib.reload(importlib.import_module(sys.argv[1]))
        fresh = {name: value for name, value in vars(module).items() if callable(value)}
        with clientobs.span("s"), tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "a"), "w") as file:
                file.write("x")
            assert os.listdir(folder) == ["a"]
        clientobs.shutdown()
        changed = [name for name, value in fresh.items() if vars(module).get(name) is not value]
        print(json.dumps([changed, builtins.open is before]))
    """
    assert answer_of(program, module) == [[], True]


def test_a_host_that_puts_its_own_open_back_is_not_overruled(studio: Studio) -> None:
    """A sandbox saves `open`, replaces it, and restores what it saved: from before us."""
    ours = builtins.open

    def theirs(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs)

    builtins.open = theirs
    with clientobs.span("s"):
        builtins.open(studio.disk / "a", "w").close()
    clientobs.uninstrument("files")
    assert builtins.open is theirs
    builtins.open(studio.disk / "b", "w").close()
    builtins.open = io.open
    assert (studio.disk / "b").exists()
    assert studio.summary("s")["file.io.opened"] == 1


class Lazy:
    """A path that does work of its own when it is asked for, as download-on-demand paths do."""

    def __init__(self, path: Path, then: Callable[[], Any]) -> None:
        self.path = path
        self.then = then

    def __fspath__(self) -> str:
        self.then()
        return str(self.path)


def test_a_path_that_opens_files_when_it_is_asked_recurses_nowhere(studio: Studio) -> None:
    inner = studio.disk / "inner"
    inner.write_text("x")
    asked: list[str] = []
    lazy = Lazy(studio.nas / "outer", lambda: asked.append(inner.read_text()))
    with clientobs.span("s"):
        with open(lazy, "w") as file:
            file.write("there")
        with pytest.raises(FileExistsError):
            os.mkdir(lazy)
        with pytest.raises(FileNotFoundError):
            os.rmdir(Lazy(studio.nas / "gone", lambda: asked.append("x")))
    assert (studio.nas / "outer").read_text() == "there"
    assert asked == ["x"] * 3, "once for each call, by the call itself"
    assert studio.summary("s")["file.io.opened"] == 3


def test_a_number_that_goes_to_a_pipe_is_no_file_on_the_nas_any_more(start: Callable[..., Studio]) -> None:
    """C code closes a descriptor of the NAS and gives its number to a pipe, and a read waits for a child."""
    unseen = pytest.importorskip("posix", reason="the module under os has another name here")
    studio = start(slow_network=0.01)
    with clientobs.span("s"):
        number = os.open(studio.nas / "a", os.O_CREAT | os.O_RDWR)
        os.read(number, 1)  # followed from here on
        reading, writing = os.pipe()
        unseen.dup2(reading, number)
        threading.Timer(0.05, lambda: os.write(writing, b"x")).start()
        assert os.read(number, 1) == b"x"
        for one in (number, reading, writing):
            os.close(one)
    names = [
        span.name for span in studio.recorded().spans
    ]  # on a busy machine the open may be slow, and is told
    assert "s" in names
    assert "file read" not in names


def test_a_file_object_takes_a_descriptor_over(studio: Studio) -> None:
    with clientobs.span("s"):
        number = os.open(studio.nas / "a", os.O_CREAT | os.O_WRONLY)
        with os.fdopen(number, "wb") as file:
            file.write(b"x" * 700)
        with tempfile.NamedTemporaryFile(dir=studio.nas) as temporary:
            temporary.write(b"x" * 300)
        again = os.open(studio.disk / "b", os.O_CREAT | os.O_RDWR)
        os.write(again, b"this is local")
        os.close(again)
    summary = studio.summary("s")
    by_mount = dict(zip(summary["file.io.mounts"], summary["file.io.mounts.written"], strict=True))
    assert by_mount[str(studio.nas)] == 1000


@pytest.mark.parametrize("probe", [os.path.exists, os.path.isfile, os.path.isdir, os.path.islink])
def test_a_text_that_is_no_path_may_be_probed(studio: Studio, probe: Callable[[str], bool]) -> None:
    """Tools ask whether a string is a file or the content of one."""
    with clientobs.span("s"):
        assert probe('{"plates": [' + "1, " * 3000 + "]}") is False
        assert probe("\ud800") is False
        assert probe("a\0b") is False
    found = studio.recorded()
    assert [span.name for span in found.spans] == ["s"]


def test_a_path_of_5000_characters_is_recorded_with_the_error_of_the_system(studio: Studio) -> None:
    path = str(studio.disk / ("x" * 5000))
    with pytest.raises(OSError, match="too long"), clientobs.span("s"):
        open(path)  # noqa: SIM115
    (told,) = [span.attributes for span in studio.recorded().spans if span.name == "file open"]
    assert told["error.code"] == "ENAMETOOLONG"
    assert told["file.path"][:4000] == path[:4000]


def test_what_runs_in_the_middle_of_a_count_may_count_too() -> None:
    """A finalizer or a signal handler ends a span while its own thread is handing over the counts of another."""
    measures = Measures()

    def accounts() -> Iterator[Any]:
        measures.take([])
        measures.write()
        yield from ()

    thread = threading.Thread(target=measures.take, args=(accounts(),), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits for a lock that it holds"


def test_threads_may_note_and_end_at_once(lenient_faults: Any) -> None:
    book, child, stop = Book(1, 1, "", [0]), Book(2, 1, "", [0]), threading.Event()

    def notes() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            child.note("empty", str(number % 16))
            child.follow(str(number % 16), str(number % 7))
            child.remember_written(str(number % 40), 1)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=notes)
    thread.start()
    try:
        for _ in range(3000):
            book.take_child(child)
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert len(book.written) <= 64
    assert len(book.moves) <= 64
