"""The keeper beside a fork: what it holds must not be held for ever in the child."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from clientobs import _fork
from clientobs.runtime.keeper import Chore, Keeper
from support.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


class Busy:
    """A chore that holds a lock for a while, as an import does."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = threading.Event()

    def __call__(self) -> None:
        with self.lock:
            self.inside.set()
            threading.Event().wait(0.05)


@pytest.fixture
def busy() -> Iterator[Busy]:
    chore = Busy()
    keeper = Keeper([Chore("busy", 0.0, chore)])
    _fork.around(keeper.pause, keeper.resume)
    keeper.start()
    yield chore
    for callback in (keeper.pause, keeper.resume):
        _fork.forget(callback)
    keeper.stop()
    keeper.join(5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # other tests' threads may live still
def test_a_debugger_that_stops_all_threads_is_asked_to_leave_ours_alone() -> None:
    keeper = Keeper()
    keeper.start()
    (thread,) = [one for one in threading.enumerate() if one.name == "clientobs-keeper"]
    assert thread.pydev_do_not_trace  # type: ignore[attr-defined]  # pydevd's own convention
    keeper.stop()
    keeper.join(10)


def test_what_is_urgent_is_done_again_amid_a_round_that_takes_long() -> None:
    clock, done = [0.0], []

    def take(name: str, seconds: float) -> Callable[[], None]:
        def chore() -> None:
            done.append(name)
            clock[0] += seconds

        return chore

    keeper = Keeper(
        [
            Chore("watch", 0.0, take("watch", 0.01), urgent=True),
            Chore("short", 0.0, take("short", 0.1)),
            Chore("disk", 0.0, take("disk", 3.0)),
            Chore("last", 0.0, take("last", 0.1)),
        ],
        mono=lambda: clock[0],
    )
    keeper._tick(threading.Event())
    assert done == ["watch", "short", "disk", "watch", "last"]
    stopped = threading.Event()
    stopped.set()
    keeper._tick(stopped)
    assert done[5:] == []


def test_a_forked_child_finds_no_lock_that_the_keeper_held(busy: Busy) -> None:
    assert busy.inside.wait(10)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if busy.lock.acquire(timeout=1) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_fork_warns_of_no_thread_of_ours_and_the_keeper_goes_on() -> None:
    done = run_program(
        """
        import os, threading, clientobs
        clientobs.init("tool")
        for _ in range(3):
            pid = os.fork()
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
        with clientobs.span("work"):
            pass
        assert [thread.name for thread in threading.enumerate()] == ["MainThread", "clientobs-keeper"]
        """,
        flags=("-W", "error"),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_keeper_goes_on_where_the_first_record_of_a_lane_comes_after_the_fork() -> None:
    done = run_program(
        """
        import os, threading, clientobs
        from clientobs.runtime import chores
        chores.chores_of = lambda *parts: []  # whose records would open the lane
        from clientobs.runtime import start
        start.chores_of = chores.chores_of
        clientobs.init("tool")
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        with clientobs.span("work"):
            pass
        assert [thread.name for thread in threading.enumerate()] == ["MainThread", "clientobs-keeper"]
        """,
        flags=("-W", "error"),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_handler_that_forks_amid_the_start_leaves_one_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler's fork pauses and resumes on the thread that is starting the keeper."""
    ticks = threading.Semaphore(0)
    runners: set[int] = set()

    def chore() -> None:
        runners.add(threading.get_ident())
        ticks.release()

    keeper = Keeper([Chore("noted", 0.0, chore)])
    keeper.hurry(quick=True)
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        keeper.pause()
        keeper.resume()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    keeper.start()
    _fork.settle()  # as the next record does
    for _ in range(5):
        assert ticks.acquire(timeout=10)
    keeper.stop()
    keeper.join(5)
    assert len(runners) == 1
