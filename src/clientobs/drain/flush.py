"""How a host asks for delivery, and learns that it is done: two files in its own run folder.

The host puts `<run>/flush` there. The drain sees it within a quarter of a second, takes it away, sends what
is there at once, and acknowledges it in `<run>/acks` as always. The host waits until the acknowledgements
cover what its segments held when it asked. No socket, no pid, no signal: nothing to be refused or reused.

This module is loaded in the host, so it needs nothing but the journal.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FLUSH_FILE", "flush", "request", "take_request"]

FLUSH_FILE: Final = "flush"
_POLL: Final = 0.02


def flush(run_folder: str, timeout: float, *, sleep: Callable[[float], object] = time.sleep) -> bool:
    """Ask the drain to deliver all that a run has recorded; say whether it did within `timeout` seconds.

    Raises OSError where the folder cannot be written to.
    """
    wanted = _sizes(run_folder)
    request(run_folder)
    deadline = time.monotonic() + timeout
    while not _covered(run_folder, wanted):
        if time.monotonic() >= deadline:
            return False
        sleep(_POLL)
    return True


def request(run_folder: str) -> None:
    """Leave the request."""
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    os.close(os.open(os.path.join(run_folder, FLUSH_FILE), flags, 0o600))


def take_request(run_folder: str) -> bool:
    """Take a request away; say whether there was one. What is recorded from now on needs another."""
    try:
        os.unlink(os.path.join(run_folder, FLUSH_FILE))
    except OSError:
        return False
    return True
