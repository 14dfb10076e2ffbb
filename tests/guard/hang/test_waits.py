"""Who waits for whom, read from where threads stand."""

from __future__ import annotations

import concurrent.futures
import queue
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


class Asked(dict[str, threading.Lock]):
    asked = 0

    def __getitem__(self, key: str) -> threading.Lock:
        self.asked += 1
        return super().__getitem__(key)


class Unequal:
    """A key with the hash of another, which must not be asked whether it is equal."""

    asked = 0

    def __hash__(self) -> int:
        return hash("rig")

    def __eq__(self, other: object) -> bool:
        Unequal.asked += 1
        return False


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


KEYS = {
    "by a constant": "locks['rig']",
    "by a name": "locks[key]",
    "in a list": "rows[1]",
    "of an object": "own.locks[key]",
}


@pytest.mark.parametrize("way", KEYS)
def test_a_lock_in_a_dict_or_a_list_is_named_by_its_subscript(stage: Stage, way: str) -> None:
    inside, lock = threading.Event(), threading.Lock()
    own = Store()
    own.__dict__["locks"] = {Unequal(): threading.Lock(), "rig": lock}
    known: dict[str, Any] = {"locks": {"rig": lock}, "rows": [threading.Lock(), lock], "own": own}
    known |= {"inside": inside, "gate": stage.gate}
    source = """
def hold(key="rig"):
    with LOCK:
        inside.set()
        gate.wait(30)
def want(key="rig"):
    with LOCK: pass
"""
    exec(source.replace("LOCK", KEYS[way]), known)
    stage.start("export", known["hold"])
    assert inside.wait(10)
    waiting = stage.start("wants", known["want"])
    until(lambda: stands_in(waiting, "want"))
    asked = Unequal.asked
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    found = who_waits(stage.frames_with(waiting), names())
    assert found.sentences == [f"MainThread waits for {KEYS[way]}, held by export"]
    assert Unequal.asked <= asked + 1  # by the thread that has just come to its lock


def test_no_mapping_of_the_host_is_asked_for_a_lock(stage: Stage) -> None:
    inside = threading.Event()
    locks = Asked({"rig": stage.store.lock})

    def hold() -> None:
        with stage.store.lock:
            inside.set()
            stage.gate.wait(30)

    def want() -> None:
        with locks["rig"]:
            pass

    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", want)
    until(lambda: locks.asked)
    asked = locks.asked
    assert who_waits(stage.frames_with(waiting), names()).sentences == []
    assert locks.asked == asked


@pytest.mark.parametrize("way", ["event", "condition", "future", "queue", "semaphore", "join"])
def test_who_waits_to_be_woken_waits_for_nobody_s_lock(stage: Stage, way: str) -> None:
    """The commonest of all waits; to take it for a deadlock was a false alarm in every tool with a worker."""
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    condition, other = threading.Condition(), stage.start("other", stage.gate.wait)
    calls: dict[str, Callable[[], Any]] = {
        "event": stage.gate.wait,
        "condition": lambda: woken(condition),
        "future": future.result,
        "queue": (words := queue.Queue[str]()).get,
        "semaphore": (turns := threading.Semaphore(0)).acquire,
        "join": other.join,
    }
    waiting = stage.start("waiting", calls[way])
    until(lambda: stands_in(waiting, "join" if way == "join" else "wait"))
    found = who_waits(stage.frames_with(waiting), names())
    assert not found.circle
    assert "waiter" not in str(found.sentences)
    stage.gate.set()
    future.set_result(None)
    words.put("")
    turns.release()
    with condition:
        condition.notify_all()


def woken(condition: threading.Condition) -> None:
    with condition:
        condition.wait()


def test_a_thread_that_joins_waits_for_what_the_other_waits_for(stage: Stage) -> None:
    worker = stage.start("worker", lambda: stage.gate.wait() and None)
    held, there = threading.Lock(), threading.Event()

    def holds() -> None:
        with held:
            there.set()
            worker.join()

    def waits() -> None:
        there.wait()
        with held:
            pass

    holder = stage.start("holder", holds)
    waiter = stage.start("waiter", waits)
    until(
        lambda: stands_in(holder, "join") and len(who_waits(stage.frames_with(waiter), names()).sentences) > 1
    )
    found = who_waits(stage.frames_with(waiter), names())
    assert found.sentences == [
        "MainThread waits for held, held by holder",
        "holder waits for the end of worker",
    ]
    assert not found.circle


def test_a_circle_of_others_is_found_from_where_the_main_thread_can_not_be_followed(stage: Stage) -> None:
    first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def one() -> None:
        with first:
            both.wait()
            second.acquire()

    def other() -> None:
        with second:
            both.wait()
            first.acquire()

    threads = [stage.start("one", one), stage.start("other", other)]
    idle = stage.start("idle", stage.gate.wait)
    until(lambda: who_waits(stage.frames_with(idle), names()).circle)
    assert all(thread.is_alive() for thread in threads)
    found = who_waits(stage.frames_with(idle), names())
    first.release()
    assert found.circle
    assert set(found.sentences) >= {
        "one waits for second, held by other",
        "other waits for first, held by one",
    }


def stands_in(thread: threading.Thread, function: str) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    names_above = set()
    while frame is not None:
        names_above.add(frame.f_code.co_name)
        frame = frame.f_back
    return function in names_above
