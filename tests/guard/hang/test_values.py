"""Locks that are called otherwise than by their name: found where there is one way, and never guessed."""

from __future__ import annotations

import collections
import functools
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.guard.hang.expressions import Attribute, Call, Item, Name
from clientobs.guard.hang.stacks import names
from clientobs.guard.hang.values import value_of
from clientobs.guard.hang.waits import who_waits
from support.standing_threads import stands_in, until

if TYPE_CHECKING:
    from support.standing_threads import StandingThreads

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
    stage: StandingThreads, way: str, function: str
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
    stage: StandingThreads, expression: str
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


CODE_OF_THE_HOST = """
class Meta(type):
    def __getattribute__(cls, name):
        ran.append(name)
        return type.__getattribute__(cls, name)
    def __eq__(cls, other):
        ran.append("==")
        return cls is other
    __hash__ = type.__hash__
class Proxy:
    __class__ = property(lambda self: ran.append("__class__"))
class Fields:
    __dict__ = property(lambda self: ran.append("__dict__"))
class Lazy:
    def __getattribute__(self, name):
        ran.append(name)
class Local(threading.local):
    def __init__(self):
        ran.append("__init__")
"""


@pytest.mark.parametrize(
    "made", ["Proxy()", "Fields()", "Lazy()", "Meta('Odd', (), {})()", "Meta('Odd', (), {})"]
)
def test_no_code_of_an_object_runs_that_an_expression_leads_over(made: str) -> None:
    ran: list[str] = []
    known: dict[str, Any] = {"ran": ran, "threading": threading}
    exec(CODE_OF_THE_HOST, known)
    owner = eval(made, known)
    ran.clear()
    _look_at_every_way(owner)
    assert ran == []


def test_what_is_local_to_a_thread_is_not_made_anew_on_the_one_that_looks() -> None:
    ran: list[str] = []
    known: dict[str, Any] = {"ran": ran, "threading": threading}
    exec(CODE_OF_THE_HOST, known)
    owner = known["Local"]()
    looking = threading.Thread(target=_look_at_every_way, args=(owner,))
    looking.start()
    looking.join(10)
    assert ran == ["__init__"]


def test_the_variables_of_exec_may_be_any_mapping_of_the_host() -> None:
    asked: list[str] = []

    class Variables(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.append(name)
            return default

    frames: dict[str, Any] = {"frame": sys._getframe}
    exec("found = frame()", frames, local := Variables())
    assert value_of(local["found"], Name("owner", local=True)) is None
    assert not asked


def _look_at_every_way(owner: Any) -> None:
    frame, name = sys._getframe(), Name("owner", local=True)
    value_of(frame, Attribute(Attribute(name, "lock"), "name"))
    value_of(frame, Item(name, Name("frame", local=True)))
    value_of(frame, Call(Attribute(name, "lock_for"), (), by_name=False))
