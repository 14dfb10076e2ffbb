"""open() gives what it gave before, and its files are heard of all the same."""

from __future__ import annotations

import _io
import builtins
import bz2
import codecs
import copy
import gzip
import io
import lzma
import os
import pathlib
import pickle
import subprocess
import sys
import tarfile
import tempfile
import threading
import warnings
import weakref
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from support.programs import answer_of, run_program
from support.readback import seen

if TYPE_CHECKING:
    from instruments.files.conftest import Studio

MODES = ["r", "rb", "w", "wb", "a", "ab", "r+", "r+b", "w+", "w+b", "xb"]


def kinds(handle: Any) -> list[type]:
    buffer = getattr(handle, "buffer", handle)
    return [type(handle), type(buffer), type(getattr(buffer, "raw", buffer))]


@pytest.mark.parametrize("where", ["disk", "nas"])
@pytest.mark.parametrize("mode", MODES)
def test_the_types_are_the_real_ones(studio: Studio, where: str, mode: str) -> None:
    path = getattr(studio, where) / "plate.txt"
    if "x" not in mode:
        path.write_text("plate")
    with open(path, mode) as ours:
        found = kinds(ours)
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(ours)
        assert ours.mode == mode if "b" not in mode else True
    if "x" in mode:
        path.unlink()
    clientobs.shutdown()
    with open(path, mode) as theirs:
        assert found == kinds(theirs)
        assert found[2] is _io.FileIO


def test_one_object_stands_under_both_names(studio: Studio) -> None:
    assert io.open is builtins.open


def test_bytes_are_counted_without_a_word_from_the_program(studio: Studio) -> None:
    with clientobs.span("cache"):
        with open(studio.disk / "a.bin", "wb") as file:
            file.write(b"x" * 10_000)
        with open(studio.disk / "b.txt", "w") as text:
            text.writelines(f"{line}\n" for line in range(1000))
        with open(studio.disk / "a.bin", "rb") as file:
            file.read(4096)
        (studio.disk / "b.txt").read_text()
    summary = studio.summary("cache")
    size = sum(len(f"{line}\n") for line in range(1000))
    assert summary["file.io.written"] == 10_000 + size
    assert 4096 + size <= summary["file.io.read"] <= 10_000 + size  # the buffer reads ahead
    assert summary["file.io.opened"] == 4


@pytest.mark.parametrize("number", [31, 33, 320, 1600])
def test_many_small_files_are_sampled_and_the_summary_says_so(studio: Studio, number: int) -> None:
    path = studio.disk / "small"
    path.write_bytes(b"1234567890")
    with clientobs.span("many"):
        for _ in range(number // 2):
            with open(path, "rb") as file:
                file.read()
            with path.open("rb") as file:  # by the longer way: both take their turns
                file.read()
        with open(path, "rb") as file:
            file.read()
    summary = studio.summary("many")
    opened = number // 2 * 2 + 1
    assert summary["file.io.opened"] == summary["file.io.operations"] == opened
    assert summary.get("file.io.read.estimated", False) is (opened > 32)
    assert summary["file.io.read"] == pytest.approx(opened * 10, rel=0.1)


def test_a_file_is_closed_when_the_last_name_for_it_goes(studio: Studio) -> None:
    for folder in (studio.disk, studio.nas):
        path = folder / "a.txt"
        path.write_text("x")
        for mode in ("r", "rb", "w", "r+b"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                handle = open(path, mode)  # noqa: SIM115  # that nobody closes it is the point
                number = handle.fileno()
                layers: Any = getattr(handle, "buffer", handle)
                raw = weakref.ref(layers.raw)
                del layers
                del handle
                with suppress(
                    OSError
                ):  # closed; our own thread may have taken the number for a file of its own
                    assert not os.path.samestat(os.fstat(number), os.stat(path))
            (warning,) = caught
            assert warning.category is ResourceWarning
            assert warning.filename == __file__
            del warning
            caught.clear()  # a ResourceWarning keeps its source
            assert raw() is None, "garbage was left for the collector"


CIRCLES = """
    import gc, json, os, sys
    gc.disable()
    numbers, found = [], []
    for mode in ("w", "wb", "r+b"):
        for own in (False, True):
            path = sys.argv[1]
            open(path, "w").close()
            file = open(path, mode)
            file.write("must arrive" if mode == "w" else b"must arrive")
            numbers.append((file.fileno(), os.fstat(file.fileno())[1:3]))
            holder = file if own else type("Holder", (), {})()
            holder.me, holder.file = holder, file
            del holder, file
            gc.collect()
            found.append(open(path).read())
    for number, identity in numbers:
        try:
            if os.fstat(number)[1:3] == identity:
                found.append("a file is still open")
        except OSError:
            pass
    print(json.dumps(found))
"""


@pytest.mark.parametrize("network", [False, True])
def test_a_file_in_a_circle_ends_as_it_does_without_us(tmp_path: Path, network: bool) -> None:
    """The garbage collector finalizes it: with the very same outcome, for data, descriptor and standard error."""
    start = (
        f"    import clientobs; clientobs.init('t', files={{'network': [{str(tmp_path)!r}] * {network:d}}})"
    )
    path = str(tmp_path / "circle")
    bare = run_program(CIRCLES, path)
    ours = run_program(start + CIRCLES, path)
    assert bare.returncode == ours.returncode == 0, ours.stderr
    assert (ours.stdout, ours.stderr) == (bare.stdout, bare.stderr)


def test_errors_of_a_closed_file_are_those_of_the_io_module(studio: Studio) -> None:
    path = studio.nas / "a.bin"
    path.write_bytes(b"x")
    handle = open(path, "r+b")  # noqa: SIM115
    handle.close()
    handle.close()
    for call in (handle.read, handle.flush, lambda: handle.write(b"x"), handle.raw.readall, handle.raw.tell):
        with pytest.raises(ValueError, match="closed file"):
            call()


TAKEN_APART = """
    import gc, json, os, subprocess, sys
    gc.disable()
    found = []

    def tell(function):
        try:
            found.append(str(function()))
        except Exception as error:
            found.append(repr(error))

    def kept(name, mode):
        file = open(path, mode)
        method = getattr(file.raw, name)
        del file
        return method

    path = sys.argv[1]
    tell(lambda: open(path, "wb").detach().write(b"frame"))
    tell(lambda: os.path.getsize(path))
    tell(lambda: open(path, "w").detach().detach().write(b"frames"))
    tell(lambda: open(path, "rb").detach().read())
    tell(lambda: open(path, "rb").detach().readinto(bytearray(3)))
    tell(lambda: open(path, "r+b").detach().readall())
    write = open(path, "wb").detach().write
    tell(lambda: write(b"1") + write(b"2"))
    tell(lambda: os.path.getsize(path))
    for name, *arguments in (("write", b"x"), ("readinto", bytearray(2)), ("read", 1), ("readall",), ("close",)):
        method = kept(name, "r+b")
        filler = [bytes([255]) * size for size in range(16, 400) for _ in range(40)]  # where it may have lain
        tell(lambda: method(*arguments))
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    write, read, close = child.stdin.raw.write, child.stdout.raw.read, child.stdout.raw.close
    child.stdin.close(), child.wait(), child.stdout.close()
    del child
    filler = [bytes([255]) * size for size in range(16, 400) for _ in range(40)]
    tell(lambda: write(b"x"))
    tell(lambda: read(1))
    tell(close)
    tell(lambda: subprocess.Popen(["echo", "hello"], stdout=subprocess.PIPE).stdout.detach().read())
    print(json.dumps(found))
"""


@pytest.mark.skipif(os.name != "posix", reason="runs cat and echo")
@pytest.mark.parametrize("network", [False, True])
def test_a_file_taken_apart_lives_as_long_as_without_us(tmp_path: Path, network: bool) -> None:
    """Its methods, kept apart from it, hold it; and nothing is looked up that is no more."""
    start = (
        f"    import clientobs; clientobs.init('t', files={{'network': [{str(tmp_path)!r}] * {network:d}}})"
    )
    path = str(tmp_path / "frame")
    bare = run_program(TAKEN_APART, path)
    ours = run_program(start + TAKEN_APART, path)
    assert bare.returncode == ours.returncode == 0, ours.stderr
    assert ours.stdout == bare.stdout


def test_wrong_arguments_get_the_original_s_own_words(studio: Studio) -> None:
    wrong: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), {}),
        (("a",), {"mod": "r"}),
        (("a", "z"), {}),
        (("a", "r", -1, None, None, None, True, None, 9), {}),
        (("a", "rb"), {"encoding": "utf-8"}),
        (("a\0b",), {}),
        ((1.5,), {}),
        ((None,), {}),
    ]
    ours = [words_of(open, args, kwargs) for args, kwargs in wrong]
    clientobs.shutdown()
    assert ours == [words_of(open, args, kwargs) for args, kwargs in wrong]


def words_of(function: Any, args: Any, kwargs: Any) -> tuple[str, str]:
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*args, **kwargs)
    return type(caught.value).__name__, str(caught.value)


def test_warnings_point_at_the_line_that_opened(studio: Studio) -> None:
    for line_buffered in (1, True):
        with pytest.warns(RuntimeWarning, match="line buffering") as caught:
            open(studio.disk / "a", "wb", line_buffered).close()
        assert caught[0].filename == __file__


def test_a_truth_value_as_a_descriptor_is_warned_of_as_python_does(studio: Studio) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        handle = open(True, "w", closefd=False)  # noqa: SIM115
    assert handle.name is True
    expected = ["bool is used as a file descriptor"] if sys.version_info >= (3, 13) else []
    assert [str(one.message) for one in caught] == expected
    assert all(one.filename == __file__ for one in caught)


def test_the_warning_about_encodings_points_at_the_program(home: Path) -> None:
    program = """
        import json, tempfile, warnings, clientobs
        clientobs.init("t")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with tempfile.TemporaryDirectory() as folder:
                open(folder + "/a", "w").close()
        print(json.dumps([[str(w.message), w.filename] for w in caught if w.category is EncodingWarning]))
    """
    (found,) = answer_of(program, flags=("-X", "warn_default_encoding"))
    assert found == ["'encoding' argument not specified", "<string>"]


SETS = ("supports_dir_fd", "supports_fd", "supports_follow_symlinks", "supports_effective_ids")


def test_what_the_system_supports_holds_for_the_patched_names_and_is_put_back(home: Path) -> None:
    before = {name: set(getattr(os, name)) for name in SETS}
    named = {name: {each.__name__ for each in members} for name, members in before.items()}
    clientobs.init("t")
    for name in SETS:
        members = getattr(os, name)
        assert {each for each in named[name] if getattr(os, each, None) not in members} == set(), name
    clientobs.shutdown()
    assert {name: set(getattr(os, name)) for name in SETS} == before


def test_rmtree_keeps_its_defence_where_shutil_is_imported_after_us(home: Path) -> None:
    program = """
        import json, sys, clientobs
        clientobs.init("t")
        clientobs.shutdown()
        sys.modules.pop("shutil", None)
        clientobs_off = __import__("shutil").rmtree.avoids_symlink_attacks
        del sys.modules["shutil"]
        runtime = clientobs.init("t")
        clientobs_on = __import__("shutil").rmtree.avoids_symlink_attacks
        print(json.dumps([clientobs_off, clientobs_on, "shutil.rmtree" in runtime.patched]))
    """
    off, on, is_patched = answer_of(program)
    assert off == on
    assert is_patched


def test_what_stands_on_open_comes_through_here(studio: Studio) -> None:
    disk = studio.disk
    with clientobs.span("all"):
        (disk / "1").write_bytes(b"x")
        codecs.open(str(disk / "2"), "w", "utf-8").close()
        gzip.open(disk / "3", "w").close()
        bz2.open(disk / "4", "w").close()
        lzma.open(disk / "5", "w").close()
        zipfile.ZipFile(disk / "6", "w").close()
        tarfile.open(disk / "7", "w").close()
        with tempfile.NamedTemporaryFile(dir=disk):
            pass
        os.fdopen(os.open(disk / "8", os.O_CREAT | os.O_WRONLY), "w").close()
        pathlib.Path(disk / "9").touch()
    summary = studio.summary("all")
    assert summary["file.io.opened"] >= 8
    assert summary["file.io.operations"] >= 11


def test_extracted_methods_of_a_file_without_a_buffer_keep_it_open(studio: Studio) -> None:
    path = studio.nas / "a.bin"
    path.write_bytes(b"12345")
    read: Any = open(path, "rb", 0).read  # noqa: SIM115
    assert read(2) == b"12"
    assert read() == b"345"
    read.__self__.close()


def test_threads_and_a_fork_each_count_for_themselves(studio: Studio) -> None:
    path = studio.disk / "a"
    path.write_bytes(b"x")

    def work() -> None:
        with clientobs.span("in-thread"):
            for _ in range(50):
                open(path, "rb").close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opened = [s.attributes["file.io.opened"] for s in studio.recorded().spans if s.name == "in-thread"]
    assert opened == [50] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_opens_files_as_ever(home: Path, tmp_path: Path) -> None:
    program = """
        import json, os, sys, clientobs
        clientobs.init("t")
        with clientobs.span("parent"):
            open(sys.argv[1], "w").close()
            child = os.fork()
            if child == 0:
                with clientobs.span("child"):
                    open(sys.argv[1]).read()
                    os.stat(sys.argv[1])
                os._exit(0)
            print(json.dumps(os.waitpid(child, 0)[1]))
    """
    assert answer_of(program, str(tmp_path / "x"), flags=("-W", "ignore")) == 0  # 3.12 warns of threads
    found = seen(home)
    assert found.span("child").attributes["file.io.opened"] == 1
    assert found.span("parent").attributes["file.io.opened"] == 1


def test_a_child_process_gets_the_descriptor_that_it_was_given(studio: Studio) -> None:
    path = studio.nas / "out.txt"
    with open(path, "wb") as file:
        subprocess.run([sys.executable, "-c", "print('words')"], stdout=file, check=True)
    assert path.read_text().strip() == "words"


def test_open_can_be_copied_like_the_function_that_it_stands_for(studio: Studio) -> None:
    for function in (open, os.stat, os.replace):
        assert copy.copy(function) == copy.deepcopy(function) == function
