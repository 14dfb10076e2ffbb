"""`clientobs.span` and `clientobs.traced`, read back from the journal."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import threading
import traceback
import weakref
from typing import TYPE_CHECKING

import pytest

import clientobs
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime


def test_a_span_is_written_with_its_attributes_and_children(runtime: Runtime, home: Path) -> None:
    with clientobs.span("publish", version=12, **{"file.path": "/p/a.ma"}) as publish:
        publish.set_attribute("files", 3)
        with clientobs.span("check"):
            pass
    records = seen(home)
    outer, inner = records.span("publish"), records.span("check")
    assert outer.attributes == {"version": 12, "file.path": "/p/a.ma", "files": 3}
    assert (inner.trace_id, inner.parent_id) == (outer.trace_id, outer.span_id)
    assert outer.parent_id == 0
    assert outer.start_ns <= inner.start_ns <= inner.end_ns <= outer.end_ns


def test_the_exception_passes_untouched_and_is_logged_once(runtime: Runtime, home: Path) -> None:
    error = ValueError("no such codec: libx265")
    with (
        pytest.raises(ValueError, match="libx265") as caught,
        clientobs.span("publish"),
        clientobs.span("encode"),
    ):
        raise error
    assert caught.value is error
    assert not hasattr(error, "__notes__")
    assert vars(error) == {}
    records = seen(home)
    assert [records.span(name).status for name in ("publish", "encode")] == [2, 2]
    assert records.span("encode").attributes["error.type"] == "ValueError"
    (log,) = [log for log in records.logs if "exception.type" in log.attributes]
    assert log.span_id == records.span("encode").span_id
    assert "no such codec: libx265" in log.attributes["exception.stacktrace"]


def test_a_caught_exception_raised_again_later_is_logged_again(runtime: Runtime, home: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), clientobs.span("lookup"):
            raise KeyError("shot")
    assert len([log for log in seen(home).logs if "exception.type" in log.attributes]) == 2


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(KeyboardInterrupt(), "cancelled"), (SystemExit(0), None), (SystemExit(3), "failed")],
)
def test_an_interrupt_is_no_error(
    runtime: Runtime, home: Path, error: BaseException, outcome: str | None
) -> None:
    with pytest.raises(type(error)), clientobs.span("tool"):
        raise error
    span = seen(home).span("tool")
    assert span.attributes.get("tool.outcome") == outcome
    assert span.status == (2 if outcome == "failed" else 0)


def test_no_user_object_is_kept_alive(runtime: Runtime) -> None:
    class Scene:
        pass

    def work() -> weakref.ref[Scene]:
        scene = Scene()
        try:
            with clientobs.span("load", scene=scene):
                raise RuntimeError("broken")
        except RuntimeError:
            pass
        return weakref.ref(scene)

    ref = work()
    gc.collect()
    assert ref() is None


def test_traced_adds_one_frame_and_keeps_the_signature(runtime: Runtime) -> None:
    @clientobs.traced
    def publish(scene: str, *, version: int = 1) -> str:
        """Publish."""
        raise RuntimeError(scene)

    assert str(inspect.signature(publish)).startswith("(scene: 'str', *, version: 'int' = 1)")
    assert publish.__doc__ == "Publish."
    with pytest.raises(RuntimeError) as caught:
        publish("a")
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[1:] == ["around_call", "publish"]


def test_traced_leaves_a_cached_function_its_cache(runtime: Runtime, home: Path) -> None:
    @clientobs.traced
    @functools.lru_cache(maxsize=2)
    def frames(layer: str) -> int:
        return len(layer)

    class Shot:
        count = frames

    assert (frames("bg"), frames("bg"), frames("matte")) == (2, 2, 5)
    assert frames.cache_info() == (1, 2, 2, 2)
    frames.cache_clear()
    assert frames.cache_info().currsize == 0
    assert frames.cache_parameters()["maxsize"] == 2
    with pytest.raises(TypeError, match="Shot"):
        Shot().count()  # a method as lru_cache's own
    assert len(seen(home).spans) == 4


def test_traced_takes_names_attributes_and_methods(runtime: Runtime, home: Path) -> None:
    class Publisher:
        @clientobs.traced("publisher.run", kind="scene")
        def run(self) -> int:
            return 1

        @staticmethod
        @clientobs.traced
        def check() -> int:
            return 2

        @clientobs.traced
        @classmethod
        def make(cls) -> int:
            return 3

    assert Publisher().run() + Publisher.check() + Publisher.make() == 6
    records = seen(home)
    assert records.span("publisher.run").attributes == {"kind": "scene"}
    assert [span.name.rpartition(".")[2] for span in records.spans] == ["run", "check", "make"]


def test_a_coroutine_keeps_its_span_across_awaits_and_tasks(runtime: Runtime, home: Path) -> None:
    @clientobs.traced("child")
    async def child() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        with clientobs.span("parent"):
            await asyncio.gather(child(), child())

    asyncio.run(main())
    records = seen(home)
    parent = records.span("parent")
    assert [s.parent_id for s in records.spans if s.name == "child"] == [parent.span_id] * 2


def test_a_generators_span_is_current_only_while_it_runs(runtime: Runtime, home: Path) -> None:
    @clientobs.traced("frames")
    def frames() -> Iterator[int]:
        for number in range(3):
            with clientobs.span("inside"):
                pass
            yield number

    for _ in frames():
        with clientobs.span("consumer"):
            pass
    records = seen(home)
    whole = records.span("frames")
    assert {s.parent_id for s in records.spans if s.name == "inside"} == {whole.span_id}
    assert {s.parent_id for s in records.spans if s.name == "consumer"} == {0}


def test_a_generator_behaves_as_without_us(runtime: Runtime) -> None:
    log: list[object] = []

    def talk() -> Generator[object, object, str]:
        try:
            got = yield "first"
            log.append(got)
            try:
                yield "second"
            except KeyError as error:
                log.append(error.args)
            return "result"  # what StopIteration carries is part of the behaviour
        finally:
            log.append("closed")

    def drive(function: object) -> list[object]:
        log.clear()
        generator = function()  # type: ignore[operator]
        steps: list[object] = [next(generator), generator.send("sent")]
        try:
            generator.throw(KeyError("thrown"))
        except StopIteration as stop:
            steps.append(stop.value)
        return [*steps, *log]

    assert drive(clientobs.traced(talk)) == drive(talk)


def test_a_generator_left_early_is_closed_and_its_span_ends(runtime: Runtime, home: Path) -> None:
    closed: list[bool] = []

    @clientobs.traced("walk")
    def walk() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    for _ in walk():
        break
    gc.collect()
    assert closed == [True]
    assert seen(home).span("walk").status == 0


def test_an_asynchronous_generator_is_traced(runtime: Runtime, home: Path) -> None:
    @clientobs.traced("ticks")
    async def ticks() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async def main() -> list[int]:
        return [number async for number in ticks()]

    assert asyncio.run(main()) == [0, 1, 2]
    assert seen(home).span("ticks").end_ns > 0


def test_a_span_ended_on_another_thread_or_context_is_no_fault(
    runtime: Runtime, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened = clientobs.span("callback")
    contextvars.copy_context().run(opened.__enter__)  # else it stays current for all tests that follow
    thread = threading.Thread(target=opened.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    assert seen(home).span("callback").end_ns > 0
    assert caplog.records == []


def test_everything_is_a_no_op_before_init_and_after_shutdown(runtime: Runtime, home: Path) -> None:
    clientobs.shutdown()
    with clientobs.span("late") as late:
        late.set_attribute("a", 1)
        late.add_event("e")
        assert not late.is_recording()
    clientobs.event("late.event")
    clientobs.counter("late.count").add(1)
    assert clientobs.trace_id() is None
    assert clientobs.carrier() == {}
    assert "late" not in [span.name for span in seen(home).spans]


def test_a_span_goes_around_an_async_block(runtime: Runtime, home: Path) -> None:
    async def work() -> str | None:
        async with clientobs.span("waited", frame=1):
            await asyncio.sleep(0)
            return clientobs.trace_id()

    trace = asyncio.run(work())
    ended = seen(home).span("waited")
    assert f"{ended.trace_id:032x}" == trace
    assert ended.attributes == {"frame": 1}
