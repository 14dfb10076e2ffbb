"""multiprocessing.pool with the instrument on: tasks and callbacks have the context of their submission."""

from __future__ import annotations

import gc
import multiprocessing
import threading
import traceback
import weakref
from multiprocessing.dummy import Pool as DummyPool
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

import clientobs
from support.programs import answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clientobs.runtime.runtime import Runtime


def span_id(_: object = None, __: object = None) -> int:
    """Return the span that is current here, 0 for none."""
    return trace.get_current_span().get_span_context().span_id


def id_of(span: Any) -> int:
    return int(span.get_span_context().span_id)


@pytest.fixture
def pool(runtime: Runtime) -> Iterator[ThreadPool]:
    with clientobs.span("the pool was made here"), ThreadPool(2) as made:
        yield made
        made.close()
        made.join()


@pytest.fixture(params=[ThreadPool, DummyPool])
def made_in_a_span(request: pytest.FixtureRequest, runtime: Runtime) -> Iterator[ThreadPool]:
    with clientobs.span("the pool was made here"):
        made = request.param(2)
        made.map(span_id, range(4))
    yield made
    made.terminate()
    made.join()


WAYS: dict[str, Callable[[ThreadPool], set[int]]] = {
    "apply": lambda pool: {pool.apply(span_id)},
    "apply_async": lambda pool: {pool.apply_async(span_id).get()},
    "map": lambda pool: set(pool.map(span_id, range(9))),
    "map_async": lambda pool: set(pool.map_async(span_id, range(9), chunksize=2).get()),
    "starmap": lambda pool: set(pool.starmap(span_id, [(1, 2)] * 9)),
    "imap": lambda pool: set(pool.imap(span_id, range(9))),
    "imap in chunks": lambda pool: set(pool.imap(span_id, range(9), chunksize=4)),
    "imap_unordered": lambda pool: set(pool.imap_unordered(span_id, range(9))),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_task_is_in_the_span_of_its_submission_and_not_of_the_pool_s_making(
    way: str, made_in_a_span: ThreadPool
) -> None:
    for name in ("first", "second"):
        with clientobs.span(name) as span:
            assert WAYS[way](made_in_a_span) == {id_of(span)}
    assert WAYS[way](made_in_a_span) == {0}


def test_a_task_that_waits_has_the_context_of_its_submission_and_not_of_its_turn(runtime: Runtime) -> None:
    gate = threading.Event()
    with ThreadPool(1) as pool:
        pool.apply_async(gate.wait)
        with clientobs.span("first") as first:
            one = pool.apply_async(span_id)
        with clientobs.span("second") as second:
            two = pool.apply_async(span_id)
            gate.set()
            assert (one.get(), two.get()) == (id_of(first), id_of(second))


def test_a_task_that_submits_another_one_hands_on_its_own_span(pool: ThreadPool) -> None:
    def outer() -> tuple[int, int]:
        with clientobs.span("inner") as span:
            return id_of(span), pool.apply_async(span_id).get()

    expected, got = pool.apply(outer)
    assert got == expected


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_callback_is_in_the_span_of_its_submission(kind: str, runtime: Runtime) -> None:
    seen: list[int] = []
    with clientobs.span("the pool was made here"):
        pool: Any = ThreadPool(1) if kind == "threads" else multiprocessing.get_context("spawn").Pool(1)
    with pool:
        with clientobs.span("submitted") as span:
            # The event of a result is set behind its callback.
            pool.apply_async(abs, (-1,), callback=lambda _: seen.append(span_id())).get()
            pool.apply_async(abs, ("x",), error_callback=lambda _: seen.append(span_id())).wait()
            pool.map_async(abs, range(3), callback=lambda _: seen.append(span_id())).get()
        pool.apply_async(abs, (-1,), callback=lambda _: seen.append(span_id())).get()
    assert seen == [id_of(span)] * 3 + [0]


def test_an_exception_of_a_task_has_no_frame_of_ours(pool: ThreadPool) -> None:
    def fail() -> None:
        raise ValueError("no plate")

    with clientobs.span("publish"), pytest.raises(ValueError, match="no plate") as caught:
        pool.apply(fail)
    names = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert not [name for name in names if "clientobs/instruments" in name.replace("\\", "/")]


def test_a_result_that_is_kept_keeps_no_span_alive(pool: ThreadPool) -> None:
    with clientobs.span("publish"):
        kept: list[Any] = [pool.apply_async(span_id), pool.map_async(span_id, range(5))]
        for result in kept:
            result.wait()
    pool.apply(span_id)  # results are handed out one by one: those before are done with
    assert [result.successful() for result in kept] == [True, True]
    assert not any("_clientobs_context" in vars(result) for result in kept)


def test_a_pool_that_is_dropped_is_collected_as_ever(runtime: Runtime) -> None:
    with clientobs.span("publish"):
        pool = ThreadPool(1)
        pool.apply(span_id)
    pool.close()
    pool.join()
    left = weakref.ref(pool)
    del pool
    gc.collect()
    assert left() is None


def test_undo_lets_running_pools_work_on_without_a_context(made_in_a_span: ThreadPool) -> None:
    clientobs.uninstrument("threads")
    with clientobs.span("after"):
        assert set(made_in_a_span.map(span_id, range(9))) == {0}
    assert vars(ThreadPool)["_setup_queues"].__module__ == "multiprocessing.pool"


def test_terminate_empties_the_queue_as_ever(runtime: Runtime) -> None:
    gate = threading.Event()
    with clientobs.span("publish"):
        pool = ThreadPool(1)
        pool.apply_async(gate.wait)
        for _ in range(50):
            pool.apply_async(span_id)
        gate.set()
        pool.terminate()
        pool.join()
    assert trace.get_current_span().get_span_context().span_id == 0


def test_a_module_that_is_loaded_after_init_is_served(home: Any) -> None:
    program = """
import json, sys, clientobs
clientobs.init("late")
assert "multiprocessing.pool" not in sys.modules
from multiprocessing.pool import ThreadPool
with clientobs.span("a"):
    pool = ThreadPool(1)
with clientobs.span("b"):
    print(json.dumps(pool.apply(clientobs.trace_id) == clientobs.trace_id()))
pool.terminate()
"""
    assert answer_of(program) is True
