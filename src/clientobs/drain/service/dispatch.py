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
from clientobs.drain.runs.priority import RANKS_OF, URGENT, Rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clientobs._loss import LossLedger
    from clientobs.config.model import Signal
    from clientobs.drain.runs.ages import Ages
    from clientobs.drain.runs.run_tail import RunTail, Tail
    from clientobs.drain.runs.tail import Taken

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
    items: list[Item]


@dataclass(slots=True)
class _Room:
    """What a batch may still take."""

    items: int = MAX_ITEMS
    size: int = MAX_BYTES

    def take(self, taken: list[Taken]) -> None:
        self.items -= len(taken)
        self.size -= sum(entry.size for entry in taken)


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
        self._live_turn = not self._live_turn
        shares: list[_Share] = []
        room = _Room()
        turn: bool | None = None
        for run, tail, rank in self._order(list(runs)):
            if rank not in URGENT:
                # What is late stays apart from what is live: some back ends refuse a request as a whole.
                turn = run.is_live(tail) if turn is None else turn
                if run.is_live(tail) is not turn:
                    break
            if room.items <= 0 or room.size <= 0:
                break
            taken = tail.take(rank, room.items, room.size)
            if taken:
                shares.append(self._share(run, tail, rank, taken))
                room.take(taken)
        if not shares:
            return None
        items = tuple(item for share in shares for item in share.items)
        return Settlement(batch=Batch(signal=self.signal, items=items), shares=tuple(shares))

    def _order(self, runs: list[RunTail]) -> Iterator[tuple[RunTail, Tail, Rank]]:
        """Give all rows that hold something, in the order in which they are to be sent."""
        ranks = RANKS_OF[self.signal]
        rows = [
            (self._turn_of(run, tail, rank), place, run, tail)
            for run in runs
            for tail in run.in_order()
            for place, rank in enumerate(ranks)
            if tail.waiting(rank)
        ]
        # Stable: within a turn and a rank, runs keep their order and segments theirs.
        rows.sort(key=lambda row: row[:2])
        for _, place, run, tail in rows:
            yield run, tail, ranks[place]

    def _turn_of(self, run: RunTail, tail: Tail, rank: Rank) -> int:
        if rank in URGENT:
            return 0
        return 1 if run.is_live(tail) is self._live_turn else 2

    def _share(self, run: RunTail, tail: Tail, rank: Rank, taken: list[Taken]) -> _Share:
        reasons = []
        items = []
        for entry in taken:
            if entry.item is None:
                reasons.append("unreadable")
            elif self._ages.seconds(entry.item.header, entry.mono_ns, alive=run.alive) > self._max_age:
                reasons.append("expired")
            else:
                reasons.append("")
                items.append(entry.item)
        return _Share(run=run, tail=tail, rank=rank, reasons=reasons, items=items)

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
