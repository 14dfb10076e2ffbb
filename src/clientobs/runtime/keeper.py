"""The one thread that clientobs adds to a host: it keeps the journal in order, off the host's threads.

A daemon thread that wakes once a second: rotates segments that are due, syncs them to disk, keeps the quota,
notes a new clock anchor after the machine slept, collects metrics, and sees to it that a drain runs. Nothing
waits for it: a host that ends while it works loses nothing that was recorded.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Chore", "Keeper"]

_TICK: Final = 1.0


@dataclass(slots=True)
class Chore:
    """One thing to do every `every` seconds; guarded, counted under `name`. `anyway`: once, however short the run."""

    name: str
    every: float
    do: Callable[[], object]
    anyway: bool = False
    due: float = 0.0


class Keeper:
    """Runs chores in a daemon thread until `stop`."""

    def __init__(self, chores: list[Chore], mono: Callable[[], float] = time.monotonic) -> None:
        self._chores = chores
        self._mono = mono
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        if self._thread is None and not self._stop.is_set():
            thread = threading.Thread(target=self._run, name="clientobs-keeper", daemon=True)
            with quiet(
                "keeper.start"
            ):  # no more threads, or the interpreter is ending: what is appended lands
                thread.start()
                self._thread = thread

    def stop(self) -> None:
        """Ask the thread to end; doesn't wait for it."""
        self._stop.set()

    def join(self, patience: float) -> None:
        """Wait until the thread has ended and let go of all it used, at most `patience` seconds."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(patience)

    def start_anew(self) -> None:
        """Start a thread in a forked child that records, where the parent's doesn't exist."""
        self._stop = threading.Event()
        self._thread = None
        for chore in self._chores:
            chore.due = 0.0
        self.start()

    def tick(self, *, last: bool = False) -> None:
        """Do what is due; a `last` time, what is done even where the program was over before its keeper began."""
        now = self._mono()
        for chore in self._chores:
            if now >= chore.due and (chore.anyway or not last):
                chore.due = now + chore.every
                with quiet(f"keeper.{chore.name}"):
                    chore.do()

    def _run(self) -> None:
        stop = self._stop
        while True:
            self.tick(last=stop.is_set())
            if stop.wait(_TICK):
                return
