"""What is a hang where the keeper has no turn though Python runs, on a clock and counts of the test's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from clientobs import _procfs
from clientobs._beat import Beat
from clientobs._procfs import Turns
from clientobs.drain.hangs.convoy import Convoy
from clientobs.drain.hangs.silence import Silence

SECOND: Final = 1_000_000_000
MAIN, KEEPER = 7, 8
BEAT: Final = Beat(at=100 * SECOND, watch="span", answered=100 * SECOND, threshold=5 * SECOND, thread=KEEPER)


class System:
    """Counts that grow by so much a second: what a main thread runs, waits to run and reads, how its keeper wakes."""

    def __init__(
        self,
        *,
        ran: float = 1.0,
        waited: float = 0.0,
        wakes: int = 500,
        keeper_waited: float = 0.01,
        reads: int = 0,
    ) -> None:
        self.now = 100.0
        self.main, self.keeper, self.reads = [0.0, 0.0], [0.0, 0.0], 0.0
        self.ran, self.waited, self.wakes, self.keeper_waited = ran, waited, wakes, keeper_waited
        self.reads_a_second = reads
        self.silence = Silence(MAIN, is_held=lambda _pid: False, turns=self.turns, moved=self.moved)
        self.beat = BEAT

    def turns(self, _pid: int, thread: int) -> Turns:
        if thread == MAIN:
            return Turns(self.main[0], self.main[1], 0)
        return Turns(0.0, self.keeper[0], int(self.keeper[1]))

    def moved(self, _pid: int, _thread: int) -> tuple[int, int]:
        return int(self.reads), int(self.reads) * 16

    def go(self, seconds: float) -> float:
        """Look four times a second; return after how many seconds it was a hang, 0.0 if it was none."""
        for step in range(1, int(seconds * 4) + 1):
            self.now += 0.25
            self.main[0] += self.ran / 4
            self.main[1] += self.waited / 4
            self.keeper[0] += self.keeper_waited / 4
            self.keeper[1] += self.wakes / 4
            self.reads += self.reads_a_second / 4
            now = int(self.now * SECOND)
            silent = self.silence.look(self.beat, now)
            if silent and self.silence.is_hang(self.beat, silent, now):
                return step / 4
        return 0.0

    def speak(self, *, answered: bool = False) -> None:
        """Write a beat."""
        at = int(self.now * SECOND)
        self.beat = replace(self.beat, at=at, answered=at if answered else self.beat.answered)


@pytest.fixture(autouse=True)
def waiting(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Return the threads that wait for a lock: the keeper, and whom the test adds."""
    threads = {KEEPER}
    monkeypatch.setattr(_procfs, "waits_for_lock", lambda _pid, thread: thread in threads)
    monkeypatch.setattr(_procfs, "raw_call", lambda _pid, _thread: "")
    return threads


def test_a_main_thread_that_computes_beside_a_keeper_without_a_turn_is_a_hang() -> None:
    system = System()
    assert 5 <= system.go(20) <= 7.5
    assert system.silence.reason == "computing"


@pytest.mark.parametrize(
    "system",
    [
        System(ran=0.0),
        System(ran=0.1, waited=0.1),
        System(reads=1000),
        System(ran=0.0, reads=1000),
    ],
    ids=["waits", "computes now and then", "computes and reads", "reads"],
)
def test_one_that_gets_on_is_none(system: System) -> None:
    assert system.go(30) == 0


def test_native_code_that_holds_the_lock_needs_no_more_evidence() -> None:
    """Who waits for it wakes each 5 ms, and no more often."""
    system = System(ran=0.0, wakes=198)
    assert 5 <= system.go(20) <= 6.5
    assert system.silence.reason == "native"


def test_how_often_a_keeper_wakes_is_told_by_the_time_that_it_slept() -> None:
    """On a machine that has no time it waits for a processor in between, and is woken less often."""
    assert System(ran=0.0, wakes=170, keeper_waited=0.29).go(20) == 0


def test_a_machine_that_has_no_time_for_the_keeper_has_it_for_a_main_thread_that_computes() -> None:
    assert System(ran=0.5, keeper_waited=0.9, wakes=20).go(20)
    assert System(ran=0.03, waited=0.96, keeper_waited=0.9, wakes=20).go(20)
    assert System(ran=0.0, keeper_waited=0.9, wakes=20).go(20) == 0
    assert System(ran=0.5, keeper_waited=0.9, wakes=20, reads=10).go(20) == 0


def test_a_turn_in_between_doesnt_begin_the_count_anew() -> None:
    """The keeper comes by each three seconds, and says that it has heard nothing."""
    system = System()
    assert system.go(3) == 0
    system.speak()
    assert 2 <= system.go(5) <= 4.5


def test_a_turn_at_which_the_main_thread_has_answered_does() -> None:
    system = System()
    for _ in range(10):
        assert system.go(3) == 0
        system.speak(answered=True)


def test_an_answer_that_is_written_down_late_is_one_of_its_own_time() -> None:
    """The keeper is kept from the lock between its look and its word on it as well."""
    system = System()
    assert system.go(4) == 0
    at = int((system.now - 1.5) * SECOND)
    system.beat = replace(BEAT, at=at, answered=at)
    assert 4 <= system.go(20) <= 7


def test_nothing_is_told_before_it_is_known_whether_python_runs() -> None:
    system = System(ran=0.0)
    system.now += 1.5  # the drain comes late
    system.beat = replace(BEAT, threshold=2 * SECOND)
    assert system.go(20) == 0


def test_where_nobody_tells_what_a_thread_moves_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    system = System()
    monkeypatch.setattr(system.silence._convoy, "_moved", lambda _pid, _thread: None)
    assert system.go(20) == 0


@pytest.mark.parametrize(
    ("thread", "hangs"), [(MAIN, True), (0, False)], ids=["waits too", "waits for events"]
)
def test_an_event_loop_hangs_if_it_waits_for_the_lock_as_well(
    waiting: set[int], thread: int, hangs: bool
) -> None:
    waiting.add(thread)
    system = System(ran=0.0)
    system.beat = replace(BEAT, watch="loop")
    assert bool(system.go(20)) is hangs
    assert not hangs or system.silence.reason == "interface"


def test_an_event_loop_that_has_waited_for_events_is_silent_since_then(waiting: set[int]) -> None:
    system = System(ran=0.0)
    system.beat = replace(BEAT, watch="loop")
    assert system.go(20) == 0
    waiting.add(MAIN)
    assert 5 <= system.go(20) <= 5.5


def test_a_batch_computes_for_as_long_as_it_likes() -> None:
    system = System()
    system.beat = replace(BEAT, watch="file")
    assert system.go(60) == 0


def test_a_host_whose_main_thread_answers_is_not_looked_at() -> None:
    looks: list[int] = []

    def turns(_pid: int, thread: int) -> None:
        looks.append(thread)

    convoy = Convoy(MAIN, turns, lambda _pid, _thread: None)
    for quarter in range(400, 480):
        at = quarter // 4 * SECOND
        convoy.follow(replace(BEAT, at=at, answered=at), quarter * SECOND // 4)
    assert looks == []
