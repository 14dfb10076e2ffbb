"""What is sent next for logs and traces, and what an outcome means for the runs it came from.

    urgent ranks first, whatever run they are in
    then by turns: what was recorded just now, and the backlog of segments behind it

A batch may hold records of several runs. Nothing is kept aside while an endpoint is away: what did not
arrive goes back into its rows, and is taken again, in the order that is right by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clientobs.drain.batch import Batch, Item, Outcome
from clientobs.drain.priority import RANKS_OF, URGENT, Rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clientobs._loss import LossLedger
    from clientobs.config.model import Signal
    from clientobs.drain.ages import Ages
    from clientobs.drain.run_tail import RunTail, Tail
    from clientobs.drain.tail import Taken

__all__ = ["MAX_BYTES", "MAX_ITEMS", "Dispatch", "Settlement"]

MAX_ITEMS: Final = 1000
MAX_BYTES: Final = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """What one row gave to a batch: for each frame "" (an item) or the reason why it has none."""

    run: RunTail
    tail: Tail
    rank: Rank
    reasons: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A batch, and where it came from."""

    batch: Batch
    shares: tuple[_Share, ...]

    @property
    def urgent(self) -> bool:
        """Whether somebody may be waiting for it."""
        return any(share.rank in URGENT for share in self.shares)


class Dispatch:
    """Builds the batches of one signal, and settles them."""

    def __init__(self, signal: Signal, *, ages: Ages, max_age: float, loss: LossLedger) -> None:
        self.signal = signal
        self._ages = ages
        self._max_age = max_age
        self._loss = loss
        self._live_turn = True

    def waiting(self, runs: Iterable[RunTail], *, urgent: bool = False) -> int:
        """Return how many records wait; `urgent`: how many of them are of an urgent rank."""
        ranks = [rank for rank in RANKS_OF[self.signal] if not urgent or rank in URGENT]
        return sum(run.waiting(rank) for run in runs for rank in ranks)

    def next(self, runs: Iterable[RunTail]) -> Settlement | None:
        """Take the next batch, None where nothing waits."""
        found = list(runs)
        self._live_turn = not self._live_turn
        shares: list[_Share] = []
        items: list[Item] = []
        room = MAX_BYTES
        for run, tail, rank in self._order(found):
            if len(items) >= MAX_ITEMS or room <= 0:
                break
            taken = tail.take(rank, MAX_ITEMS - len(items), room)
            if not taken:
                continue
            shares.append(self._share(run, tail, rank, taken))
            room -= sum(entry.size for entry in taken)
            items += [
                entry.item
                for entry, reason in zip(taken, shares[-1].reasons, strict=True)
                if entry.item is not None and not reason
            ]
        if not shares:
            return None
        return Settlement(batch=Batch(signal=self.signal, items=tuple(items)), shares=tuple(shares))

    def _order(self, runs: list[RunTail]) -> Iterator[tuple[RunTail, Tail, Rank]]:
        """Give all rows that hold something, in the order in which they are to be sent."""
        ranks = RANKS_OF[self.signal]
        rows = [
            (rank not in URGENT and run.is_live(tail) is not self._live_turn, ranks.index(rank), run, tail)
            for run in runs
            for tail in run.in_order()
            for rank in ranks
            if tail.waiting(rank)
        ]
        # Stable: within a turn and a rank, runs keep their order and segments theirs.
        rows.sort(key=lambda row: (ranks[row[1]] not in URGENT, row[0], row[1]))
        for _, rank, run, tail in rows:
            yield run, tail, ranks[rank]

    def _share(self, run: RunTail, tail: Tail, rank: Rank, taken: list[Taken]) -> _Share:
        reasons = []
        for entry in taken:
            if entry.item is None:
                reasons.append("unreadable")
            elif self._ages.seconds(entry.item.header, entry.mono_ns, alive=run.alive) > self._max_age:
                reasons.append("expired")
            else:
                reasons.append("")
        return _Share(run=run, tail=tail, rank=rank, reasons=reasons)

    def settle(self, settlement: Settlement, outcome: Outcome, *, reason: str = "") -> list[RunTail]:
        """Settle what is done, put the rest back, and return the runs that have something to acknowledge.

        With `reason`, items that count as settled were not delivered but lost for that reason.
        """
        left = outcome.settled
        runs: dict[str, RunTail] = {}
        for share in settlement.shares:
            done = 0
            for lost in share.reasons:
                if not lost and left == 0:
                    break
                left -= not lost
                done += 1
                if lost or reason:
                    self._loss.add(lost or reason)
            share.tail.settle(share.rank, done)
            share.tail.untake(share.rank, len(share.reasons) - done)
            runs[share.run.run] = share.run
        return list(runs.values())
