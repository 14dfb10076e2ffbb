"""Who waits for whom, read from where threads stand."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.guard.hang.stacks import names
from clientobs.guard.hang.waits import who_waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Store:
    asked = 0

    def __init__(self) -> None:
        self.lock = threading.Lock()

    @property
    def tempting(self) -> threading.Lock:
        Store.asked += 1
        return self.lock


class Stage:
    """Threads that stand where they are told to, until the locks are let go."""

    def __init__(self) -> None:
        self.store, self.scene = Store(), threading.RLock()
        self.gate = threading.Event()
        self.threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], Any]) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def frames_with(self, first: threading.Thread) -> dict[int, Any]:
        """Return the frames of all threads, as if `first` were the main one."""
        frames = sys._current_frames()
        main = threading.main_thread().ident or 0
        return {
            main: frames[first.ident or 0],
            **{i: f for i, f in frames.items() if i not in (main, first.ident)},
        }


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.gate.set()
    for thread in made.threads:
        thread.join(10)
        assert not thread.is_alive()


def until(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("not so within 10 s")


def test_a_thread_that_waits_for_one_that_works_is_no_circle(stage: Stage) -> None:
    inside = threading.Event()

    def hold() -> None:
        with stage.store.lock:
            inside.set()
            stage.gate.wait(30)

    def want() -> None:
        with stage.store.lock:
            pass

    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", want)
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    found = who_waits(stage.frames_with(waiting), names())
    assert found.sentences == ["MainThread waits for stage.store.lock, held by export"]
    assert not found.circle


def test_an_acquire_without_a_block_is_seen_as_well(stage: Stage) -> None:
    inside = threading.Event()

    def hold() -> None:
        lock = stage.store.lock
        lock.acquire()
        inside.set()
        stage.gate.wait(30)
        lock.release()

    def want() -> None:
        stage.store.lock.acquire()
        stage.store.lock.release()

    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", want)
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    found = who_waits(stage.frames_with(waiting), names())
    assert found.sentences == ["MainThread waits for stage.store.lock, held by export"]


def test_a_block_that_was_left_holds_nothing(stage: Stage) -> None:
    inside = threading.Event()
    holder = threading.Lock()

    def innocent() -> None:
        with stage.store.lock:
            pass
        inside.set()
        stage.gate.wait(30)

    stage.start("innocent", innocent)
    assert inside.wait(10)
    stage.store.lock.acquire()
    with holder:

        def want() -> None:
            with stage.store.lock:
                pass

        waiting = stage.start("wants", want)
        until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
        found = who_waits(stage.frames_with(waiting), names())
        stage.store.lock.release()
    assert not any("innocent" in sentence for sentence in found.sentences)
    assert not found.circle


def test_no_property_of_the_host_is_run_to_find_a_lock(stage: Stage) -> None:
    inside = threading.Event()

    def hold() -> None:
        with stage.store.lock:
            inside.set()
            stage.gate.wait(30)

    def want() -> None:
        with stage.store.tempting:
            pass

    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", want)
    until(lambda: Store.asked)
    asked = Store.asked
    assert who_waits(stage.frames_with(waiting), names()).sentences == []
    assert Store.asked == asked


def test_a_thread_elsewhere_waits_for_nobody() -> None:
    assert who_waits(sys._current_frames(), names()) == ([], False)
