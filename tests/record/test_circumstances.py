"""What frames know of an exception and it doesn't say: the file, the server, the memory, another Python's binary."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import pickle
import socket
import sys
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.record import shortage
from clientobs.record.circumstances import circumstances_of
from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime


def caught(work: Callable[..., object], *arguments: Any) -> BaseException:
    try:
        work(*arguments)
    except Exception as error:  # noqa: BLE001  # whatever it raises is what the test is about
        return error
    raise AssertionError("nothing was raised")


def read_settings(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        return json.load(file)


def read_cache(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)


def read_at_once(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("read", [read_settings, read_cache, read_at_once], ids=lambda read: read.__name__)
def test_a_parser_s_error_names_the_file_that_it_was_given(
    runtime: Runtime, home: Path, tmp_path: Path, read: Callable[[Path], Any]
) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"shots": [1, 2, {"na')
    with pytest.raises((ValueError, pickle.UnpicklingError)), clientobs.span("load settings"):
        read(path)
    (told,) = seen(home).events("exception")
    assert told.attributes["exception.files"] == [str(path)]


def test_a_system_error_and_a_policy_against_paths_leave_files_out(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{")
    error = caught(read_settings, path)
    assert circumstances_of(error, files=False) == {}

    def fails() -> None:
        with path.open(encoding="utf-8") as file:
            raise OSError(5, "Input/output error", file.name)

    assert circumstances_of(caught(fails), files=True) == {}


def test_a_system_error_without_a_path_names_the_file_that_it_is_about(tmp_path: Path) -> None:
    def lock() -> None:
        with (tmp_path / "scene.lock").open("w") as first, (tmp_path / "scene.lock").open("w") as second:
            fcntl.flock(first, fcntl.LOCK_EX)
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)

    fcntl = pytest.importorskip("fcntl", reason="locks as POSIX has them")
    facts = circumstances_of(caught(lock), files=True)
    assert facts == {"exception.files": [str(tmp_path / "scene.lock")]}


def test_only_files_of_python_s_own_classes_are_looked_at(tmp_path: Path) -> None:
    class Proxy(io.FileIO):
        def __getattribute__(self, name: str) -> Any:
            assert name != "name", "code of the host's was run"
            return super().__getattribute__(name)

    path = tmp_path / "a"
    path.touch()

    def fails() -> None:
        with Proxy(path) as mine, io.BytesIO() as memory, open(path, encoding="utf-8") as text:
            raise ValueError(mine.closed, memory.closed, text.closed)

    assert circumstances_of(caught(fails), files=True)["exception.files"] == [str(path)]


def test_no_variable_of_a_running_function_lives_longer_for_it() -> None:
    class Big:
        pass

    @contextmanager
    def looks() -> Iterator[None]:
        try:
            yield
        except ValueError as error:  # its traceback has the frame of the test, which runs on
            circumstances_of(error, files=True)

    big = Big()
    gone = weakref.ref(big)
    with looks():
        raise ValueError("no")
    del big
    gc.collect()
    assert gone() is None


def refused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_refused_connection_names_the_server(runtime: Runtime, home: Path) -> None:
    port = refused_port()

    def check_out_licence() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()

    with pytest.raises(ConnectionRefusedError), clientobs.span("check out licence"):
        check_out_licence()
    (told,) = seen(home).events("exception")
    assert (told.attributes["server.address"], told.attributes["server.port"]) == ("127.0.0.1", port)


def test_so_does_one_of_asyncio() -> None:
    port = refused_port()
    error = caught(lambda: asyncio.run(asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 5)))
    assert circumstances_of(error, files=True) == {"server.address": "127.0.0.1", "server.port": port}


def test_a_binary_for_another_python_is_named_where_its_module_is_missing(
    runtime: Runtime, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "oiio"
    package.mkdir()
    (package / "__init__.py").write_text("from . import _oiio\n")
    (package / "_oiio.cpython-27-studio.so").touch()
    (tmp_path / "flat_oiio.cp27-studio.pyd").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("oiio", "flat_oiio"):
        with pytest.raises(ImportError), clientobs.span("start-up"):
            __import__(name)
    below, flat = seen(home).events("exception")
    assert below.attributes["import.missing"] == "oiio._oiio"
    assert below.attributes["import.other_builds"] == [str(package / "_oiio.cpython-27-studio.so")]
    assert flat.attributes["import.other_builds"] == [str(tmp_path / "flat_oiio.cp27-studio.pyd")]


BOUNDED = """
import clientobs, resource, sys
clientobs.init("bake", drain="off")
held = []
def grow(*sizes):
    for size in sizes:
        try:
            while True:
                held.append(bytes(size))
        except MemoryError:
            if size == sizes[-1]:
                raise
_, most = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, most))
try:
    with clientobs.span("bake volume"):
        grow(1 << 20, 1 << 14, 1 << 9, 40)  # to the last byte
except MemoryError:
    held.clear()
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
print("lived on")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="bounds the address space as Linux does")
def test_a_memory_error_is_told_though_no_memory_is_left(home: Path) -> None:
    done = run_program(BOUNDED)
    assert (done.stdout, done.stderr) == ("lived on\n", "")
    (told,) = seen(home).events("exception")
    assert told.attributes["exception.type"] == "MemoryError"
    assert "in grow" in told.attributes["exception.stacktrace"]
    assert told.attributes["process.memory.limit"] == 1 << 30
    assert 0.9 * (1 << 30) < told.attributes["process.memory.address_space"] <= 1 << 30
    assert told.attributes["machine.memory.total"] > 0


def test_what_a_memory_error_led_to_tells_of_the_memory_too(runtime: Runtime, home: Path) -> None:
    def bake() -> None:
        try:
            bytearray(1 << 62)
        except MemoryError as error:
            raise RuntimeError("the bake failed") from error

    with pytest.raises(RuntimeError), clientobs.span("bake"):
        bake()
    (told,) = seen(home).events("exception")
    assert told.attributes["process.memory.resident"] > 1 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of memory")
def test_the_reserve_takes_no_memory_of_the_machine() -> None:
    from clientobs.record.vitals import vitals  # noqa: PLC0415  # after the skip

    shortage.RESERVE.clear()
    for size in (
        30 << 20,
        8 << 20,
    ):  # as a host that has run for a while: malloc now has untouched pages of its own
        bytes(size)
    before = vitals()["process.memory.resident"]
    shortage.keep_reserve()
    assert len(shortage.RESERVE[0]) == 4 << 20
    assert vitals()["process.memory.resident"] - before < 1 << 20
    shortage.RESERVE.clear()
