"""The exit status of a process that is nobody's child here, where the kernel tells it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.deaths import exit_handle
from clientobs.drain.deaths.exit_handle import ExitHandle

if TYPE_CHECKING:
    from collections.abc import Iterator

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.readline()
child.stdin.close()
if sys.argv[2] == "asks": child.wait()
sys.stdin.readline()
"""
ENDS = {
    "import os; os.read(0, 1); os._exit(7)": 7,
    "import os; os.read(0, 1); os.abort()": -signal.SIGABRT,
    "import os; os.read(0, 1); os.kill(os.getpid(), 15)": -signal.SIGTERM,
    "import os; os.read(0, 1)": 0,
}


def tells() -> bool:
    handle = ExitHandle(os.getpid())
    try:
        return handle._descriptor is not None
    finally:
        handle.close()


needs_kernel = pytest.mark.skipif(
    not tells(), reason="this kernel tells nobody but the parent (before Linux 6.15)"
)


@pytest.fixture
def family(request: pytest.FixtureRequest) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Start a child of a child, which ends when its parent is told to go on; return its pid."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        yield int(parent.stdout.readline()), parent


def go_on(parent: subprocess.Popen[str]) -> None:
    assert parent.stdin is not None
    parent.stdin.write("\n")
    parent.stdin.flush()


@needs_kernel
@pytest.mark.parametrize(
    ("family", "status"), [((end, "asks"), status) for end, status in ENDS.items()], indirect=["family"]
)
def test_the_status_of_another_s_child_is_known(
    family: tuple[int, subprocess.Popen[str]], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exit_handle, "_REAPED_WITHIN", 30)
    pid, parent = family
    handle = ExitHandle(pid)
    go_on(parent)
    assert handle.status() == status
    handle.close()
    assert handle.status() is None


@needs_kernel
@pytest.mark.parametrize("family", [("import os; os.read(0, 1)", "leaves it")], indirect=True)
def test_a_zombie_and_the_living_tell_nothing(
    family: tuple[int, subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exit_handle, "_REAPED_WITHIN", 0.1)
    pid, parent = family
    handle = ExitHandle(pid)
    assert handle.status() is None
    go_on(parent)
    assert handle.status() is None
    handle.close()


def test_a_kernel_that_has_no_such_question_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exit_handle, "_GET_INFO", 0xFFFE)
    handle = ExitHandle(os.getpid())
    assert (handle.status(), handle._descriptor) == (None, None)


def test_who_is_gone_has_no_handle() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    child.wait(30)
    assert ExitHandle(child.pid).status() is None
