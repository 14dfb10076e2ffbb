"""Tasks of a pool that fail: told where nobody asks for their result, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.journal.records import LogRecord

PRELUDE = """
import asyncio, concurrent.futures as futures, gc, sys, weakref
import clientobs
clientobs.init("tool")
def export(shot): raise ValueError(f"no plate: {shot}")
pool = futures.ThreadPoolExecutor(2, thread_name_prefix="export")
"""


def run(source: str) -> Any:
    return run_program(PRELUDE + source)


def told(home: Path) -> list[LogRecord]:
    return [log for log in seen(home).logs if "exception.type" in log.attributes]


def test_a_task_that_nobody_asks_about_is_told_where_it_was_submitted(home: Path) -> None:
    run("""
with clientobs.context(shot="sh010"), clientobs.span("publish"):
    pool.submit(export, "sh010")
pool.shutdown()
""")
    (headline,) = seen(home).events("exception")
    assert headline.attributes["exception.message"] == "no plate: sh010"
    assert headline.attributes["exception.mechanism"] == "future"
    assert headline.attributes["thread.name"].startswith("export")
    assert headline.attributes["code.function.name"] == "export"
    assert headline.span_id == seen(home).span("publish").span_id


def test_one_that_the_program_holds_to_its_end_is_told_at_the_end(home: Path) -> None:
    run("""
with clientobs.span("publish"):
    kept = [pool.submit(export, "sh010")]
pool.shutdown()
""")
    (headline,) = seen(home).events("exception")
    assert headline.span_id == seen(home).span("publish").span_id


ASKED = {
    "result": """
try: future.result()
except ValueError: pass
""",
    "result, and lets go of the frames": """
try: future.result()
except ValueError as error: error.__traceback__ = None
""",
    "exception": "assert future.exception() is not None",
    "a callback": "future.add_done_callback(lambda done: done.exception())",
    "as they come": """
for done in futures.as_completed([future]):
    try: done.result()
    except ValueError: pass
""",
    "asyncio": """
async def work():
    try: await asyncio.wrap_future(future)
    except ValueError: pass
asyncio.run(work())
""",
}


@pytest.mark.parametrize("way", ASKED)
def test_whoever_asks_has_the_failure_in_hand(home: Path, way: str) -> None:
    run(f"future = pool.submit(export, 'sh010')\n{ASKED[way]}\npool.shutdown(); del future; gc.collect()")
    assert told(home) == []


def test_an_exception_that_came_out_of_another_future_is_unseen_all_the_same(home: Path) -> None:
    run("""
def outer(): pool.submit(export, "sh010").result()
futures.wait([pool.submit(outer)])
pool.shutdown()
""")
    (headline,) = seen(home).events("exception")
    assert headline.attributes["exception.message"] == "no plate: sh010"
    assert len(told(home)) == 1


def test_one_mistake_in_many_tasks_has_one_headline_and_none_where_one_was_asked_for(home: Path) -> None:
    run("""
for shot in range(20): pool.submit(export, shot)
def convert(shot): raise OSError(shot)
try: list(pool.map(convert, range(5)))
except OSError: pass
pool.shutdown()
""")
    assert [log.attributes["exception.type"] for log in seen(home).events("exception")] == ["ValueError"]
    assert len(told(home)) == 20 + 4


def test_cancelled_refused_and_well_ended_tasks_are_no_failure(home: Path) -> None:
    run("""
class Refused(Exception): tool_outcome = "rejected"
def refuse(): raise Refused()
pool.submit(refuse); pool.submit(len, ())
done = futures.Future(); done.cancel()
try: done.set_exception(ValueError("too late"))
except futures.InvalidStateError: pass
pool.shutdown()
""")
    assert told(home) == []


def test_a_second_exception_that_is_refused_leaves_the_first_to_whoever_asks(home: Path) -> None:
    run("""
def fail_twice():
    future = futures.Future()
    future.set_exception(ValueError("first"))
    try: future.set_exception(ValueError("second"))
    except futures.InvalidStateError: pass
    return future
try: fail_twice().result()
except ValueError: pass
fail_twice()
""")
    assert [log.attributes["exception.message"] for log in told(home)] == ["first"]


def test_nothing_is_kept_alive_and_undoing_it_ends_it(home: Path) -> None:
    done = run("""
class Scene: pass
def holds():
    scene = Scene(); refs.append(weakref.ref(scene))
    raise KeyError(scene)
refs = []
pool.submit(holds)
try: pool.submit(holds).result()
except KeyError: pass
kept = pool.submit(export, "sh010")
pool.shutdown()
gc.collect()
print([ref() for ref in refs])
clientobs.uninstrument("exceptions")
del kept
""")
    assert done.stdout == "[None, None]\n"
    assert [log.attributes["exception.type"] for log in told(home)] == ["KeyError"]


def test_a_second_exception_that_a_future_refuses_leaves_the_first_to_who_asks(home: Path) -> None:
    run("""
future = pool.submit(export, "sh010")
futures.wait([future])
try: future.set_exception(KeyError("too late"))
except futures.InvalidStateError: pass
try: future.result()
except ValueError: pass
unseen = pool.submit(export, "sh020")
futures.wait([unseen])
try: unseen.set_exception(KeyError("too late"))
except futures.InvalidStateError: pass
pool.shutdown(); del future, unseen; gc.collect()
""")
    assert [log.attributes["exception.message"] for log in told(home)] == ["no plate: sh020"]


def test_a_thousand_failures_that_are_kept_to_the_end_are_counted_and_not_each_looked_at(home: Path) -> None:
    done = run("""
from clientobs.instruments.exceptions.desk import Desk
looks, look = [], Desk.report_unseen
def report_unseen(*args, **named): looks.append(1); look(*args, **named)
Desk.report_unseen = report_unseen
kept = [pool.submit(export, shot) for shot in range(1000)]
pool.shutdown()
clientobs.shutdown()
print(len(looks))
""")
    assert done.stdout == "60\n"
    assert len(told(home)) == 60
    assert seen(home).notes("loss")[-1]["exceptions"] == 940


def test_one_that_is_dropped_where_nothing_is_left_to_call_prints_nothing(home: Path) -> None:
    done = run("""
def down(left): box.clear() if not left else down(left - 1)
for spare in range(3, 60):
    box = [futures.Future()]
    box[0].set_exception(ValueError("deep"))
    try: down(sys.getrecursionlimit() - spare)
    except RecursionError: pass
""")
    assert "_Unseen" not in done.stderr


def test_a_thread_that_python_does_not_know_stays_unknown(home: Path) -> None:
    done = run("""
import _thread, threading
over = _thread.allocate_lock(); over.acquire()
def work():
    failed = futures.Future()
    failed.set_exception(ValueError("of C++"))
    del failed
    try:
        with clientobs.span("save"): export("sh010")
    except ValueError: pass
    print([thread.name for thread in threading.enumerate() if "Dummy" in thread.name])
    over.release()
_thread.start_new_thread(work, ())
over.acquire()
""")
    assert done.stdout == "[]\n"
    assert len(told(home)) == 2
    assert all(log.attributes["thread.id"] for log in told(home))
