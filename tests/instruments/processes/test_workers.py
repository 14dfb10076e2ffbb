"""multiprocessing and ProcessPoolExecutor: one span for each child, which joins by every start method."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments.processes import workers
from clientobs.journal.format import Kind
from support.readback import Seen, seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.journal.records import SpanRecord

METHODS = ("fork", "spawn", "forkserver")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="these are the start methods of POSIX")
_SOURCES = str(Path(clientobs.__file__).parents[1])

PROLOGUE = """
import multiprocessing, os, sys, time
import clientobs

def work():
    clientobs.init("worker")
    with clientobs.span("in the child"): pass

def fail():
    sys.exit(3)

def sleep():
    time.sleep(600)

def outlive():
    os.closerange(0, 3)  # the test waits for the ends of these
    time.sleep(600)

def run(method, target):
    child = multiprocessing.get_context(method).Process(target=target)
    child.start()
    return child

class Unwilling:
    def __reduce__(self):
        raise ValueError("not to be pickled")
"""


@pytest.fixture
def host(tmp_path: Path, home: Path) -> Callable[..., Seen]:
    """Return a function that runs the main part of a program from a file, as spawned children need it."""

    def run(main: str, *arguments: str, site: str = "") -> Seen:
        program = tmp_path / "host.py"
        body = textwrap.indent(textwrap.dedent(main), "    ")
        program.write_text(f'{PROLOGUE}\nif __name__ == "__main__":\n    clientobs.init("host")\n{body}\n')
        (tmp_path / "sitecustomize.py").write_text(site)
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", str(program), *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([_SOURCES, str(tmp_path)])},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return seen(home)

    return run


def children(found: Seen) -> list[SpanRecord]:
    return [one for one in found.spans if "process.command_args" in one.attributes]


@pytest.mark.parametrize("method", METHODS)
def test_a_child_of_every_start_method_joins_below_its_own_span(
    method: str, host: Callable[..., Seen]
) -> None:
    found = host(
        """
        with clientobs.context(shot="sq010_sh020"), clientobs.span("publish"):
            run(sys.argv[1], work).join()
        """,
        method,
    )
    (child,) = children(found)
    assert child.parent_id == found.span("publish").span_id
    assert child.attributes["process.exit.code"] == 0
    assert found.span("in the child").parent_id == child.span_id
    assert found.span("in the child").trace_id == child.trace_id
    assert found.context_of("in the child")["production.shot"] == "sq010_sh020"
    ended = {one.header.run for one in found.placed if one.kind == Kind.NOTE and one.record.type == "closed"}
    assert ended == {one.header.run for one in found.placed}
    assert {note["status"] for note in found.notes("closed")} == {"exited"}
    assert not found.events("process.failed")


@pytest.mark.parametrize("method", METHODS)
def test_a_child_that_fails_and_one_that_is_killed_are_told(method: str, host: Callable[..., Seen]) -> None:
    found = host(
        """
        run(sys.argv[1], fail).join()
        killed = run(sys.argv[1], sleep)
        os.system(f"kill -9 {killed.pid}")  # somebody else's doing
        killed.join()
        stopped = run(sys.argv[1], sleep)
        stopped.terminate()
        stopped.join()
        """,
        method,
    )
    ours = [one for one in children(found) if one.attributes["process.launcher"].startswith("multi")]
    codes = [one.attributes["process.exit.code"] for one in ours]
    assert sorted(codes) == [-15, -9, 3]
    failed = [log.body for log in found.events("process.failed")]
    assert len(failed) == 2  # terminate() is the program's own wish
    assert "ended with code 3" in failed[0]
    assert "SIGKILL" in failed[1]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_process_that_can_not_be_pickled_is_a_launch_that_failed(
    method: str, host: Callable[..., Seen]
) -> None:
    found = host(
        """
        child = multiprocessing.get_context(sys.argv[1]).Process(target=work, args=(Unwilling(),))
        try:
            child.start()
        except ValueError as error:
            assert str(error) == "not to be pickled"
            assert error.__traceback__ is not None
        """,
        method,
    )
    (child,) = children(found)
    assert child.attributes["error.type"] == "ValueError"
    assert "process.pid" not in child.attributes


@pytest.mark.parametrize("method", METHODS)
def test_the_workers_of_a_pool_have_a_span_each_and_their_tasks_are_below(
    method: str, host: Callable[..., Seen]
) -> None:
    found = host(
        """
        from concurrent.futures import ProcessPoolExecutor
        with clientobs.span("publish"):
            with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(sys.argv[1])) as pool:
                for task in [pool.submit(work) for _ in range(4)]: task.result()
        """,
        method,
    )
    ids = {child.span_id for child in children(found)}
    assert 1 <= len(ids) <= 2
    assert {child.parent_id for child in children(found)} == {found.span("publish").span_id}
    tasks = [span for span in found.spans if span.name == "in the child"]
    assert len(tasks) == 4
    assert {task.parent_id for task in tasks} <= ids


def test_the_child_of_a_fork_server_that_records_itself_joins_the_one_who_asked(
    host: Callable[..., Seen],
) -> None:
    site = "import clientobs\nclientobs.init('everywhere')\n"
    found = host("with clientobs.span('publish'): run('forkserver', work).join()", site=site)
    (child,) = children(found)
    assert found.span("in the child").parent_id == child.span_id


def test_a_child_that_lives_longer_than_its_parent_is_told_as_detached(host: Callable[..., Seen]) -> None:
    found = host(
        """
        run("fork", outlive)
        multiprocessing.process._children.clear()  # or it would be waited for at the end
        """
    )
    (child,) = children(found)
    os.kill(int(child.attributes["process.pid"]), signal.SIGKILL)
    assert child.attributes["process.outcome"] == "detached"
    assert "process.exit.code" not in child.attributes


def test_what_is_planted_needs_no_clientobs_to_be_read() -> None:
    planted = pickle.dumps([workers._Variable("TRACEPARENT_OF_A_TEST", "00-1-2-01")])
    code = "import pickle, sys, os; pickle.load(sys.stdin.buffer); print(os.environ['TRACEPARENT_OF_A_TEST'])"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], input=planted, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"00-1-2-01"
    assert b"clientobs" not in planted


def test_undo_leaves_processes_that_run_alone(runtime: Any) -> None:
    with clientobs.span("publish"):
        child = multiprocessing.get_context("fork").Process(target=int)
        child.start()
    clientobs.uninstrument("processes")
    child.join()
    assert child.exitcode == 0
