"""Who waits for whom, read from where threads stand."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import queue
import re
import sys
import threading
import weakref
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
    assert found.sentences == [
        "MainThread waits for stage.store.lock, held by export",
        "export waits for stage.gate to be set",
    ]
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
    assert found.sentences == [
        "MainThread waits for stage.store.lock, held by export",
        "export waits for stage.gate to be set",
    ]


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
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    (said,) = who_waits(stage.frames_with(waiting), names()).sentences
    assert re.fullmatch(
        r"MainThread waits for 'stage.store.tempting' \(line \d+ of test_waits.py\), which can't be followed",
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
    assert found.sentences[0] == f"MainThread waits for {KEYS[way]}, held by export"
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
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    (said,) = who_waits(stage.frames_with(waiting), names()).sentences
    assert said.startswith("MainThread waits for 'locks['rig']' (line ")
    assert said.endswith("which can't be followed")
    assert locks.asked == asked


WAKES = {
    "gate.wait()": ("wait", "gate to be set"),
    "gate.wait(60)": ("wait", "gate to be set"),
    "woken(condition)": ("wait", "woken by condition"),
    "future.result()": ("wait", "the result of future"),
    "words.get()": ("wait", "something in words"),
    "full.put('')": ("wait", "room in full"),
    "own['words'].join()": ("wait", "the work in own['words'] to be done"),
    "turns.acquire()": ("wait", "its turn at turns"),
    "simple.get()": ("waiting", "something in simple"),
    "other.join()": ("join", "the end of other"),
    "(gate or None).wait()": ("wait", "an event (line 2 of <string>) to be set"),
}


@pytest.mark.parametrize("call", WAKES)
def test_who_waits_to_be_woken_is_told_for_what_and_waits_for_nobody_s_lock(stage: Stage, call: str) -> None:
    """The commonest of all waits; to take it for a deadlock was a false alarm in every tool with a worker."""
    function, said = WAKES[call]
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    condition, other = threading.Condition(), stage.start("other", stage.gate.wait)
    words, full, simple = queue.Queue[str](), queue.Queue[str](1), queue.SimpleQueue[str]()
    full.put("")
    busy = queue.Queue[str]()
    busy.put("")
    turns = threading.Semaphore(0)
    known: dict[str, Any] = {
        "gate": stage.gate,
        "woken": woken,
        "condition": condition,
        "future": future,
        "words": words,
    }
    known |= {"full": full, "turns": turns, "simple": simple, "other": other}
    known["own"] = {"words": busy}
    exec(f"def waiting():\n    {call}", known)
    waiting = stage.start("waiting", known["waiting"])
    until(lambda: stands_in(waiting, function))
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    found = who_waits(stage.frames_with(waiting), names())
    assert not found.circle
    assert found.sentences[0].startswith("MainThread waits ")
    assert found.sentences[0].endswith(said)
    stage.gate.set()
    future.set_result(None)
    for each in (words, simple):
        each.put("")
    full.get()
    busy.task_done()
    turns.release()
    with condition:
        condition.notify_all()


CALLED = {
    "a function": "lock_for(key)",
    "a function of an attribute": "lock_for(asset.key)",
    "a function that locks": "carefully(key)",
    "a method": "registry.lock_for(key)",
    "a class method": "Registry.of(key)",
    "setdefault": "locks.setdefault(key, Lock())",
    "a default dict": "default[key]",
    "weak references": "weak[key]",
    "a class attribute": "Registry.lock",
    "a slot": "asset.lock",
}
REGISTRY = """
from threading import Lock
def lock_for(name):
    return locks[name]
def carefully(name):
    with guard:
        if name not in locks:
            locks[name] = Lock()
        return locks.setdefault(name, Lock())
class Registry:
    lock = lock
    def lock_for(self, name):
        return locks[name]
    @classmethod
    def of(cls, name):
        return cls.lock
class Asset:
    __slots__ = ("key", "lock")
registry, asset = Registry(), Asset()
asset.key, asset.lock = "rig", lock
def hold(key="rig"):
    with LOCK:
        inside.set()
        gate.wait(30)
def want(key="rig"):
    with LOCK: pass
def ask(key="rig"):
    LOCK.acquire()
    LOCK.release()
"""


@pytest.mark.parametrize("function", ["want", "ask"])
@pytest.mark.parametrize("way", CALLED)
def test_a_lock_that_is_handed_out_by_a_call_is_found_and_named_by_it(
    stage: Stage, way: str, function: str
) -> None:
    lock, inside = threading.Lock(), threading.Event()
    known: dict[str, Any] = {
        "lock": lock,
        "locks": {"rig": lock},
        "guard": threading.Lock(),
        "inside": inside,
    }
    known |= {"gate": stage.gate, "default": collections.defaultdict(threading.Lock, rig=lock)}
    known["weak"] = weakref.WeakValueDictionary(rig=lock)
    exec(REGISTRY.replace("LOCK", CALLED[way]), known)
    stage.start("export", known["hold"])
    assert inside.wait(10)
    waiting = stage.start("wants", known[function])
    until(lambda: stands_in(waiting, function))
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    found = who_waits(stage.frames_with(waiting), names())
    assert found.sentences[0] == f"MainThread waits for {CALLED[way]}, held by export"


UNCLEAR = {
    "first or second": "a lock (",
    "(first if second else second)": "a lock (",
    "either(True)": "'either(True)' (",
    "made(1)": "'made(1)' (",
    "cached('rig')": "'cached('rig')' (",
}


@pytest.mark.parametrize("expression", UNCLEAR)
def test_a_lock_that_can_not_be_followed_is_told_by_its_line_and_never_guessed(
    stage: Stage, expression: str
) -> None:
    first, second, inside = threading.Lock(), threading.Lock(), threading.Event()
    known: dict[str, Any] = {"first": first, "second": second, "functools": functools, "calls": []}
    source = """
def either(this):
    if this:
        return first
    return second
def made(_):
    lock = first
    return lock
@functools.lru_cache(None)
def cached(_):
    calls.append(1)
    return first
def want():
    with EXPRESSION: pass
"""
    exec(source.replace("EXPRESSION", expression), known)
    if expression.startswith("(first"):
        known["first"], known["second"] = first, first

    def hold() -> None:
        with first, second:
            inside.set()
            stage.gate.wait(30)

    stage.start("export", hold)
    assert inside.wait(10)
    waiting = stage.start("wants", known["want"])
    until(lambda: stands_in(waiting, "want"))
    until(lambda: who_waits(stage.frames_with(waiting), names()).sentences)
    found = who_waits(stage.frames_with(waiting), names())
    line = f"line {len(source.splitlines())} of <string>), which can't be followed"
    assert found == ([f"MainThread waits for {UNCLEAR[expression]}{line}"], False)
    assert len(known["calls"]) <= 1  # none of ours


def test_a_lock_whose_name_has_another_value_by_now_is_held_by_nobody_that_can_be_seen(stage: Stage) -> None:
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
    stage: Stage,
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
        lambda: stands_in(holder, "join") and len(who_waits(stage.frames_with(waiter), names()).sentences) > 2
    )
    found = who_waits(stage.frames_with(waiter), names())
    assert found.sentences == [
        "MainThread waits for held, held by holder",
        "holder waits for the end of worker",
        "worker waits for stage.gate to be set",
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
