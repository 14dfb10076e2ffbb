"""The notes in which a run says what it lost: the totals by reason, newer ones in place of older ones.

The keeper writes them every second or two. Where a total is new or has doubled they are written at once as well: a
process that is killed the next moment has then said what it lost, and how much to a factor of two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.journal.format import encode_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs._loss import LossLedger

__all__ = ["LossNotes"]


class LossNotes:
    """What one run has told of the process's losses; `before` was told by the run before it, and is not told twice."""

    __slots__ = ("_before", "_loss", "_told")

    def __init__(self, loss: LossLedger, before: Mapping[str, int] | None = None) -> None:
        self._loss = loss
        self._before = self._told = dict(before or {})

    def next_run(self) -> LossNotes:
        """Return the notes of a run that this same process begins after this one."""
        return LossNotes(self._loss, self._told)

    def tell(self, land: Callable[[bytes], bool]) -> None:
        """Land the totals where they have changed; what does not land is told the next time."""
        totals = self._loss.totals()
        if totals != self._told and land(self._payload(totals)):
            self._told = totals

    def tell_at_once(self, land: Callable[[bytes], bool]) -> None:
        """Land the totals of now; `tell` does so again, since notes of two threads may land in the wrong order."""
        land(self._payload(self._loss.totals()))

    def _payload(self, totals: Mapping[str, int]) -> bytes:
        new = {reason: count - self._before.get(reason, 0) for reason, count in totals.items()}
        return encode_payload(("loss", {reason: count for reason, count in new.items() if count}))
