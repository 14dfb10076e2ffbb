"""Whose result a thread waits for."""

from __future__ import annotations

import concurrent.futures
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.guard.hang.stacks import names
from clientobs.guard.hang.waits import Waits, who_waits

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pool:
    """Workers that are let go at the end, and a thread that is taken for the main one."""

    def __init__(self, workers: int) -> None:
        self.workers = ThreadPoolExecutor(workers, "worker")
        self.gate = threading.Event()

    def seen_from(self, work: Callable[[], Any], condition: Callable[[Waits], object]) -> Waits:
        """Return who waits once that is as it should be, a second after it began at the latest."""
        first = threading.Thread(target=work, daemon=True)
        first.start()
        main = threading.main_thread().ident or 0
        for _ in range(2000):
            frames = sys._current_frames()
            known = {ident: frame for ident, frame in frames.items() if ident not in (main, first.ident)}
            found = who_waits({main: frames[first.ident or 0], **known}, names())
            if condition(found):
                return found
            threading.Event().wait(0.005)
        raise AssertionError(found)

    def close(self) -> None:
        """End what waits for ever: the work that was not begun is done by others."""
        self.gate.set()
        self.workers._max_workers += 4
        self.workers._idle_semaphore = threading.Semaphore(0)
        for _ in range(4):
            self.workers.submit(self.gate.wait)
        self.workers.shutdown()


@pytest.fixture(params=[1])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    made = Pool(request.param)
    yield made
    made.close()


def test_who_waits_for_a_result_waits_for_the_worker_that_is_at_it(pool: Pool) -> None:
    def ask() -> None:
        pool.workers.submit(pool.gate.wait).result()

    found = pool.seen_from(ask, lambda waits: waits.sentences)
    assert found.sentences[0] == "MainThread waits for the result of worker_0"
    assert not found.circle


def nested(pool: Pool, *, several: bool = False) -> Callable[[], Any]:
    def inner() -> int:
        return 1

    def outer() -> Any:
        if several:
            return concurrent.futures.wait([pool.workers.submit(inner), pool.workers.submit(inner)])
        return pool.workers.submit(inner).result()

    return lambda: pool.workers.submit(outer).result()


def test_a_pool_of_one_that_waits_for_several_of_itself_is_a_circle(pool: Pool) -> None:
    found = pool.seen_from(nested(pool, several=True), lambda waits: len(waits.sentences) > 1)
    assert found.circle
    assert found.sentences[1] == "worker_0 waits for the results of itself"


def test_a_pool_of_one_that_waits_for_itself_is_a_circle(pool: Pool) -> None:
    found = pool.seen_from(nested(pool), lambda waits: len(waits.sentences) > 1)
    assert found.circle
    assert found.sentences == [
        "MainThread waits for the result of worker_0",
        "worker_0 waits for a free worker among itself",
    ]


@pytest.mark.parametrize("pool", [2], indirect=True)
def test_a_pool_of_which_one_worker_works_is_none(pool: Pool) -> None:
    busy = pool.workers.submit(pool.gate.wait)
    found = pool.seen_from(nested(pool), lambda waits: len(waits.sentences) > 1)
    assert set(found.sentences[1].partition(" among ")[2].split(", ")) == {"worker_0", "itself"}
    assert not found.circle
    assert not busy.done()


def test_a_future_of_nobody_s_pool_is_followed_to_nobody(pool: Pool) -> None:
    """Another thread will set it: an event loop, a network client."""
    pool.workers.submit(pool.gate.wait)
    future: Future[None] = concurrent.futures.Future()
    pool.workers.submit(print)
    asking = threading.Event()

    def ask() -> None:
        asking.set()
        future.result()

    found = pool.seen_from(ask, lambda waits: asking.is_set() and waits.sentences)
    assert found == (["MainThread waits for the result of future"], False)
    future.set_result(None)


def stuck_pair(pool: Pool, locks: list[threading.Lock]) -> list[Future[None]]:
    """Return the work of two workers that wait for each other."""
    both = threading.Barrier(2)

    def work(own: threading.Lock, other: threading.Lock) -> None:
        with own:
            both.wait(10)
            with other:
                pass

    return [pool.workers.submit(work, *pair) for pair in (locks, locks[::-1])]


WAYS: dict[str, Callable[[list[Future[None]]], Any]] = {
    "wait": concurrent.futures.wait,
    "first": lambda work: concurrent.futures.wait(work, return_when="FIRST_COMPLETED"),
    "as completed": lambda work: list(concurrent.futures.as_completed(work)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pool", [2], indirect=True)
def test_who_waits_for_several_results_waits_for_all_that_work_on_them(pool: Pool, way: str) -> None:
    locks = [threading.Lock(), threading.Lock()]
    work = stuck_pair(pool, locks)
    found = pool.seen_from(lambda: WAYS[way](work), lambda waits: waits.circle and len(waits.sentences) == 3)
    for lock in locks:
        lock.release()  # let go of by force
    assert found.sentences[0].partition(" of ")[0] == "MainThread waits for the results"
    assert set(found.sentences[0].partition(" of ")[2].split(", ")) == {"worker_0", "worker_1"}
    assert {sentence.partition(",")[0] for sentence in found.sentences[1:]} == {
        "worker_0 waits for other",
        "worker_1 waits for other",
    }


@pytest.mark.parametrize("pool", [3], indirect=True)
def test_one_result_that_somebody_else_may_bring_is_enough_for_who_waits_for_the_first(pool: Pool) -> None:
    locks, foreign = [threading.Lock(), threading.Lock()], Future[None]()
    work = [*stuck_pair(pool, locks), foreign]
    found = pool.seen_from(
        lambda: WAYS["first"](work), lambda waits: waits.sentences and "results" in waits.sentences[0]
    )
    for lock in locks:
        lock.release()
    foreign.set_result(None)
    assert found.sentences[0] == "MainThread waits for the results of 3 futures"
