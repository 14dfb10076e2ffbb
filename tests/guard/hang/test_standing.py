"""Whether a thread computes, from what the system counts: also on a machine that has no time for it."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from clientobs import _procfs
from clientobs.guard.hang import standing
from clientobs.guard.hang.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECOND = 1_000_000_000


def beside(look: Callable[[], Any]) -> Any:
    """Do it on another thread, as the keeper does."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(look()))
    thread.start()
    thread.join(10)
    return found[0]


@pytest.mark.parametrize(
    ("cpu", "wanted", "computes"),
    [
        (1.0, 1.0, True),
        (0.25, None, True),
        (0.1, 1.0, True),
        (0.1, None, False),
        (0.1, 0.6, False),
        (0.001, 1.0, False),
        (0.0, 0.0, False),
    ],
    ids=[
        "alone",
        "among others",
        "starved by others",
        "where nobody tells of waiting",
        "one that sleeps in between",
        "one that waits for something else",
        "asleep",
    ],
)
def test_a_thread_computes_if_it_runs_or_would_all_the_time(
    monkeypatch: pytest.MonkeyPatch, cpu: float, wanted: float | None, computes: bool
) -> None:
    at = {"second": 1}

    def growing(share: float | None) -> Callable[..., float | None]:
        return lambda *_: None if share is None else share * at["second"]

    monkeypatch.setattr(standing, "_thread_cpu", growing(cpu))
    monkeypatch.setattr(_procfs, "wanted_seconds", growing(wanted))
    looks = Standing()
    looks.begin(SECOND)
    for _ in range(3):
        at["second"] += 1
        facts = looks.look(at["second"] * SECOND)
    assert bool(facts.computing_ns) is computes


@pytest.mark.parametrize(("share", "runs_on"), [(1.0, True), (0.6, True), (0.3, False), (None, False)])
def test_a_main_thread_has_run_on_if_it_used_a_processor_for_most_of_the_time(
    monkeypatch: pytest.MonkeyPatch, share: float | None, runs_on: bool
) -> None:
    """Since it was asked last: one that was stopped for a minute may have computed for a day before."""
    spent = [86_400.0]
    monkeypatch.setattr(_procfs, "wanted_seconds", lambda *_: None)
    monkeypatch.setattr(standing, "_thread_cpu", lambda: None if share is None else spent[0])
    looks = Standing()
    assert not looks.has_run_on(100 * SECOND)
    spent[0] += 4 * (share or 0)
    assert looks.has_run_on(104 * SECOND) is runs_on
    assert not looks.has_run_on(164 * SECOND)


def test_one_that_would_have_run_on_a_free_machine_has_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [0.0]
    monkeypatch.setattr(_procfs, "wanted_seconds", lambda *_: wanted[0])
    monkeypatch.setattr(standing, "_thread_cpu", lambda: 0.0)
    looks = Standing()
    assert not looks.has_run_on(100 * SECOND)
    wanted[0] += 3.9
    assert looks.has_run_on(104 * SECOND)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux tells of threads")
def test_what_was_read_since_the_beginning_counts_at_the_first_look(tmp_path: Path) -> None:
    """The keeper may have no turn for a second look before the threshold."""
    if _procfs.moved("self", os.getpid()) is None:
        pytest.skip("this kernel does not count what threads read")
    looks = Standing()
    beside(lambda: looks.begin(time.monotonic_ns()))
    assert not beside(lambda: looks.look(time.monotonic_ns())).moved
    beside(lambda: looks.begin(time.monotonic_ns()))
    (tmp_path / "frame").write_bytes(b"1001")
    assert beside(lambda: looks.look(time.monotonic_ns())).moved


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux tells of threads")
def test_a_look_keeps_the_interpreter_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of `os` lets go of it, and may have it back seconds later only."""
    for name in ("open", "read", "close"):
        monkeypatch.setattr(os, name, None)
    found = _procfs.moved("self", os.getpid()), _procfs.turns("self", os.getpid())
    held = _procfs.is_held("self")
    monkeypatch.undo()
    assert None not in found
    assert not held


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux tells of threads")
def test_what_is_not_there_is_nothing_and_leaves_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        assert _procfs.turns("self", 1 << 30) is None
        assert _procfs.moved("self", 1 << 30) is None
        assert _procfs.raw_call("self", 1 << 30) == ""
        assert _procfs.moved("self", os.getpid()) is not None
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux tells of threads")
def test_the_time_that_a_thread_wanted_is_at_least_what_it_got() -> None:
    before = _procfs.wanted_seconds("self", os.getpid())
    if before is None:
        pytest.skip("this kernel does not count how long threads wait for a processor")
    began = time.thread_time()
    while time.thread_time() - began < 0.2:
        sum(range(10_000))
    after = _procfs.wanted_seconds("self", os.getpid())
    assert after is not None
    assert after - before >= 0.15
