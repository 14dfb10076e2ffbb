"""farm_task: one process, many tasks, each in a trace of its own, linked to the submission."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.journal.format import Kind
from support.programs import answer_of
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SUBMISSION = {
    "TRACEPARENT": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    "BAGGAGE": "production.shot=sq010_sh020,farm.job.id=of-the-submitter",
}
FARM = {"CUE_JOB_ID": "job-1", "CUE_LAYER": "beauty", "CUE_FRAME_ID": "task-0", "CUE_IFRAME": "1"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the session be that of a farm's process with the carrier of a submission."""
    for name, value in {**SUBMISSION, **FARM}.items():
        monkeypatch.setenv(name, value)


def links_of(span: Any) -> list[tuple[str, str]]:
    return [(f"{link.trace_id:032x}", link.attributes.get("clientobs.link.kind", "")) for link in span.links]


def tasks_in(home: Path) -> list[Any]:
    """Return the ended tasks with their contexts."""
    return [one for one in seen(home).of(Kind.SPAN_ENDED) if one.record.name == "farm task"]


@pytest.mark.usefixtures("submitted", "runtime")
def test_five_tasks_of_which_one_is_tried_twice_are_six_traces_told_apart(home: Path) -> None:
    for frame in (1, 2, 3, 3, 4, 5):
        with clientobs.farm_task(task_id=f"task-{frame}", frame=frame), clientobs.span("render"):
            clientobs.event("rendered")
    clientobs.shutdown()
    found, tasks = seen(home), tasks_in(home)
    assert len({one.record.trace_id for one in tasks}) == 6
    ids = [(one.production["farm.task.id"], one.production["farm.attempt"]) for one in tasks]
    assert ids == [("task-1", 1), ("task-2", 1), ("task-3", 1), ("task-3", 2), ("task-4", 1), ("task-5", 1)]
    for one in tasks:
        assert one.record.parent_id == 0
        assert links_of(one.record) == [("a" * 32, "submission")]
        assert one.production["farm.job.id"] == "job-1"
        assert one.production["farm.layer.name"] == "beauty"
        assert one.production["production.shot"] == "sq010_sh020"
        assert one.production["farm.attempt.counted"] is True
        (render,) = [s for s in found.spans if s.name == "render" and s.trace_id == one.record.trace_id]
        assert render.parent_id == one.record.span_id
        (event,) = [log for log in found.events("rendered") if log.trace_id == one.record.trace_id]
        assert event.span_id == render.span_id


@pytest.mark.usefixtures("submitted", "runtime")
def test_an_adaptor_begins_and_ends_a_task_in_callbacks_of_other_threads(home: Path) -> None:
    task = clientobs.farm_task(task_id="task-1")
    on_thread(task.begin)
    with clientobs.span("render"):  # no context of the task's here
        pass
    on_thread(task.end)
    with clientobs.span("between"):
        pass
    task.begin()
    on_thread(lambda: task.end("out of licences"))
    with clientobs.span("afterwards"):  # where a task was begun and not ended
        pass
    clientobs.shutdown()
    first, second = tasks_in(home)
    found = seen(home)
    assert found.span("render").parent_id == first.record.span_id
    assert found.context_of("render")["farm.task.id"] == "task-1"
    assert (second.production["farm.attempt"], second.record.status) == (2, 2)
    assert second.record.status_message == "out of licences"
    assert second.record.attributes["error.type"] == "farm.task_failed"
    for name in ("between", "afterwards"):
        span = found.span(name)
        assert (span.parent_id, links_of(span)) == (0, [("a" * 32, "submission")])
        assert "farm.task.id" not in found.context_of(name)
        assert found.context_of(name)["farm.job.id"] == "job-1"


@pytest.mark.usefixtures("runtime")
def test_a_task_that_another_thread_ends_gives_the_span_around_it_back(home: Path) -> None:
    with clientobs.span("adaptor"):
        task = clientobs.farm_task(frame=1).begin()
        on_thread(task.end)
        with clientobs.span("between"):
            pass
    clientobs.shutdown()
    assert seen(home).span("between").parent_id == seen(home).span("adaptor").span_id


@pytest.mark.usefixtures("runtime")
def test_two_tasks_at_once_keep_their_own_and_leave_other_threads_to_the_process(home: Path) -> None:
    entered, left = threading.Barrier(3), threading.Barrier(3)

    def render(frame: int) -> None:
        with clientobs.farm_task(frame=frame):
            entered.wait()
            with clientobs.span(f"render {frame}"):
                pass
            left.wait()

    threads = [threading.Thread(target=render, args=(frame,)) for frame in (1, 2)]
    for thread in threads:
        thread.start()
    entered.wait()
    with clientobs.span("on a thread of neither"):
        pass
    left.wait()
    for thread in threads:
        thread.join()
    clientobs.shutdown()
    found = seen(home)
    assert found.span("on a thread of neither").parent_id == 0
    assert "farm.frame.range" not in found.context_of("on a thread of neither")
    for one in tasks_in(home):
        name = f"render {one.production['farm.frame.range']}"
        assert found.span(name).parent_id == one.record.span_id


@pytest.mark.usefixtures("runtime")
def test_an_exception_fails_the_task_and_passes_unchanged(home: Path) -> None:
    error = RuntimeError("no licence")
    with pytest.raises(RuntimeError) as caught, clientobs.farm_task(frame=37):
        raise error
    assert caught.value is error
    assert len(caught.traceback) == 1
    clientobs.shutdown()
    (task,) = tasks_in(home)
    assert (task.record.status, task.record.attributes["tool.outcome"]) == (2, "failed")
    (event,) = seen(home).events("exception")
    assert (event.body, event.trace_id) == ("RuntimeError: no licence", task.record.trace_id)


@pytest.mark.usefixtures("runtime")
def test_a_task_that_the_farm_cancels_is_no_failure(home: Path) -> None:
    with pytest.raises(KeyboardInterrupt), clientobs.farm_task(frame=37):
        raise KeyboardInterrupt
    clientobs.shutdown()
    (task,) = tasks_in(home)
    assert (task.record.status, task.record.attributes["tool.outcome"]) == (0, "cancelled")


@pytest.mark.usefixtures("runtime")
def test_a_task_in_a_coroutine_covers_what_it_awaits_and_nothing_after(home: Path) -> None:
    async def step() -> None:
        with clientobs.span("step"):
            await asyncio.sleep(0)

    async def work() -> None:
        with clientobs.farm_task(frame=1):
            await asyncio.gather(step(), asyncio.sleep(0))
        with clientobs.span("after"):
            pass

    asyncio.run(work())
    clientobs.shutdown()
    (task,) = tasks_in(home)
    assert seen(home).span("step").parent_id == task.record.span_id
    assert seen(home).span("after").parent_id == 0


@pytest.mark.usefixtures("submitted", "runtime")
def test_a_carrier_of_its_own_says_of_which_submission_a_task_is(home: Path) -> None:
    carrier = {"TRACEPARENT": "00-" + "c" * 32 + "-" + "d" * 16 + "-01", "BAGGAGE": "production.shot=sh9"}
    with clientobs.farm_task(carrier=carrier, frame=1):
        pass
    clientobs.shutdown()
    (task,) = tasks_in(home)
    assert links_of(task.record) == [("c" * 32, "submission")]
    assert task.production["production.shot"] == "sh9"


@pytest.mark.usefixtures("submitted", "runtime")
def test_the_environments_task_is_that_of_the_process_and_of_the_first_task_that_fits(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clientobs.span("loading"):
        pass
    with clientobs.farm_task():
        pass
    with clientobs.farm_task(), clientobs.span("second"):
        pass
    clientobs.shutdown()
    first, second = tasks_in(home)
    assert seen(home).context_of("loading")["farm.task.id"] == "task-0"
    assert first.production["farm.task.id"] == "task-0"
    assert "farm.task.id" not in second.production
    assert "farm.task.id" not in seen(home).context_of("second")


@pytest.mark.usefixtures("runtime")
def test_an_attempt_that_the_farm_tells_is_taken_and_counted_on_from(home: Path) -> None:
    for attempt in (3, None):
        with clientobs.farm_task(frame=1, attempt=attempt):
            pass
    with clientobs.farm_task(layer="no task to tell apart"):
        pass
    clientobs.shutdown()
    found = [
        (one.production.get("farm.attempt"), "farm.attempt.counted" in one.production)
        for one in tasks_in(home)
    ]
    assert found == [(3, False), (4, True), (None, False)]


@pytest.mark.usefixtures("runtime")
def test_what_is_set_for_the_process_within_a_task_stays_after_it(home: Path) -> None:
    with clientobs.farm_task(frame=1):
        clientobs.set_context(shot="sh030")
    with clientobs.span("after"):
        pass
    clientobs.shutdown()
    after = seen(home).context_of("after")
    assert after["production.shot"] == "sh030"
    assert "farm.frame.range" not in after


def test_without_clientobs_a_task_is_nothing_at_all() -> None:
    task = clientobs.farm_task(frame=1)
    with task as span:
        span.set_attribute("render.samples", 64)
    assert task.begin() is task
    task.end("failed")
    task.end()


@pytest.mark.usefixtures("lenient_faults", "runtime")
def test_odd_values_neither_raise_nor_stop_a_task(home: Path) -> None:
    class Odd:
        def __str__(self) -> str:
            raise ValueError("not today")

    odd: Any = Odd()
    with clientobs.farm_task(frame=odd, task_id=b"\xff", chunk=odd, layer="\ud800"):
        pass
    task = clientobs.farm_task(frame=1).begin()
    task.end(odd)
    clientobs.shutdown()
    assert tasks_in(home)[-1].production["farm.frame.range"] == "1"


def test_the_user_of_a_job_is_a_pseudonym_and_its_name_no_secret(
    home: Path, submitted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUE_USER", "jane.doe")
    clientobs.init("render")
    with clientobs.farm_task(frame=1):
        pass
    clientobs.shutdown()
    (task,) = tasks_in(home)
    assert task.production["farm.job.user"]
    assert "jane" not in str([one.production for one in seen(home).placed])


FORKED = """
    import json, os, threading
    import clientobs
    clientobs.init("render", drain="off")
    held, go = threading.Event(), threading.Event()
    from clientobs.record.tasks import tasks
    def hold():
        with tasks._lock:
            held.set(); go.wait()
    thread = threading.Thread(target=hold); thread.start(); held.wait()
    pid = os.fork()
    if pid == 0:
        with clientobs.farm_task(frame=1):
            trace = clientobs.trace_id()
        os._exit(0 if trace else 1)
    code = os.waitpid(pid, 0)[1]
    go.set(); thread.join()
    print(json.dumps(code))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are POSIX")
def test_a_forked_child_does_not_wait_for_a_lock_of_its_parents() -> None:
    assert answer_of(FORKED, flags=("-W", "ignore::DeprecationWarning"), timeout=30) == 0


def on_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_a_task_left_open_at_a_shutdown_is_nothing_to_the_next_session(home: Path) -> None:
    clientobs.init("render")
    left_open = clientobs.farm_task(frame=1).begin()
    clientobs.shutdown()
    clientobs.init("render")
    with clientobs.farm_task(frame=2):
        on_thread(clientobs.span("render").__call__(lambda: None))
    left_open.end()
    with clientobs.span("after"):
        pass
    clientobs.shutdown()
    found = seen(home)
    assert found.span("render").parent_id == tasks_in(home)[-1].record.span_id
    assert found.span("after").parent_id == 0
