"""A writer's share of the quota: all that the writing side needs of retention.

The rounds themselves (retention.py) read what others have written, and with that comes the reading half of the
journal: a host loads it when its first round is due, not at init().
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientobs._dataclass import dataclass

if TYPE_CHECKING:
    from clientobs.config.model import JournalConfig
    from clientobs.journal.format import Lane

__all__ = ["LEAST_SEGMENT", "Share", "first_share", "quota_of"]

LEAST_SEGMENT: Final = 32 << 10
"""Bytes: a segment is never smaller by plan; below, it would hold little but its header."""

_FIRST_SHARES: Final = 128
"""So many writers may start at once before the first round and stay within quota; half as many, if that round takes
all of them longer than the first share lasts (`Lanes.advance`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Bytes that one writer may add to a lane until the next round, and what limits them."""

    size: int
    reason: str = "quota"


def first_share(config: JournalConfig, lane: Lane) -> Share:
    """Return what a writer may add before it has seen a round."""
    return Share(size=quota_of(config, lane) // _FIRST_SHARES)


def quota_of(config: JournalConfig, lane: Lane) -> int:
    """Return the bytes that a lane may hold undelivered, all runs together."""
    return config.bulk_bytes if lane == "bulk" else config.vital_bytes
