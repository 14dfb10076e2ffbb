"""ThreadPoolExecutor with the instrument on: each task has the context of its own submission."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import traceback
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

import clientobs
from support.programs import answer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.runtime.runtime import Runtime


def span_id() -> int:
    """Return the span that is current here, 0 for none."""
    return trace.get_current_span().get_span_context().span_id


def id_of(span: Any) -> int:
    return int(span.get_span_context().span_id)


@pytest.fixture
def pool(runtime: Runtime) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_each_task_goes_on_in_the_span_that_it_was_submitted_in(pool: ThreadPoolExecutor) -> None:
    for name in ("first", "second"):
        with clientobs.span(name) as span:
            assert pool.submit(span_id).result() == id_of(span)
            assert list(pool.map(lambda _: span_id(), [1, 2])) == [id_of(span)] * 2
    assert pool.submit(span_id).result() == 0


def test_a_task_that_waits_has_the_context_of_its_submission_and_not_of_its_turn(
    pool: ThreadPoolExecutor,
) -> None:
    gate = threading.Event()
    pool.submit(gate.wait)
    with clientobs.span("first") as first:
        one = pool.submit(span_id)
    with clientobs.span("second") as second:
        two = pool.submit(span_id)
        gate.set()
        assert (one.result(), two.result()) == (
            id_of(first),
            id_of(second),
        )


def test_a_subclass_that_overrides_submit_is_served_too(runtime: Runtime) -> None:
    class Own(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            return super().submit(fn, *args, **kwargs)

    with Own(1) as pool, clientobs.span("publish") as span:
        assert pool.submit(span_id).result() == id_of(span)


def test_asyncio_s_executor_keeps_the_context(runtime: Runtime) -> None:
    async def main() -> tuple[int, int]:
        with clientobs.span("publish") as span:
            here = await asyncio.get_running_loop().run_in_executor(None, span_id)
            return here, id_of(span)

    here, expected = asyncio.run(main())
    assert here == expected


def test_done_callbacks_run_in_the_context_of_the_submission(pool: ThreadPoolExecutor) -> None:
    gate, found = threading.Event(), []
    with clientobs.span("publish") as span:
        future = pool.submit(gate.wait)
        future.add_done_callback(lambda _: found.append(span_id()))
        gate.set()
        pool.submit(int).result()
    assert found == [id_of(span)]


def test_what_an_initializer_set_is_there_in_every_task(runtime: Runtime) -> None:
    mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine", default="none")
    with ThreadPoolExecutor(1, initializer=lambda: mine.set("by the initializer")) as pool:
        mine.set("by the submitter")
        with clientobs.span("publish"):
            assert pool.submit(mine.get).result() == "by the initializer"
            pool.submit(lambda: mine.set("by a task")).result()
            assert pool.submit(mine.get).result() == "by a task"


def test_a_workers_thread_keeps_no_span(pool: ThreadPoolExecutor) -> None:
    with clientobs.span("publish") as span:
        pool.submit(int).result()
        kept = pool.submit(int)
    kept.result()
    pool.submit(int).result()  # the worker has let go of the task before
    ended = weakref.ref(span)
    del span
    gc.collect()
    assert ended() is None
    assert kept.done()


def test_a_cancelled_task_keeps_no_span(pool: ThreadPoolExecutor) -> None:
    gate = threading.Event()
    pool.submit(gate.wait)
    with clientobs.span("publish") as span:
        future = pool.submit(int)
        assert future.cancel()
    gate.set()
    pool.submit(int).result()
    ended = weakref.ref(span)
    del span
    gc.collect()
    assert ended() is None


def test_the_traceback_of_a_task_has_no_frame_of_ours_and_makes_no_cycle(pool: ThreadPoolExecutor) -> None:
    class Mark:
        pass

    def fail(_mark: Mark) -> None:
        raise ValueError("of the program")

    def provoke() -> weakref.ref[Mark]:
        mark = Mark()
        with clientobs.span("publish"):
            future = pool.submit(fail, mark)
            error = future.exception()
        assert error is not None
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert names == ["run", "fail"]
        return weakref.ref(mark)

    gc.disable()
    try:
        mark = provoke()
        pool.submit(int).result()
        assert mark() is None
    finally:
        gc.enable()


def test_what_lies_in_the_queue_is_what_was_submitted(pool: ThreadPoolExecutor) -> None:
    gate = threading.Event()
    pool.submit(gate.wait)
    with clientobs.span("publish"):
        pool.submit(divmod, 7, 2)
    item: Any = pool._work_queue.get_nowait()
    pool._work_queue.put(item)
    gate.set()
    described = (item.fn, item.args) if hasattr(item, "fn") else item.task[:2]
    assert described == (divmod, (7, 2))


def test_a_task_that_leaves_a_context_behind_leaves_none_to_the_next(pool: ThreadPoolExecutor) -> None:
    with clientobs.span("publish"):
        pool.submit(lambda: clientobs.context(shot="sh010").__enter__()).result()
        pool.submit(lambda: clientobs.span("never left").__enter__()).result()
    assert pool.submit(span_id).result() == 0


def test_undo_while_tasks_wait_lets_them_run(pool: ThreadPoolExecutor) -> None:
    gate = threading.Event()
    pool.submit(gate.wait)
    with clientobs.span("publish"):
        future = pool.submit(divmod, 7, 2)
    clientobs.uninstrument("threads")
    gate.set()
    assert future.result() == (3, 1)


def test_executors_that_are_imported_later_are_patched_then() -> None:
    program = """
        import json, sys
        from clientobs.instruments import registry
        import opentelemetry.context, clientobs.record.span
        for name in [name for name in sys.modules if name.startswith("concurrent.")]: del sys.modules[name]
        registry.instrument("threads")
        before = registry.active()["threads"].patched
        import concurrent.futures.thread
        import opentelemetry.context as api
        api.attach(api.set_value("mark", 1))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            inside = pool.submit(api.get_value, "mark").result()
        print(json.dumps([any("_WorkItem" in name for name in before), inside]))
    """
    assert answer_of(program) == [False, 1]
