"""The file calls of other threads: whose they are, and for how long they have lasted."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from clientobs import _procfs
from clientobs._procfs import FileCall
from clientobs.guard.hang import others
from clientobs.guard.hang.others import OtherThreads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads what Linux tells of threads"
)
SECOND = 1_000_000_000


class Writer:
    """A thread that stands in the open of a pipe until somebody reads it."""

    def __init__(self, pipe: Path) -> None:
        self.path = str(pipe)
        os.mkfifo(pipe)
        self.thread = threading.Thread(target=lambda: os.close(os.open(self.path, os.O_WRONLY)), daemon=True)

    def stand(self) -> None:
        self.thread.start()
        for _ in range(2000):
            call = _procfs.file_call("self", _procfs.raw_call("self", self.thread.native_id or 0))
            if call is not None and call.path == self.path:
                return
            threading.Event().wait(0.005)
        raise AssertionError("it does not stand there")

    def close(self) -> None:
        if self.thread.ident is not None:
            os.close(os.open(self.path, os.O_RDONLY))
            self.thread.join(10)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = Writer(tmp_path / "pipe")
    yield made
    made.close()


def stuck_since(began: int, looks: OtherThreads, seconds: int = 12) -> str:
    now = time.monotonic_ns()
    looks.look(now)
    looks.look(now + seconds * SECOND)
    call = looks.stuck(began, now + seconds * SECOND, 10 * SECOND)
    return call.path if call is not None else ""


def test_a_thread_that_came_to_its_call_during_the_work_is_the_work_s(writer: Writer) -> None:
    looks = OtherThreads()
    looks.look_first(time.monotonic_ns())
    writer.stand()
    assert stuck_since(time.monotonic_ns() + 3600 * SECOND, looks) == writer.path


def test_one_that_began_with_the_work_is_so_even_if_it_stood_there_at_the_first_look(writer: Writer) -> None:
    began = time.monotonic_ns()
    writer.stand()
    assert stuck_since(began, OtherThreads()) == writer.path


def test_one_that_has_stood_there_since_before_the_work_is_somebody_else_s(writer: Writer) -> None:
    writer.stand()
    assert stuck_since(time.monotonic_ns() + 3600 * SECOND, OtherThreads()) == ""


def test_a_call_that_has_not_lasted_says_nothing(writer: Writer) -> None:
    began = time.monotonic_ns()
    writer.stand()
    assert stuck_since(began, OtherThreads(), seconds=9) == ""


class System:
    """What the system tells of one other thread, which is always in the same read of a pipe."""

    def __init__(self) -> None:
        self.ran = 0
        self.refuses = False

    def list(self, *_ignored: object) -> list[Any]:
        if self.refuses:
            raise OSError("no descriptor left")
        return [type("Entry", (), {"name": "7"})]

    def times(self, *_ignored: object) -> str:
        return str(self.ran)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    made = System()
    monkeypatch.setattr(others, "list_folder", made.list)
    monkeypatch.setattr(_procfs, "raw_call", lambda *_: "0 0x3")
    monkeypatch.setattr(_procfs, "has_run", made.times)
    monkeypatch.setattr(_procfs, "started_seconds", lambda *_: 0.0)
    monkeypatch.setattr(_procfs, "file_call", lambda *_: FileCall(operation="read", path="/tmp/pipe"))
    return made


@pytest.mark.parametrize(("ran", "path"), [(199_999, ""), (200_000, "/tmp/pipe")])
def test_a_thread_that_the_system_has_woken_for_a_moment_has_not_moved_on(
    system: System, ran: int, path: str
) -> None:
    looks = OtherThreads()
    looks.look_first(0)
    system.ran += ran
    assert stuck_since(time.monotonic_ns(), looks) == path


def test_a_listing_that_failed_is_no_first_look(system: System) -> None:
    """Else each thread that is seen later would seem to have come during the work."""
    looks = OtherThreads()
    system.refuses = True
    looks.look_first(0)
    system.refuses = False
    looks.look_first(1)
    assert stuck_since(time.monotonic_ns(), looks) == ""


def test_a_listing_that_failed_in_between_ends_no_thread_s_wait(system: System) -> None:
    looks = OtherThreads()
    looks.look_first(0)
    system.ran += SECOND
    looks.look(SECOND)
    system.refuses = True
    looks.look(6 * SECOND)
    system.refuses = False
    looks.look(12 * SECOND)
    assert looks.stuck(0, 12 * SECOND, 10 * SECOND) is not None
