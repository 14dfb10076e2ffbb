"""How long a drain lives: take the lock, do rounds, leave when idle, asked or told to.

The same loop runs in the drain's own process, in the foreground (`clientobs drain`), and as a thread of the host
(`thread` mode). Correctness never rests on it: a drain may be killed between any two lines.
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
from clientobs.drain.lock import DrainLock, file_of, look
from clientobs.drain.throttle import STEADY_SECONDS, forgive

__all__ = ["DrainThread", "Life", "Place", "Reason", "Round", "Service", "take_lock"]

Reason: TypeAlias = Literal["idle", "asked", "stopped", "done", "lost", "faults", "held"]
"""Why a drain left: idle; a newer version asked; told to stop; `once` and all is delivered; its lock or home is gone;
too many faults in a row (a fresh process may do better); another drain holds the lock."""

_HAND_OVER_SECONDS: Final = 30.0
_START_SECONDS: Final = 2.0
_MAX_FAULTS: Final = 10
_FAULT_PAUSE: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of the service found."""

    live: bool
    """A run of this destination is alive."""
    waiting: bool
    """Something is left that could be delivered."""
    pause: float
    """Seconds until the next round makes sense."""
    stuck: bool = False
    """What is left can't be delivered now: each way out has failed, and waits to be tried again."""


class Service(Protocol):
    """What delivers; built for one destination."""

    def step(self) -> Round:
        """Do one bounded round: read, recover, send, release."""

    def has_work(self) -> bool:
        """Look without the lock, changing nothing: is there a live run, or anything to deliver?"""

    def close(self) -> None:
        """Write the state and let go of connections; called once, the lock still held where it can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which drain this is."""

    home: str
    destination: str
    version: str = __version__
    steward: Literal["host", "ops"] = "host"

    def file(self, kind: str) -> str:
        """Return the path of one of its small files."""
        return file_of(self.home, self.destination, kind)


def take_lock(place: Place, patience: float = _START_SECONDS) -> DrainLock | None:
    """Become the drain of `place`: take the lock, asking an older holder to leave; None where it is another's."""
    holder = look(place.file("lock"))
    if holder is not None and holder.steward == "host" and is_newer(place.version, holder.version):
        ask_to_leave(place.home, place.destination, place.version)
        patience = max(patience, _HAND_OVER_SECONDS)
    elif holder is not None and place.steward == "host":
        patience = min(patience, _START_SECONDS)
    lock = DrainLock.acquire(
        place.file("lock"), version=place.version, steward=place.steward, patience=patience
    )
    if lock is not None:
        withdraw(place.home, place.destination, place.version)
    return lock


class Life:
    """The life of one drain that holds its lock."""

    def __init__(
        self,
        service: Service,
        lock: DrainLock,
        place: Place,
        *,
        idle_seconds: float,
        stop: threading.Event,
        once: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._lock = lock
        self._place = place
        self._idle_seconds = idle_seconds
        self._stop = stop
        self._once = once
        self._clock = clock
        self._faults = 0

    def run(self) -> Reason:
        """Do rounds until there is a reason to leave; the lock is free afterwards."""
        try:
            reason = self._rounds()
            if reason not in ("lost", "faults"):
                forgive(self._place.home, self._place.destination)
            return reason
        finally:
            try:
                self._service.close()
            finally:
                self._lock.release()

    def _rounds(self) -> Reason:
        began = busy_at = self._clock()
        steady = False
        while True:
            found = self._step()
            now = self._clock()
            if found.live or found.waiting:
                busy_at = now
            if not steady and now - began >= STEADY_SECONDS:
                forgive(self._place.home, self._place.destination)
                steady = True
            reason = self._reason_to_leave(found)
            if reason is not None:
                return reason
            if now - busy_at >= self._idle_seconds:
                if self._leaves_idle():
                    return "idle"
                busy_at = now
            if self._stop.wait(found.pause):
                return "stopped"

    def _reason_to_leave(self, found: Round) -> Reason | None:
        if not self._lock.is_held():
            return "lost"
        if self._faults >= _MAX_FAULTS:
            return "faults"
        if self._once and (found.stuck or not found.waiting):
            return "done"
        # A service manager would start the old version again: only a drain that hosts started makes room.
        if self._place.steward == "host" and asked_to_leave(
            self._place.home, self._place.destination, self._place.version
        ):
            return "asked"
        return None

    def _step(self) -> Round:
        try:
            found = self._service.step()
        except Exception as error:  # noqa: BLE001  # one bad round must not end the delivery of all others
            self._faults += 1
            faults.record("drain.step", error)
            return Round(live=True, waiting=True, pause=_FAULT_PAUSE)
        self._faults = 0
        return found

    def _leaves_idle(self) -> bool:
        """Let go of the lock, then look once more.

        A host that began its run a moment ago saw the lock held, and won't start a drain: its run must be found by
        this last look. One that begins later sees the lock free, and starts one.
        """
        self._lock.release()
        if not self._service.has_work():
            return True
        again = DrainLock.acquire(
            self._place.file("lock"), version=self._place.version, steward=self._place.steward
        )
        if again is None:
            return True  # another drain was quicker
        self._lock = again
        return False


class DrainThread:
    """The drain as a daemon thread of the host, for `thread` mode.

    The lock is the same, so several hosts share the work: one thread delivers for all, and when its host ends another
    takes over within two seconds. What this mode lacks: after the host's death nobody delivers until another host
    begins, and protobuf, TLS and their time are in the host's process.
    """

    def __init__(self, build: Callable[[], Service], place: Place, *, retry_seconds: float = 2.0) -> None:
        self._build = build
        self._place = place
        self._retry_seconds = retry_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="clientobs-drain", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Tell the thread to leave and wait at most `timeout` seconds; say whether it has gone."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def is_alive(self) -> bool:
        """Say whether the thread runs; in a forked child it does not."""
        return self._thread.is_alive()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._live()
            except Exception as error:  # noqa: BLE001  # the wall: this is the host's process
                faults.record("drain.thread", error)
            self._stop.wait(self._retry_seconds)

    def _live(self) -> None:
        lock = take_lock(self._place, patience=0.0)
        if lock is None:
            return
        try:
            service = self._build()
        except Exception:
            lock.release()
            raise
        Life(service, lock, self._place, idle_seconds=float("inf"), stop=self._stop).run()
