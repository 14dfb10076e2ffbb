"""When a drain stays, leaves, hands over; the same loop as a process, in the foreground and as a thread."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from clientobs._guarded import faults
from clientobs.drain.handover import ask_to_leave
from clientobs.drain.life import DrainThread, Life, Place, Reason, Round, take_lock
from clientobs.drain.lock import DrainLock, drain_folder, look
from clientobs.drain.throttle import note_launch, read_launches
from support.drain_site import until


class Script:
    """A service that says what it is told to: rounds by number, work by question."""

    def __init__(
        self,
        live: Callable[[int], bool] = lambda _: False,
        waiting: Callable[[int], bool] = lambda _: False,
        stuck: Callable[[int], bool] = lambda _: False,
    ):
        self.stuck = stuck
        self.live = live
        self.waiting = waiting
        self.rounds = 0
        self.work: list[bool] = []
        self.on_look: Callable[[], None] = lambda: None
        self.closed = 0

    def step(self) -> Round:
        self.rounds += 1
        number = self.rounds
        return Round(
            live=self.live(number), waiting=self.waiting(number), pause=0.0, stuck=self.stuck(number)
        )

    def has_work(self) -> bool:
        self.on_look()
        return self.work.pop(0) if self.work else False

    def close(self) -> None:
        self.closed += 1


class Ticks:
    """A clock that goes on by one second at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def place(tmp_path: Path) -> Place:
    drain_folder(str(tmp_path))
    return Place(home=str(tmp_path), destination="d1", version="1.0")


def live(
    service: Script,
    place: Place,
    *,
    idle_seconds: float = 5.0,
    once: bool = False,
    stop: threading.Event | None = None,
) -> Reason:
    lock = take_lock(place)
    assert lock is not None
    life = Life(
        service,
        lock,
        place,
        idle_seconds=idle_seconds,
        stop=stop or threading.Event(),
        once=once,
        clock=Ticks(),
    )
    return life.run()


def test_an_idle_drain_leaves_after_its_time_and_lets_go(place: Place) -> None:
    service = Script(live=lambda number: number < 10)
    assert live(service, place, idle_seconds=5.0) == "idle"
    assert service.rounds == 9 + 5
    assert service.closed == 1
    assert look(place.file("lock")) is None


def test_what_waits_for_a_broken_endpoint_keeps_the_drain(place: Place) -> None:
    service = Script(waiting=lambda number: number < 50)
    assert live(service, place, idle_seconds=3.0) == "idle"
    assert service.rounds == 49 + 3


def test_an_idle_drain_looks_once_more_after_it_let_go_of_the_lock(place: Place) -> None:
    service = Script()
    service.work = [True, False]
    seen: list[bool] = []
    service.on_look = lambda: seen.append(look(place.file("lock")) is not None)
    assert live(service, place, idle_seconds=5.0) == "idle"
    assert seen == [False, False]  # both looks without the lock: a host that begins then sees it free
    assert service.rounds > 6  # the run found by the first look was served, under the lock again


def test_where_another_drain_was_quicker_the_leaving_one_leaves(place: Place) -> None:
    service = Script()
    service.work = [True]
    quicker: list[DrainLock | None] = []
    service.on_look = lambda: quicker.append(DrainLock.acquire(place.file("lock")))
    assert live(service, place, idle_seconds=2.0) == "idle"
    assert quicker[0] is not None
    assert quicker[0].is_held()  # and the leaving one did not free it
    quicker[0].release()


@pytest.mark.parametrize(("version", "reason"), [("1.1", "asked"), ("1.0", "idle"), ("0.9", "idle")])
def test_only_a_newer_version_sends_a_drain_away(place: Place, version: str, reason: Reason) -> None:
    service = Script(live=lambda number: number < 20)
    lock = take_lock(place)
    assert lock is not None
    ask_to_leave(place.home, place.destination, version)
    life = Life(service, lock, place, idle_seconds=5.0, stop=threading.Event(), clock=Ticks())
    assert life.run() == reason


def test_a_drain_of_ops_is_not_sent_away(tmp_path: Path) -> None:
    drain_folder(str(tmp_path))
    place = Place(home=str(tmp_path), destination="d1", version="1.0", steward="ops")
    lock = take_lock(place)
    assert lock is not None
    ask_to_leave(place.home, place.destination, "2.0")
    life = Life(Script(), lock, place, idle_seconds=5.0, stop=threading.Event(), clock=Ticks())
    assert life.run() == "idle"


def test_once_ends_when_nothing_waits_though_runs_are_live(place: Place) -> None:
    service = Script(live=lambda _: True, waiting=lambda number: number < 4)
    assert live(service, place, once=True) == "done"
    assert service.rounds == 4


def test_a_stop_ends_after_the_round(place: Place) -> None:
    stop = threading.Event()
    stop.set()
    service = Script(live=lambda _: True)
    assert live(service, place, stop=stop) == "stopped"
    assert (service.rounds, service.closed) == (1, 1)


def test_a_deleted_home_ends_the_drain(place: Place) -> None:
    service = Script(live=lambda number: number < 5 or bool(os.unlink(place.file("lock"))) or True)
    assert live(service, place) == "lost"


def test_a_bad_round_does_not_end_the_drain_but_ten_in_a_row_do(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "strict", False)

    class NoWait(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            return False

    service = Script(live=lambda number: number < 40 and bool(1 // (number % 3)))  # each third round is bad
    assert live(service, place, idle_seconds=5.0, stop=NoWait()) == "idle"
    assert service.rounds > 40
    service = Script(live=lambda _: bool(1 // 0))
    assert live(service, place, stop=NoWait()) == "faults"
    assert service.rounds == 10
    assert service.closed == 1
    faults.reset()


def test_a_good_life_wipes_the_slate_and_a_bad_one_does_not(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "strict", False)
    note_launch(place.home, place.destination, 100.0)

    def dies_young(number: int) -> bool:
        if number == 3:
            raise SystemExit
        return True

    with pytest.raises(SystemExit):
        live(Script(live=dies_young), place)
    assert read_launches(place.home, place.destination).count == 1

    def dies_old(number: int) -> bool:
        if number == 40:
            raise SystemExit
        return True

    with pytest.raises(SystemExit):
        live(Script(live=dies_old), place)
    assert read_launches(place.home, place.destination).count == 0
    assert look(place.file("lock")) is None


def test_a_thread_drains_in_the_host_and_leaves_when_told(place: Place) -> None:
    service = Script(live=lambda _: True)
    thread = DrainThread(lambda: service, place, retry_seconds=0.01)
    thread.start()
    until(lambda: service.rounds > 3)
    holder = look(place.file("lock"))
    assert holder is not None
    assert holder.pid == os.getpid()
    assert thread.stop(5.0)
    assert service.closed == 1
    assert look(place.file("lock")) is None


def test_a_thread_takes_over_when_the_other_hosts_thread_is_gone(place: Place) -> None:
    other = DrainLock.acquire(place.file("lock"))
    assert other is not None
    service = Script(live=lambda _: True)
    thread = DrainThread(lambda: service, place, retry_seconds=0.01)
    thread.start()
    assert thread.is_alive()
    assert service.rounds == 0
    other.release()
    until(lambda: service.rounds)
    assert thread.stop(5.0)


def test_a_service_that_cannot_be_built_leaves_the_lock_free(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "strict", False)
    attempts: list[int] = []

    def build() -> Script:
        attempts.append(1)
        raise RuntimeError("no TLS in this host")

    thread = DrainThread(build, place, retry_seconds=0.01)
    thread.start()
    until(lambda: len(attempts) > 2)
    assert thread.stop(5.0)
    assert look(place.file("lock")) is None
    assert faults.messages()["drain.thread"] == "RuntimeError: no TLS in this host"
    faults.reset()


def test_a_drain_thread_does_not_hold_the_hosts_exit(tmp_path: Path) -> None:
    program = f"""
import sys, threading
from clientobs.drain.life import DrainThread, Place, Round
from clientobs.drain.lock import drain_folder
home = {str(tmp_path)!r}
drain_folder(home)
begun = threading.Event()
class Hangs:
    def step(self):
        begun.set()
        threading.Event().wait()
DrainThread(Hangs, Place(home=home, destination="d1")).start()
begun.wait()
print("ends")
"""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, env=environ, check=True
    )
    assert done.stdout.strip() == "ends"


def test_once_ends_when_what_is_left_cannot_be_delivered_now(place: Place) -> None:
    service = Script(waiting=lambda _: True, stuck=lambda number: number >= 3)
    assert live(service, place, once=True) == "done"
    assert service.rounds == 3
