"""The host's side of delivery: see that a drain runs, ask it to hurry, wait where the disk is mortal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from clientobs.config.model import Config
    from clientobs.journal.home import Home
    from clientobs.journal.writer import Journal

__all__ = ["Delivery"]

_POLL: Final = 0.02


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Delivery as one host process sees it. `exit_flush` is in seconds."""

    config: Config
    home: Home
    destination: str
    environ: Mapping[str, str]
    exit_flush: float
    last: Any = None
    """What the last attempt to see to a drain came to, for `doctor`."""
    _thread_drain: Any = field(default=None, repr=False)

    @property
    def delivers(self) -> bool:
        """Whether there is an endpoint, and something that sends to it."""
        return bool(self.destination) and self.config.drain.mode != "off"

    def ensure(self) -> None:
        """See to a drain; called by the keeper, off the host's threads."""
        mode = self.config.drain.mode
        if not self.destination or mode in ("off", "external"):
            return
        if mode == "process":
            from clientobs.drain.launch import ensure_drain  # noqa: PLC0415  # only where one is started

            self.last = ensure_drain(self.config, self.home, self.destination, self.environ)
        elif self._thread_drain is None:
            from clientobs.drain.thread import start_thread  # noqa: PLC0415  # loads the whole drain

            self._thread_drain = start_thread(self.config, self.home, self.destination, self.environ)

    def flush(self, journal: Journal, timeout: float) -> bool:
        """Ask the drain to deliver what `journal` holds; wait at most `timeout` seconds."""
        if not self.delivers or timeout <= 0:
            return False
        from clientobs.journal.acks import delivered_upto  # noqa: PLC0415  # only where somebody waits

        wanted = journal.last_sequence
        with quiet("flush.request"):
            _touch(os.path.join(journal.folder, "flush"))
        return _wait(lambda: delivered_upto(journal.folder) >= wanted, timeout)

    def at_exit(self, journal: Journal, timeout: float | None) -> None:
        """Wait for delivery where the configuration, or the caller of shutdown(), wants it."""
        seconds = self.exit_flush if timeout is None else timeout
        if seconds > 0 and self.delivers:
            self.ensure()
            self.flush(journal, seconds)
        if self._thread_drain is not None:
            self._thread_drain.stop()


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    os.utime(path)


def _wait(condition: Callable[[], bool], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True
