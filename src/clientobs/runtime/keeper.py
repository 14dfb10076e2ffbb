"""The one thread that clientobs adds to a host: it keeps the journal in order, off the host's threads.

A daemon thread that wakes once a second: rotates segments that are due, syncs them to disk, keeps the quota,
notes a new clock anchor after the machine slept, collects metrics, and sees to it that a drain runs. Nothing
waits for it: a host that ends while it works loses nothing that was recorded.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from clientobs._dataclass import dataclass
from clientobs._fork import later
from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Chore", "Keeper"]

_TICK: Final = 1.0
_QUICK_TICK: Final = 0.1
_LONG_ROUND: Final = 0.5
"""Seconds of a round after which what is urgent is done again: beside a main thread that lets go of the interpreter
lock for moments only, each call on a file takes up to seconds."""
_FORK_PATIENCE: Final = 0.25
_WARNS_AT_THE_END: Final = sys.version_info >= (3, 13)
"""Whether os.fork() counts the threads, to warn of them, when all that comes after the fork has been called."""


@dataclass(slots=True)
class Chore:
    """One thing to do every `every` seconds, guarded, counted under `name`. `anyway`: once, however short the run.

    `urgent`: done again between two others where those take long.
    """

    name: str
    every: float
    do: Callable[[], object]
    anyway: bool = False
    urgent: bool = False
    due: float = 0.0


class Keeper:
    """Runs chores in a daemon thread until `stop`."""

    def __init__(self, chores: Iterable[Chore] = (), mono: Callable[[], float] = time.monotonic) -> None:
        self._chores = tuple(chores)
        self._mono = mono
        self._tick_seconds = _TICK
        self._begin()

    def _begin(self) -> None:
        self._turn = threading.RLock()  # a signal handler of the host may fork amid a fork
        self._pauses = 0
        self._ended = False
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self.at_rest = True
        """Whether the last `pause` saw the thread end. A child of that fork may find locks that nobody opens."""

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        with self._turn:
            self._start()

    def _start(self) -> None:
        if self._thread is not None or self._pauses or self._ended:
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,), name="clientobs-keeper", daemon=True)
        # A breakpoint stops all threads but those that say so (pydevd: debugpy, PyCharm). A keeper that is stopped
        # too could not see that the main thread stands in a debugger: from outside that looks like native code.
        thread.pydev_do_not_trace = True  # type: ignore[attr-defined]  # pydevd's own convention
        # Before it runs: a signal handler that forks in here comes by `pause` and `resume`, on this very thread,
        # and would else find none to end, and start a second one beside it.
        self._stop, self._thread = stop, thread
        started = False
        with quiet("keeper.start"):  # no more threads, or the interpreter is ending: what is appended lands
            thread.start()
            started = True
        if not started and self._thread is thread:
            self._thread = None

    def now(self) -> float:
        """Return the time by which chores are due, in seconds."""
        return self._mono()

    def take_on(self, chores: Iterable[Chore]) -> None:
        """Do these as well, from now on."""
        self._chores = (*self._chores, *chores)
        self._wake.set()

    def stop(self) -> None:
        """Ask the thread to end; doesn't wait for it."""
        self._ended = True
        self._stop.set()
        self._wake.set()

    def join(self, patience: float) -> None:
        """Wait until the thread has ended and let go of all it used, at most `patience` seconds."""
        thread = self._thread
        if thread is not None and thread.ident is not None and thread is not threading.current_thread():
            thread.join(patience)

    def pause(self) -> None:
        """End the thread before a fork, which would copy the locks that it holds, and lock them for ever.

        It may be in an import: the child then waits for that module until it is killed. And from Python 3.12 on
        a fork beside any thread has a warning printed.
        """
        with self._turn:
            self._pauses += 1
            thread = self._thread
            if thread is not None and thread is not threading.current_thread():
                self._stop.set()
                self._wake.set()
                # Without a number it is amid its start, and this a signal handler: it ends by itself.
                runs = thread.ident is not None
                if runs:
                    thread.join(_FORK_PATIENCE)
                self.at_rest = runs and not thread.is_alive()
                self._thread = None

    def resume(self) -> None:
        """Start the thread again, in the parent of a fork."""
        with self._turn:
            self._pauses -= 1
        if _WARNS_AT_THE_END:
            later(self.start)
        else:
            self.start()

    def hurry(self, *, quick: bool) -> None:
        """Wake ten times a second, for a chore that has found something; or once a second again."""
        self._tick_seconds = _QUICK_TICK if quick else _TICK

    def start_anew(self) -> None:
        """Start a thread in a forked child that records, where the parent's doesn't exist."""
        at_rest = self.at_rest
        self._begin()
        for chore in self._chores:
            chore.due = 0.0
        if at_rest:
            self.start()

    def _run(self, stop: threading.Event) -> None:
        if self._thread is not threading.current_thread():
            return  # paused before it ran; another has taken its place, or will
        while True:
            self._tick(stop)
            self._wake.wait(self._tick_seconds)
            self._wake.clear()
            if stop.is_set():
                return

    def _tick(self, stop: threading.Event) -> None:
        """Do what is due, until told to stop; then only what is done however short the run."""
        now = urgent_at = self._mono()
        for chore in self._chores:
            if now >= chore.due and (chore.anyway or not stop.is_set()):
                chore.due = now + chore.every
                with quiet(f"keeper.{chore.name}"):
                    chore.do()
                if not stop.is_set() and self._mono() - urgent_at >= _LONG_ROUND:
                    urgent_at = self._do_urgent(chore)

    def _do_urgent(self, done: Chore) -> float:
        """Do what must not wait for the end of a long round, and return when that was over."""
        for chore in self._chores:
            if chore.urgent and chore is not done:
                with quiet(f"keeper.{chore.name}"):
                    chore.do()
        return self._mono()
