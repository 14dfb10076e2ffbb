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
from clientobs.drain.launch.throttle import note_launch, read_launches
from clientobs.drain.life import Life, Place, Reason, Service
from clientobs.drain.lock import DrainLock, drain_folder, look
from clientobs.drain.thread import DrainThread
from support.drain_site import until


class Script:
    """A service that is idle, or at fault, in the rounds that it is told."""

    def __init__(
        self, busy: Callable[[int], bool] = lambda _: False, fault: Callable[[int], bool] = lambda _: False
    ):
        self.busy = busy
        self.fault = fault
        self.rounds = 0
        self.closed = 0
        self.on_close: Callable[[], None] = lambda: None
        self.on_step: Callable[[], None] = lambda: None
        self.all_arrives = True
        self.woken = threading.Event()

    @property
    def idle(self) -> bool:
        return not self.busy(self.rounds)

    def step(self) -> bool:
        self.rounds += 1
        self.on_step()
        if self.fault(self.rounds):
            raise ValueError("a bad round")
        return False

    def rest(self, read_more: bool, /) -> None:
        self.woken.wait(0.001)

    def wake(self) -> None:
        self.woken.set()

    def once(self, timeout: float) -> bool:
        return self.all_arrives

    def close(self) -> None:
        self.closed += 1
        self.on_close()


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


def life_of(
    service: Service, place: Place, *, idle_seconds: float = 5.0, work: Callable[[], bool] = lambda: False
) -> Life:
    return Life(place, lambda: service, work, idle_seconds=idle_seconds, clock=Ticks(), pause=lambda _: None)


def holder_pid(place: Place) -> int | None:
    found = look(place.file("lock"))
    return found.pid if found else None


def test_an_idle_drain_leaves_after_its_time_and_lets_go(place: Place) -> None:
    service = Script(busy=lambda number: number < 10)
    assert life_of(service, place, idle_seconds=5.0).run() == "idle"
    assert service.rounds == 9 + 5
    assert service.closed == 1
    assert holder_pid(place) is None


def test_the_service_is_closed_under_the_lock(place: Place) -> None:
    # it writes its books: after the lock is free, another drain may have read them already
    service = Script()
    seen: list[int | None] = []
    service.on_close = lambda: seen.append(holder_pid(place))
    life_of(service, place).run()
    assert seen == [os.getpid()]


def test_an_idle_drain_looks_once_more_after_it_let_go_of_the_lock(place: Place) -> None:
    service = Script()
    answers = [True, False]
    seen: list[int | None] = []

    def work() -> bool:
        seen.append(holder_pid(place))
        return answers.pop(0)

    assert life_of(service, place, work=work).run() == "idle"
    assert seen == [None, None]  # both looks without the lock: a host that begins then sees it free
    assert service.closed == 2  # the run found by the first look was served, by a service of its own


def test_where_another_drain_was_quicker_the_leaving_one_leaves(place: Place) -> None:
    service = Script()
    quicker: list[DrainLock | None] = []

    def work() -> bool:
        quicker.append(DrainLock.acquire(place.file("lock")))
        return True

    assert life_of(service, place, work=work).run() == "idle"
    assert quicker[0] is not None
    assert quicker[0].is_held()  # and the leaving one did not free it
    quicker[0].release()


def test_where_another_drain_holds_the_lock_nothing_is_built(place: Place) -> None:
    other = DrainLock.acquire(place.file("lock"))
    assert other is not None
    service = Script()
    assert life_of(service, place).run(patience=0.0) == "held"
    assert (service.rounds, service.closed) == (0, 0)
    other.release()


@pytest.mark.parametrize(("version", "reason"), [("1.1", "asked"), ("1.0", "idle"), ("0.9", "idle")])
def test_only_a_newer_version_sends_a_drain_away(place: Place, version: str, reason: Reason) -> None:
    service = Script(busy=lambda number: number < 20)
    service.on_step = lambda: ask_to_leave(place.home, place.destination, version)
    life = life_of(service, place)
    assert life.run() == reason


def test_a_drain_of_ops_is_not_sent_away(tmp_path: Path) -> None:
    place = Place(home=str(tmp_path), destination="d1", version="1.0", steward="ops")
    service = Script(busy=lambda number: number < 20)
    service.on_step = lambda: ask_to_leave(place.home, place.destination, "2.0")
    life = life_of(service, place)
    assert life.run() == "idle"


@pytest.mark.parametrize(("arrives", "reason"), [(True, "done"), (False, "undelivered")])
def test_once_delivers_what_is_there_and_says_whether_all_arrived(
    place: Place, arrives: bool, reason: Reason
) -> None:
    service = Script(busy=lambda _: True)
    service.all_arrives = arrives
    assert life_of(service, place).once(timeout=1.0) == reason
    assert service.closed == 1
    assert holder_pid(place) is None


def test_a_stop_ends_a_resting_drain_after_its_round(place: Place) -> None:
    service = Script(busy=lambda _: True)
    service.rest = lambda _more: (service.woken.wait(10.0), None)[1]  # type: ignore[method-assign]  # rests long
    life = life_of(service, place)
    reasons: list[Reason] = []
    thread = threading.Thread(target=lambda: reasons.append(life.run()))
    thread.start()
    until(lambda: service.rounds == 1)
    life.stop()
    thread.join(5.0)
    assert reasons == ["stopped"]
    assert (service.rounds, service.closed) == (2, 1)


def test_a_deleted_home_ends_the_drain(place: Place) -> None:
    service = Script(busy=lambda _: True)
    service.on_step = lambda: os.unlink(place.file("lock")) if service.rounds == 5 else None
    assert life_of(service, place).run() == "lost"


def test_bad_rounds_do_not_end_the_drain_but_ten_in_a_row_do(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "strict", False)
    service = Script(fault=lambda number: number < 40 and number % 10 != 0)
    assert life_of(service, place).run() == "idle"
    assert service.rounds > 40
    service = Script(fault=lambda _: True)
    assert life_of(service, place).run() == "faults"
    assert service.rounds == 10
    assert service.closed == 1
    faults.reset()


def test_a_good_life_wipes_the_slate_and_a_bad_one_does_not(place: Place) -> None:
    def dies_at(last: int) -> Script:
        def die(number: int) -> bool:
            if number == last:
                raise SystemExit
            return False

        return Script(busy=lambda _: True, fault=die)

    drain_folder(place.home)
    note_launch(place.home, place.destination, 100.0)
    with pytest.raises(SystemExit):
        life_of(dies_at(3), place).run()
    assert read_launches(place.home, place.destination).count == 1
    with pytest.raises(SystemExit):
        life_of(dies_at(40), place).run()
    assert read_launches(place.home, place.destination).count == 0
    assert holder_pid(place) is None


def thread_of(build: Callable[[], Service], place: Place) -> DrainThread:
    return DrainThread(Life(place, build, lambda: False, idle_seconds=float("inf")), retry_seconds=0.01)


def test_a_thread_drains_in_the_host_and_leaves_when_told(place: Place) -> None:
    service = Script(busy=lambda _: True)
    thread = thread_of(lambda: service, place)
    thread.start()
    until(lambda: service.rounds > 3)
    assert holder_pid(place) == os.getpid()
    assert thread.stop(5.0)
    assert service.closed == 1
    assert holder_pid(place) is None


def test_a_thread_takes_over_when_the_other_hosts_thread_is_gone(place: Place) -> None:
    drain_folder(place.home)
    other = DrainLock.acquire(place.file("lock"))
    assert other is not None
    service = Script(busy=lambda _: True)
    thread = thread_of(lambda: service, place)
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

    thread = thread_of(build, place)
    thread.start()
    until(lambda: len(attempts) > 2)
    assert thread.stop(5.0)
    assert holder_pid(place) is None
    assert faults.messages()["drain.thread"] == "RuntimeError: no TLS in this host"
    faults.reset()


def test_a_drain_thread_does_not_hold_the_hosts_exit(tmp_path: Path) -> None:
    program = f"""
import sys, threading
from clientobs.drain.life import Life, Place
from clientobs.drain.thread import DrainThread
begun = threading.Event()
class Hangs:
    wake = lambda self: None
    def step(self):
        begun.set()
        threading.Event().wait()
place = Place(home={str(tmp_path)!r}, destination="d1")
thread = DrainThread(Life(place, Hangs, lambda: False, idle_seconds=9.0))
thread.start()
begun.wait()
thread.stop()
print("ends")
"""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, env=environ, check=True
    )
    assert done.stdout.strip() == "ends"
