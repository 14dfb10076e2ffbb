"""How old a record is, told so that a clock that jumps a day makes nothing expire.

Within one boot of the machine all processes share the monotonic clock, and no person can set it: the age is a
difference on that clock. It stands still while the machine sleeps, so a record is then kept longer, never shorter.
The wall clock is asked only about records of an earlier boot.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.journal.records import Header

__all__ = ["Ages"]


class Ages:
    """Tells ages in seconds.

    >>> from clientobs.journal.records import Header
    >>> header = Header(run="", session="", lane="bulk", number=1, pid=1, boot_id="b", wall_ns=0, mono_ns=0)
    >>> Ages(boot_id="b", mono=lambda: 5 * 10**9, wall=lambda: 86_400 * 10**9).seconds(header, 3 * 10**9)
    2.0
    """

    def __init__(
        self,
        *,
        boot_id: str,
        mono: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self.boot_id = boot_id
        self._mono = mono
        self._wall = wall

    def seconds(self, header: Header, mono_ns: int, *, alive: bool = False) -> float:
        """Return the age of what was recorded at `mono_ns` on the clock of the header's run."""
        if alive or (self.boot_id and header.boot_id == self.boot_id):
            age = self._mono() - mono_ns
        else:
            age = self._wall() - (header.wall_ns + mono_ns - header.mono_ns)
        return max(0, age) / 1e9
