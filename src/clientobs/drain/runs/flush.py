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

from clientobs.journal.acks import ALL, Place, read_acks
from clientobs.journal.format import segment_name, split_segment_name

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


def _sizes(run_folder: str) -> dict[Place, int]:
    with os.scandir(run_folder) as entries:
        found = [(split_segment_name(entry.name), entry) for entry in entries]
        return {place: entry.stat(follow_symlinks=False).st_size for place, entry in found if place}


def _covered(run_folder: str, wanted: dict[Place, int]) -> bool:
    """Say whether all has arrived; a segment that is gone leaves nothing to wait for."""
    acked = read_acks(run_folder)
    return all(
        acked.get(place, {}).get(ALL, 0) >= size
        or not os.path.lexists(os.path.join(run_folder, segment_name(*place)))
        for place, size in wanted.items()
    )
