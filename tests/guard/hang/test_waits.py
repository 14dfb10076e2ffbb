"""Who waits for whom, read from where threads stand."""

from __future__ import annotations

import re
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.guard.hang.stacks import names
from clientobs.guard.hang.waits import who_waits
from support.standing_threads import stands_in, until, woken

if TYPE_CHECKING:
    from support.standing_threads import StandingThreads


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


def test_a_thread_that_waits_for_one_that_works_is_no_circle(stage: StandingThreads) -> None:
    store = Store()
    inside = threading.Event()

    def hold() -> None:
        with store.lock:
            inside.set()
            stage.gate.wait(30)

    def want() -> None:
        with store.lock:
            pass

    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", want)
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    found = who_waits(stage.frames_with(waiting), names())
    assert found.sentences == [
        "MainThread waits for store.lock, held by export",
        "export waits for stage.gate to be set",
    ]
    assert not found.circle


def test_an_acquire_without_a_block_is_seen_as_well(stage: StandingThreads) -> None:
    store = Store()
    inside = threading.Event()

    def hold() -> None:
        lock = store.lock
        lock.acquire()
        inside.set()
        stage.gate.wait(30)
        lock.release()

    def want() -> None:
        store.lock.acquire()
        store.lock.release()

    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", want)
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    found = who_waits(stage.frames_with(waiting), names())
    assert found.sentences == [
        "MainThread waits for store.lock, held by export",
        "export waits for stage.gate to be set",
    ]


def test_a_block_that_was_left_holds_nothing(stage: StandingThreads) -> None:
    store = Store()
    inside = threading.Event()
    holder = threading.Lock()

    def innocent() -> None:
        with store.lock:
            pass
        inside.set()
        stage.gate.wait(30)

    stage.start("innocent", innocent)
    assert inside.wait(10)
    store.lock.acquire()
    with holder:

        def want() -> None:
            with store.lock:
                pass

        waiting = stage.start("wants", want)
        until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
        found = who_waits(stage.frames_with(waiting), names())
        store.lock.release()
    assert not any("innocent" in sentence for sentence in found.sentences)
    assert not found.circle


def test_no_property_of_the_host_is_run_to_find_a_lock(stage: StandingThreads) -> None:
    store = Store()
    inside = threading.Event()

    def hold() -> None:
        with store.lock:
            inside.set()
            stage.gate.wait(30)

    def want() -> None:
        with store.tempting:
            pass

    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", want)
    until(lambda: Store.asked)
    asked = Store.asked
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    (said,) = who_waits(stage.frames_with(waiting), names()).sentences
    assert re.fullmatch(
        r"MainThread waits for 'store.tempting' \(line \d+ of test_waits.py\), which can't be followed",
        said,
    )
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
def test_a_lock_in_a_dict_or_a_list_is_named_by_its_subscript(stage: StandingThreads, way: str) -> None:
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
    assert found.sentences[0] == f"MainThread waits for {KEYS[way]}, held by export"
    assert Unequal.asked <= asked + 1  # by the thread that has just come to its lock


def test_no_mapping_of_the_host_is_asked_for_a_lock(stage: StandingThreads) -> None:
    store = Store()
    inside = threading.Event()
    locks = Asked({"rig": store.lock})

    def hold() -> None:
        with store.lock:
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
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    (said,) = who_waits(stage.frames_with(waiting), names()).sentences
    assert said.startswith("MainThread waits for 'locks['rig']' (line ")
    assert said.endswith("which can't be followed")
    assert locks.asked == asked


def test_a_lock_whose_name_has_another_value_by_now_is_held_by_nobody_that_can_be_seen(
    stage: StandingThreads,
) -> None:
    taken, other, inside = threading.Lock(), threading.Lock(), threading.Event()
    other.acquire()

    def hold() -> None:
        lock = taken
        with lock:
            lock = other
            inside.set()
            stage.gate.wait(30)

    def want() -> None:
        with other:
            pass

    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", want)
    until(lambda: stands_in(waiting, "want"))
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    found = who_waits(stage.frames_with(waiting), names())
    other.release()
    assert found.sentences == ["MainThread waits for other; who holds it can't be seen"]


def test_the_lock_of_a_condition_is_named_as_the_condition_and_open_to_others_while_one_waits(
    stage: StandingThreads,
) -> None:
    condition, inside = threading.Condition(threading.Lock()), threading.Event()

    def hold() -> None:
        with condition:
            inside.set()
            stage.gate.wait(30)

    def want() -> None:
        with condition:
            pass

    sleeper = stage.start("sleeper", lambda: woken(condition))
    until(lambda: stands_in(sleeper, "wait"))
    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", want)
    until(lambda: stands_in(waiting, "__enter__"))
    frames = stage.frames_with(waiting)
    main, asleep = threading.main_thread().ident or 0, sleeper.ident or 0
    found = who_waits({main: frames[main], asleep: frames[asleep], **frames}, names())
    assert found.sentences[0] == "MainThread waits for condition, held by export"
    stage.gate.set()
    stage.threads[1].join(10)
    with condition:
        condition.notify_all()


def test_a_thread_that_joins_waits_for_what_the_other_waits_for(stage: StandingThreads) -> None:
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
        lambda: stands_in(holder, "join") and len(who_waits(stage.frames_with(waiter), names()).sentences) > 2
    )
    found = who_waits(stage.frames_with(waiter), names())
    assert found.sentences == [
        "MainThread waits for held, held by holder",
        "holder waits for the end of worker",
        "worker waits for stage.gate to be set",
    ]
    assert not found.circle


def test_a_circle_of_others_is_found_from_where_the_main_thread_can_not_be_followed(
    stage: StandingThreads,
) -> None:
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
