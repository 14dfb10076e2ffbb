"""The drain as a daemon thread of the host: `thread` mode, for machines without an interpreter to be found.

The lock is the same, so hosts of one machine share the work: one thread delivers for all, and when its host
ends another takes over within two seconds. What this mode lacks: after the host's death nobody delivers
until the next host begins; protobuf, TLS and their time are in the host's process; and a host that forks
has no drain in the child.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from clientobs._guarded import faults

if TYPE_CHECKING:
    from clientobs.config.model import Config
    from clientobs.drain.life import Life
    from clientobs.journal.home import Home

__all__ = ["DrainThread", "start_thread"]

_EXIT_SECONDS: Final = 0.02
"""Seconds that the host's exit waits: the thread is a daemon, and what it had begun arrives a second time
later."""


class DrainThread:
    """A thread that leads one drain's life after the other; where somebody else holds the lock, it asks again later."""

    def __init__(self, life: Life, *, retry_seconds: float = 2.0) -> None:
        self._life = life
        self._retry_seconds = retry_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="clientobs-drain", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float = _EXIT_SECONDS) -> bool:
        """Tell the thread to leave and wait at most `timeout` seconds; say whether it has gone."""
        self._stop.set()
        self._life.stop()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def is_alive(self) -> bool:
        """Say whether the thread runs; in a forked child it does not."""
        return self._thread.is_alive()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._life.run(patience=0.0)
            except Exception as error:  # noqa: BLE001  # the wall: this is the host's process
                faults.record("drain.thread", error)
            self._stop.wait(self._retry_seconds)


def start_thread(config: Config, home: Home, destination: str) -> DrainThread:
    """Start delivering `home` to `destination` in this process."""
    from clientobs.drain.assembly import life_of  # noqa: PLC0415  # loads protobuf: not for tests of the thread

    thread = DrainThread(life_of(config, home, destination, idle_seconds=float("inf"), in_host=True))
    thread.start()
    return thread
