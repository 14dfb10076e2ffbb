"""How long a drain lives: take the lock, do rounds, leave when idle, asked or told to.

The same life is led in the drain's own process, in the foreground (`clientobs drain`), and by a thread of
the host (`thread` mode). Correctness never rests on it: a drain may be killed between any two lines.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from clientobs._guarded import faults
from clientobs._version import __version__
from clientobs.drain.handover import ask_to_leave, asked_to_leave, is_newer, withdraw
from clientobs.drain.launch.throttle import STEADY_SECONDS, forgive
from clientobs.drain.lock import DrainLock, drain_folder, file_of, look

__all__ = ["Life", "Place", "Reason", "Service", "Steward", "take_lock"]

Steward: TypeAlias = Literal["host", "ops"]
"""Who looks after a drain: the hosts that start one on demand, or a service manager of ops (or a person)."""
Reason: TypeAlias = Literal["idle", "asked", "stopped", "lost", "faults", "held", "done", "undelivered"]
"""Why a drain left: idle; a newer version asked; told to stop; its lock or home is gone; too many faults in
a row (a fresh process may do better); another drain holds the lock. After `once`: all is delivered, or not
all."""

_HAND_OVER_SECONDS: Final = 30.0
_START_SECONDS: Final = 2.0
_MAX_FAULTS: Final = 10
_FAULT_PAUSE: Final = 1.0


class Service(Protocol):
    """What delivers (`service.py`): built when the lock is held, closed before it is let go of."""

    @property
    def idle(self) -> bool:
        """Whether nothing records, nothing waits, and nothing is on its way."""

    def step(self) -> bool:
        """Do one round; say whether there is more to do at once."""

    def rest(self, read_more: bool, /) -> None:
        """Wait until the next round makes sense."""

    def wake(self) -> None:
        """End a rest, from another thread or a signal handler."""

    def once(self, timeout: float) -> bool:
        """Deliver what is there, within `timeout` seconds; say whether all of it arrived."""

    def close(self) -> None:
        """Write what must be kept, and let go of everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which drain this is."""

    home: str
    destination: str
    version: str = __version__
    steward: Steward = "host"

    def file(self, kind: str) -> str:
        """Return the path of one of its small files."""
        return file_of(self.home, self.destination, kind)


def take_lock(place: Place, patience: float = _START_SECONDS) -> DrainLock | None:
    """Become the drain of `place`, or return None where it is another's for longer than `patience` seconds.

    An older drain that a host had started is asked to leave, and given half a minute.
    """
    drain_folder(place.home)
    holder = look(place.file("lock"))
    if holder is not None and holder.steward == "host" and is_newer(place.version, holder.version):
        ask_to_leave(place.home, place.destination, place.version)
        patience = max(patience, _HAND_OVER_SECONDS)
    lock = DrainLock.acquire(
        place.file("lock"), version=place.version, steward=place.steward, patience=patience
    )
    if lock is not None:
        withdraw(place.home, place.destination, place.version)
    return lock


class Life:
    """One drain: `run` leads it to its end, `once` only delivers what is there, `stop` ends it from outside.

    `build` makes the service, under the lock. `has_work` looks without the lock and changes nothing: is
    there a live run of this destination, or anything to deliver?
    """

    def __init__(
        self,
        place: Place,
        build: Callable[[], Service],
        has_work: Callable[[], bool],
        *,
        idle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._place = place
        self._build = build
        self._has_work = has_work
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._stop = threading.Event()
        self._pause = pause or self._stop.wait
        self._service: Service | None = None

    def stop(self) -> None:
        """End this life after its round; for another thread or a signal handler."""
        self._stop.set()
        service = self._service
        if service is not None:
            service.wake()

    def run(self, patience: float = _START_SECONDS) -> Reason:
        """Deliver until there is a reason to leave, and return it; the lock is free afterwards."""
        reason: Reason = "held"
        while (lock := take_lock(self._place, patience)) is not None:
            reason = self._hold(lock, self._rounds)
            # A host that began its run a moment ago saw the lock held, and starts no drain: its run must be
            # found by one more look, now that the lock is free. One that begins later sees that, and starts
            # one.
            if reason != "idle" or not self._has_work():
                return reason
            patience = 0.0  # where another drain is quicker now, it has found the run as well
        return reason

    def once(self, timeout: float) -> Reason:
        """Deliver what is there, within `timeout` seconds."""
        lock = take_lock(self._place)
        if lock is None:
            return "held"
        return self._hold(lock, lambda service: "done" if service.once(timeout) else "undelivered")

    def _hold(self, lock: DrainLock, work: Callable[[Service], Reason]) -> Reason:
        self._lock = lock
        try:
            self._service = service = self._build()
            try:
                reason = work(service)
            finally:
                # Before the lock goes: what is written here must not overwrite what the next drain writes.
                service.close()
            if reason not in ("lost", "faults"):
                forgive(self._place.home, self._place.destination)
            return reason
        finally:
            self._service = None
            lock.release()

    def _rounds(self, service: Service) -> Reason:
        began = busy_at = self._clock()
        steady, bad = False, 0
        while True:
            read_more, bad = self._round(service, bad)
            now = self._clock()
            if bad or not service.idle:
                busy_at = now
            if not steady and now - began >= STEADY_SECONDS:
                forgive(self._place.home, self._place.destination)
                steady = True
            reason = self._reason_to_leave(bad)
            if reason is None and now - busy_at >= self._idle_seconds:
                reason = "idle"
            if reason is not None:
                return reason
            service.rest(read_more)

    def _round(self, service: Service, bad: int) -> tuple[bool, int]:
        """Do one round; return whether there is more to do at once, and how many rounds in a row were bad."""
        try:
            return service.step(), 0
        except Exception as error:  # noqa: BLE001  # one bad round must not end the delivery of all others
            faults.record("drain.step", error)
            self._pause(_FAULT_PAUSE)
            return False, bad + 1

    def _reason_to_leave(self, bad: int) -> Reason | None:
        if self._stop.is_set():
            return "stopped"
        if not self._lock.is_held():
            return "lost"
        if bad >= _MAX_FAULTS:
            return "faults"
        # A service manager would start the old version again: only a drain that hosts started makes room.
        if self._place.steward == "host" and asked_to_leave(
            self._place.home, self._place.destination, self._place.version
        ):
            return "asked"
        return None
