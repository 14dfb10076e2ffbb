"""The watch over crashes has one tender at a time: the keeper, or the host's thread after an exec that failed."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from clientobs.guard.fatal_handlers import NO_FILE
from clientobs.runtime.failures import WATCHED_NOTE, Failures

if TYPE_CHECKING:
    from collections.abc import Callable


class Journal:
    """One run, and the notes that were written to it."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder)
        self.notes: list[str] = []

    def note(self, what: str, _values: dict[str, Any], _lane: str) -> None:
        self.notes.append(what)


class Crash:
    """A watch that another thread meets in the middle of what it does."""

    faults, exits, host_file = True, True, NO_FILE

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.amid: dict[str, Callable[[], object]] = {}

    def install(self, folder: str) -> None:
        self._do(f"install {Path(folder).name}")

    def keep(self) -> bool:
        self._do("keep")
        return False

    def leave_to_parent(self) -> None:
        self._do("leave")

    def _do(self, what: str) -> None:
        self.calls.append(what)
        amid = self.amid.pop(what.partition(" ")[0], None)
        if amid is not None:
            on_another_thread(amid)


def on_another_thread(do: Callable[[], object]) -> None:
    thread = threading.Thread(target=do)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits for the thread that it met"


@pytest.fixture
def crash() -> Crash:
    return Crash()


@pytest.fixture
def failures(tmp_path: Path, crash: Crash) -> Failures:
    home: Any = SimpleNamespace(runs=str(tmp_path), path=str(tmp_path))
    made = Failures(home, "maya", "maya", {})
    made._crash = cast("Any", crash)
    return made


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    folder = tmp_path / "run"
    folder.mkdir()
    return Journal(folder)


def test_the_keeper_leaves_alone_a_watch_that_the_host_s_thread_is_beginning(
    failures: Failures, crash: Crash, journal: Any
) -> None:
    crash.amid["install"] = failures.tend
    failures.stayed(journal)
    assert crash.calls == ["install run"]
    assert journal.notes == [WATCHED_NOTE]
    failures.tend()
    assert crash.calls == ["install run", "keep"]


def test_the_host_s_thread_leaves_it_to_the_keeper_that_is_at_it(
    failures: Failures, crash: Crash, journal: Any
) -> None:
    crash.amid["keep"] = lambda: failures.stayed(journal)
    failures.tend()
    assert crash.calls == ["keep", "install run"]  # in the same round: it was left to it in time
    crash.amid["install"] = lambda: failures.stayed(journal)
    failures.stayed(journal)
    assert crash.calls[2:] == ["install run"]


def test_a_child_forked_amid_the_watch_s_beginning_is_watched(
    failures: Failures, crash: Crash, journal: Any
) -> None:
    def as_in_a_child_of_that_moment() -> None:
        failures.after_fork_in_child(journal)
        failures.tend()

    crash.amid["install"] = as_in_a_child_of_that_moment
    failures.stayed(journal)
    assert crash.calls == ["install run", "leave", "keep", "install run"]


def test_a_run_without_a_folder_is_watched_from_when_it_has_one(
    failures: Failures, crash: Crash, tmp_path: Path
) -> None:
    later: Any = Journal(tmp_path / "later")
    failures.stayed(later)
    assert crash.calls == []
    (tmp_path / "later").mkdir()
    failures.tend()
    failures.tend()
    assert crash.calls == ["keep", "install later", "keep"]
    assert later.notes == [WATCHED_NOTE]
