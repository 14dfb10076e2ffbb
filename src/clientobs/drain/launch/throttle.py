"""How often a drain may be started: one that dies at once is not started again and again.

Each launch is written down in `<home>/drain/<destination>.launches`. A drain that has lived for a while, or
that left by its own choice, wipes the slate. So a launch is free after a good life, and after n launches
without one the next waits 5 s, 10 s, 20 s ... up to 10 minutes, over all hosts of this user together and
over their restarts.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Final

from clientobs._dataclass import dataclass
from clientobs._own_file import put, read_file
from clientobs.drain.lock import file_of

__all__ = ["STEADY_SECONDS", "Launches", "forgive", "note_launch", "read_launches"]

STEADY_SECONDS: Final = 30.0
"""A drain that lived this long started well."""
_FIRST_WAIT: Final = 5.0
_LONGEST_WAIT: Final = 600.0
_MAX_BYTES: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Launches:
    """Launches since the last drain that did well; `last` is a date in seconds since the epoch."""

    count: int = 0
    last: float = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until the next launch may be.

        >>> Launches(count=2, last=100.0).wait(103.0)
        7.0
        """
        if not self.count or now < self.last:  # a clock set back must not hold us for a day
            return 0.0
        pause = min(_FIRST_WAIT * (1 << min(self.count - 1, 16)), _LONGEST_WAIT)
        return max(0.0, self.last + pause - now)


def read_launches(home: str, destination: str) -> Launches:
    """Return what is written down; nothing, or nothing readable, is a clean slate."""
    try:
        facts = json.loads(read_file(file_of(home, destination, "launches"), _MAX_BYTES))
        return Launches(count=max(0, int(facts["count"])), last=float(facts["last"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Launches()


def note_launch(home: str, destination: str, now: float) -> Launches:
    """Count one launch at the date `now`. Raises OSError: a launch that can't be counted must not happen."""
    launches = Launches(count=read_launches(home, destination).count + 1, last=now)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    facts = json.dumps({"count": launches.count, "last": launches.last})
    put(file_of(home, destination, "launches"), facts.encode("ascii"), flags)
    return launches


def forgive(home: str, destination: str) -> None:
    """Wipe the slate: this drain did well."""
    # Nobody counted a drain that was started by hand or by a service manager.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(file_of(home, destination, "launches"))
