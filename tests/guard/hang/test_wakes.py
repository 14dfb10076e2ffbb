"""What a thread waits to be told."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.guard.hang.stacks import names
from clientobs.guard.hang.waits import who_waits
from support.standing_threads import stands_in, until, woken

if TYPE_CHECKING:
    from support.standing_threads import StandingThreads

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
def test_who_waits_to_be_woken_is_told_for_what_and_waits_for_nobody_s_lock(
    stage: StandingThreads, call: str
) -> None:
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
