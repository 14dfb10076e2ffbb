"""The host's side of delivery: see that a drain runs, ask it to hurry, wait where the disk is mortal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final

from clientobs._dataclass import dataclass
from clientobs._fork import Loading
from clientobs._guarded import quiet

if TYPE_CHECKING:
    from clientobs.config.model import Config
    from clientobs.drain.launch.ensure import Outcome
    from clientobs.drain.thread import DrainThread
    from clientobs.journal.home import Home
    from clientobs.journal.writer import Journal

__all__ = ["Delivery"]

_THREAD_PATIENCE: Final = 0.04
_START_PATIENCE: Final = 0.025
"""Seconds: exit costs at most 50 ms. To look for a drain and start one takes 10 ms, and begins within init()."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Delivery as one host process sees it. `exit_flush` is in seconds, `is_network` judges a path."""

    config: Config
    home: Home
    destination: str
    environ: Mapping[str, str]
    exit_flush: float
    is_network: Callable[[str], bool]
    last: Outcome | None = None
    """What the last attempt to see to a drain came to, for `doctor`."""
    thread: DrainThread | None = None
    """The drain of `thread` mode."""
    _seen_to: threading.Event = field(default_factory=threading.Event)
    _is_child: bool = False

    @property
    def delivers(self) -> bool:
        """Whether there is an endpoint, and something that sends to it."""
        return bool(self.destination) and self.config.drain.mode != "off"

    def load(self) -> None:
        """Import what `ensure` needs, on the caller's thread.

        Code of the host may be going through `sys.modules` at any time, and fails when a thread adds to it.
        """
        if self.delivers and self.config.drain.mode == "process":
            from clientobs.drain.launch import ensure  # noqa: PLC0415  # only where one is started

            ensure.load()

    def ensure(self) -> None:
        """See to a drain; called by the keeper, off the host's threads."""
        try:
            self._ensure()
        finally:
            self._seen_to.set()

    def _ensure(self) -> None:
        mode = self.config.drain.mode
        if not self.destination or mode in ("off", "external") or (mode == "thread" and self._is_child):
            return
        if mode == "process":
            with Loading():
                from clientobs.drain.launch.ensure import ensure_drain  # noqa: PLC0415  # only where one is started

            self.last = ensure_drain(
                self.config, self.home, self.destination, self.environ, is_network=self.is_network
            )
        elif self.thread is None or not self.thread.is_alive():
            with Loading():
                from clientobs.drain.thread import start_thread  # noqa: PLC0415  # protobuf and all: this mode

            self.thread = start_thread(self.config, self.home, self.destination)

    def see_off(self) -> None:
        """Let the keeper's first look for a drain come to its end.

        A program may be over sooner than that takes, and nobody else might come to deliver what it recorded.
        """
        if self.delivers and self.config.drain.mode == "process":
            self._seen_to.wait(_START_PATIENCE)

    def flush(self, journal: Journal, timeout: float) -> bool:
        """Ask the drain to deliver what `journal` holds; wait at most `timeout` seconds."""
        if not self.delivers or timeout <= 0:
            return False
        from clientobs.drain.runs.flush import flush  # noqa: PLC0415  # only where somebody waits

        self.ensure()
        return flush(journal.path, timeout)

    def after_fork_in_child(self, *, is_safe: bool) -> None:
        """Leave delivery to the parent, but for the exit of a child, which asks the drain for its own records.

        `is_safe`: no thread of ours held a lock in the fork. One that drains does, now and then.
        """
        if not is_safe or self.thread is not None:
            self.exit_flush = 0.0
        self.thread = None
        self._seen_to = threading.Event()
        self._is_child = True

    def at_exit(self, journal: Journal, timeout: float | None) -> None:
        """Wait for delivery where the configuration, or the caller of shutdown(), wants it."""
        seconds = self.exit_flush if timeout is None else timeout
        if seconds > 0:
            with quiet("exit.flush"):
                self.flush(journal, seconds)
        if self.thread is not None:
            self.thread.stop(_THREAD_PATIENCE)
