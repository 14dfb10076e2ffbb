"""A forked child never writes into its parent's run; it has one of its own, once it records."""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs import _fork
from clientobs.journal.format import Kind
from clientobs.journal.runs import list_runs
from support.journals import contents, make_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clientobs.journal.home import Home
    from clientobs.journal.writer import Journal

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture
def journal(place: Home) -> Iterator[Journal]:
    """Return a journal that learns of forks, as the runtime's does."""
    made = make_journal(place)
    assert made.append(Kind.LOG, b"parent before")
    _fork.in_child(made.after_fork_in_child)
    yield made
    _fork.forget(made.after_fork_in_child)


def in_child(do: Callable[[], object]) -> int:
    """Run `do` in a forked child that leaves by os._exit; return its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            do()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def by_run(place: Home) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for name, reading in contents(place).readings.items():
        logs = [frame.payload for frame in reading.frames if frame.kind == Kind.LOG]
        found.setdefault(name.split("/")[0], []).extend(logs)
    return found


def test_a_child_that_records_nothing_leaves_nothing(place: Home, journal: Journal) -> None:
    assert in_child(lambda: None) == 0
    assert len(list_runs(place)) == 1


def test_a_child_has_a_run_of_its_own(place: Home, journal: Journal) -> None:
    parent = journal.run
    assert in_child(lambda: journal.append(Kind.LOG, b"child")) == 0
    assert journal.append(Kind.LOG, b"parent after")
    runs = by_run(place)
    assert runs.pop(parent) == [b"parent before", b"parent after"]
    assert list(runs.values()) == [[b"child"]]
    assert sorted(contents(place).roles().values()) == ["child", "main"]
    (child,) = runs
    states = {run.run: run.state for run in list_runs(place)}
    assert states == {parent: "alive", child: "dead"}


def test_a_child_of_a_fork_that_python_did_not_see_notices_it(place: Home, journal: Journal) -> None:
    """A fork in C code, or a handler that records before ours has run."""
    _fork.forget(journal.after_fork_in_child)
    parent = journal.run
    assert in_child(lambda: journal.append(Kind.LOG, b"child")) == 0
    runs = by_run(place)
    assert runs.pop(parent) == [b"parent before"]
    assert list(runs.values()) == [[b"child"]]


def test_without_that_check_the_child_would_write_the_parents_file(place: Home, journal: Journal) -> None:
    """The mutant: the segment believes to be in its own process."""
    _fork.forget(journal.after_fork_in_child)
    segment = journal._lanes.current["bulk"]
    assert segment is not None
    segment._getpid = lambda: segment._pid
    assert in_child(lambda: journal.append(Kind.LOG, b"child")) == 0
    assert by_run(place)[journal.run] == [b"parent before", b"child"]


def test_a_child_does_not_seal_its_parents_segments_nor_free_its_lock(place: Home, journal: Journal) -> None:
    assert in_child(lambda: journal.close("exited", "")) == 0
    assert contents(place).notes("sealed") == []
    assert contents(place).notes("closed") == []
    (run,) = list_runs(place)
    assert run.state == "alive"


def test_contexts_that_the_parent_numbered_are_known_to_the_child(place: Home, journal: Journal) -> None:
    number = journal.context_number("production", {"production.shot": "sh010"})
    assert in_child(lambda: journal.append(Kind.LOG, b"child", "bulk", (number,))) == 0
    assert contents(place).unresolved_contexts({b"child": (number,)}) == []


def test_open_spans_of_the_parent_are_not_the_childs(place: Home, journal: Journal) -> None:
    journal.span_started(1, b"of the parent")
    assert in_child(lambda: journal.append(Kind.LOG, b"child")) == 0
    assert len(contents(place).frames(Kind.SPAN_STARTED)) == 1


def test_two_children_of_one_moment_have_two_runs(place: Home, journal: Journal) -> None:
    for _ in range(2):
        assert in_child(lambda: journal.append(Kind.LOG, b"child")) == 0
    assert len(list_runs(place)) == 3


def test_a_grandchild_has_a_run_too(place: Home, journal: Journal) -> None:
    def generation() -> None:
        assert journal.append(Kind.LOG, b"child")
        assert in_child(lambda: journal.append(Kind.LOG, b"grandchild")) == 0

    assert in_child(generation) == 0
    assert sorted(by_run(place).values()) == [[b"child"], [b"grandchild"], [b"parent before"]]


def test_a_child_forked_in_the_middle_of_an_append_leaves_the_parents_file_alone(
    place: Home, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler may fork: the child then returns into the append it interrupted."""
    segment = journal._lanes.current["bulk"]
    assert segment is not None
    forked: list[int] = []
    clock = journal._mono

    def fork_once() -> int:
        if not forked:
            forked.append(-1)  # before the fork, since its hook in the child reads the clock as well
            forked[0] = os.fork()
        return clock()

    monkeypatch.setattr(journal, "_mono", fork_once)
    del segment
    parent = journal.run
    landed = False
    try:
        landed = journal.append(Kind.LOG, b"record")
    finally:
        if forked[0] == 0:
            os._exit(0 if landed else 1)
    assert landed
    assert os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1]) == 0
    runs = by_run(place)
    assert runs.pop(parent) == [b"parent before", b"record"]
    assert list(runs.values()) == [[b"record"]]


def _record(journal: Journal) -> None:
    journal.append(Kind.LOG, b"worker")


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_multiprocessing_children_end_with_a_clean_close(place: Home, journal: Journal) -> None:
    """They leave by os._exit and run no atexit: multiprocessing's own finalizers are the way."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_record, args=(journal,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0]
    states = [run.state for run in list_runs(place) if run.run != journal.run]
    assert states == ["closed", "closed"]
    details = [note["detail"] for note in contents(place).notes("closed")]
    assert details == ["multiprocessing", "multiprocessing"]
    assert "multiprocessing" in sys.modules
