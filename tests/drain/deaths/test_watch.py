"""The memory of living hosts: how densely it is sampled, and what of it is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from clientobs.drain.deaths import watch
from clientobs.drain.deaths.counts import Kills, cgroup_file, read_kills
from clientobs.drain.deaths.exit_handle import ExitHandle
from clientobs.drain.deaths.findings import Sample
from clientobs.drain.deaths.watch import LifeWatch, LivesWatch, memory_of
from clientobs.drain.runs.growth import growth_of
from clientobs.journal.process import process_start
from clientobs.journal.records import Header, SpanRecord

MIB = 1 << 20


def life() -> LifeWatch:
    return LifeWatch(
        group_file="", handle=ExitHandle(os.getpid()), kills=Kills(0, 0), kills_before=Kills(0, 0)
    )


def run_of(pid: int, *, boot: str = "b", start: str | None = None, alive: bool = True) -> Any:
    own = process_start(pid) if start is None else start
    header = Header(
        run="r",
        session="s",
        lane="bulk",
        number=1,
        pid=pid,
        boot_id=boot,
        pid_start=own,
        wall_ns=0,
        mono_ns=0,
    )
    return SimpleNamespace(run="r", header=header, alive=alive)


def span(name: str, start_s: float) -> SpanRecord:
    return SpanRecord(1, 1, 0, name, 0, 1, "", 0, 0, 0, int(start_s * 1e9), {})


def test_a_day_of_rest_and_a_minute_of_growth_are_both_kept_in_few_samples() -> None:
    watched = life()
    for second in range(86_400):
        watched.add(Sample(second * 10**9, 500 * MIB + second % 3))
    for second in range(86_400, 86_460):
        watched.add(Sample(second * 10**9, (500 + 100 * (second - 86_399)) * MIB))
    assert len(watched.samples) <= 64
    assert watched.samples[0].mono_ns == 0
    assert watched.samples[-1] == Sample(86_459 * 10**9, 6500 * MIB)
    at_start = [sample for sample in watched.samples if sample.mono_ns <= 86_400 * 10**9]
    assert at_start[-1].mono_ns >= 86_390 * 10**9  # where it began to grow


def test_a_process_is_sampled_once_a_second_and_at_each_look_while_it_grows() -> None:
    now, sizes = [0], iter([100, 100, 110, 120, 130, 130])
    lives = LivesWatch(
        "b", read=lambda _pid: next(sizes) * MIB, kills=lambda _file: Kills(0, 0), mono=lambda: now[0]
    )
    taken = []
    for _ in range(13):
        lives.look([run_of(os.getpid())])
        found = lives.of("r")
        assert found is not None
        taken.append(found.samples[-1].mono_ns / 1e9)
        now[0] += 250_000_000
    assert sorted(set(taken)) == [0, 1.0, 2.0, 2.25, 2.5, 2.75]


def test_the_count_is_compared_with_the_one_before_the_last_sample() -> None:
    now, counted = [0], [5]
    lives = LivesWatch(
        "b", read=lambda _pid: MIB, kills=lambda _file: Kills(counted[0], -1), mono=lambda: now[0]
    )
    lives.look([run_of(os.getpid())])
    now[0] += 2 * 10**9
    counted[0] = 6  # killed, and not gone yet
    lives.look([run_of(os.getpid())])
    lives.look([run_of(os.getpid(), alive=False)])
    assert lives.killed_since("r") == Kills(1, 0)
    lives.look([])
    assert lives.killed_since("r") == Kills(0, 0)


@pytest.mark.parametrize("changes", [{"boot": "another"}, {"start": "1"}])
def test_a_process_that_only_has_the_number_is_not_looked_at(changes: dict[str, Any]) -> None:
    lives = LivesWatch("b")
    lives.look([run_of(os.getpid(), **changes)])
    assert lives.of("r") is None


def test_the_memory_of_a_running_a_dead_and_no_process() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "x = bytearray(64 << 20); input()"], stdin=subprocess.PIPE
    )
    assert child.stdin is not None
    try:
        while memory_of(child.pid) < 64 * MIB:
            assert child.poll() is None
    finally:
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert memory_of(child.pid) == 0  # a zombie
        child.wait()
    assert memory_of(child.pid) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="counts of the Linux kernel")
def test_this_machine_counts_its_kills() -> None:
    assert read_kills(cgroup_file(os.getpid())).machine >= 0
    assert read_kills("/nowhere", "/nowhere") == Kills(-1, -1)
    assert cgroup_file(2**22 + 1) == ""


SAMPLES = [
    Sample(int(second * 1e9), size * MIB) for second, size in [(0, 100), (10, 100), (20, 1100), (30, 2100)]
]


@pytest.mark.parametrize(
    ("spans", "name", "seconds"),
    [
        ([("session", 0), ("simulate", 10), ("step", 29.9)], "simulate", 20),
        ([("session", 0)], "session", 20),
        ([("session", 5), ("late", 25)], "session", 20),
        ([], None, 20),
        ([("late", 29)], None, 20),
    ],
)
def test_growth_is_told_of_the_innermost_span_with_most_of_it(
    spans: list[tuple[str, float]], name: str | None, seconds: float
) -> None:
    growth = growth_of(SAMPLES, [span(*one) for one in spans])
    assert growth is not None
    assert (growth.span.name if growth.span else None) == name
    assert growth.size == 2000 * MIB
    assert growth.seconds == seconds


@pytest.mark.parametrize(
    "samples",
    [
        [],
        SAMPLES[:2],
        [Sample(0, 1 * MIB), Sample(1, 50 * MIB)],
        [Sample(0, 2000 * MIB), Sample(1, 2100 * MIB)],
        [Sample(0, 4000 * MIB), Sample(1, 100 * MIB)],
    ],
)
def test_what_did_not_grow_is_not_told_to_have_grown(samples: list[Sample]) -> None:
    assert growth_of(samples, [span("x", 0)]) is None


def test_a_machine_of_many_hosts_costs_a_bounded_number_of_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "_MOST_HELD", 2)
    lives = LivesWatch("b", kills=lambda _file: Kills(0, 0))
    runs = {name: run_of(os.getpid()) for name in "abcd"}
    for name, run in runs.items():
        run.run = name

    def held() -> set[str]:
        found = {name: lives.of(name) for name in runs}
        return {name for name, life in found.items() if life is not None and life.handle is not None}

    lives.look([runs["a"], runs["b"], runs["c"]])
    assert held() == {"a", "b"}
    lives.look([runs["a"], runs["c"]])
    lives.look([runs["a"], runs["c"], runs["d"]])
    assert held() == {"a", "d"}
