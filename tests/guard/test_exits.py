"""os._exit and os.exec* stay what programs take them for: built-in functions of the module `os`."""

from __future__ import annotations

import errno
import inspect
import os
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from clientobs.guard.exits import ExitWatch

NAMES = ("_exit", "execv", "execve")


@pytest.fixture
def left() -> Iterator[list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    watch = ExitWatch(lambda kind, detail: told.append((kind, detail)), lambda: None)
    watch.install()
    try:
        yield told
    finally:
        watch.uninstall()


@pytest.mark.usefixtures("left")
@pytest.mark.parametrize("name", NAMES)
def test_each_goes_to_another_process_as_the_function_of_that_name_there(name: str) -> None:
    # multiprocessing.Process(target=os._exit, args=(4,)), and a task of a pool of processes
    patched = getattr(os, name)
    assert pickle.loads(pickle.dumps(patched)) is patched


@pytest.mark.usefixtures("left")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't fork")
def test_one_that_a_class_keeps_does_not_become_its_method() -> None:
    class Tool:
        leave: Any = os._exit

    pid = os.fork()
    if not pid:
        Tool().leave(5)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5


@pytest.mark.parametrize("name", NAMES)
def test_each_keeps_its_looks_and_comes_back_unchanged(name: str) -> None:
    before = getattr(os, name)
    watch = ExitWatch(lambda *_: None, lambda: None)
    watch.install()
    try:
        patched = getattr(os, name)
        assert patched is not before
        assert inspect.signature(patched) == inspect.signature(before)
        assert (patched.__name__, patched.__doc__) == (before.__name__, before.__doc__)
        assert (before in os.supports_fd) == (patched in os.supports_fd)
    finally:
        watch.uninstall()
    assert getattr(os, name) is before


def test_an_exec_that_fails_is_told_only_where_the_program_is_there(left: list[tuple[str, str]]) -> None:
    with pytest.raises(FileNotFoundError):
        os.execv("/nowhere/to/be/found", ["found"])
    assert left == []


@pytest.mark.skipif(os.execve not in os.supports_fd, reason="no exec of a descriptor on this system")
def test_an_exec_of_a_descriptor_is_told(left: list[tuple[str, str]]) -> None:
    read_end, write_end = os.pipe()  # no program: the call comes back
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EACCES)):
            os.execve(read_end, ["nothing"], {})
    finally:
        os.close(read_end)
        os.close(write_end)
    assert left == [("exec", f"descriptor {read_end}")]
