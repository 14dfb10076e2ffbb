"""The end of one dead run on its way: read in steps, then delivered like one more segment.

It is acknowledged as segment 0 of the vital lane, which no writer ever makes: offsets there count records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from clientobs import semconv
from clientobs.drain.runs.evidence import read_evidence, with_findings
from clientobs.drain.runs.priority import RANKS, Rank
from clientobs.drain.runs.recover import RunEnd
from clientobs.drain.runs.tail import Taken
from clientobs.errors import JournalError
from clientobs.journal.acks import ALL
from clientobs.journal.reader import read_segment
from clientobs.journal.records import Header, LogRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from clientobs.drain.batch import Item
    from clientobs.drain.deaths.findings import Findings
    from clientobs.drain.deaths.inquest import Death
    from clientobs.drain.runs.tail import SegmentTail
    from clientobs.journal.format import Lane

__all__ = ["NUMBER", "Inquires", "RecoveredTail"]

NUMBER: Final = 0


class Inquires(Protocol):
    """What finds out about deaths (`deaths/coroner.py`)."""

    clean: Callable[[str], str]

    def of(self, folder: str, death: Callable[[], Death]) -> Findings | None:
        """Return the findings, None while they are not there."""


class RecoveredTail:
    """What `recover` makes of a dead run, with the interface of a SegmentTail.

    `living`: the run has crashed, and its process does not go away (`stricken.py`). Then only its crash is told,
    until `die` says that it is dead: the rest follows, and the crash is not told again.
    """

    lane: Lane = "vital"
    number = NUMBER

    def __init__(
        self, folder: str, segments: Sequence[SegmentTail], acked: Mapping[str, int], *, living: bool = False
    ) -> None:
        self.gone = False
        self.living = living
        self.complete = ALL in acked
        """Whether the run has been read to its end, or an earlier drain has delivered all of that."""
        self.header: Header | None = None
        self.faults: dict[str, int] = {}
        """What recovery itself had to leave out, by reason of loss."""
        self._folder = folder
        self._acked = acked
        self._items: dict[Rank, list[Item]] = {}
        self._taken: dict[Rank, int] = {}
        self._settled: dict[Rank, int] = {}
        self._begin(segments)

    def _begin(self, segments: Sequence[SegmentTail]) -> None:
        self._end = RunEnd()
        # Bulk first: a span's start stands there, its end perhaps in the vital lane.
        self._unread = sorted(segments, key=lambda tail: (tail.lane, tail.number), reverse=True)

    def die(self, segments: Sequence[SegmentTail]) -> None:
        """Say that a crashed process has gone: tell the rest of its end."""
        self.living = self.complete = False
        self._begin(segments)

    def read_on(self, *, boot_id: str, closed: bool, inquires: Inquires) -> bool:
        """Read one more segment; after the last one make the items; say whether it got any further."""
        if self._unread:
            self._read(self._unread.pop().path)
            return True
        return not self.complete and self._finish(boot_id=boot_id, closed=closed, inquires=inquires)

    def _read(self, path: str) -> None:
        offset, more = 0, True
        while more:
            try:
                reading = read_segment(path, offset, live=self.living)
            except (OSError, JournalError):
                return  # retention took it
            if offset == 0 and reading.header is not None:
                self.header = reading.header
                self._end.begin(reading.header)
            for frame in reading.frames:
                self._end.feed(frame)
            offset, more = reading.next_offset, reading.more

    def _finish(self, *, boot_id: str, closed: bool, inquires: Inquires) -> bool:
        evidence = read_evidence(self._folder, closed=closed, clean=inquires.clean)
        before = self.header.boot_id if self.header else ""
        rebooted = bool(before and boot_id and before != boot_id)
        death = self._end.death(evidence, rebooted=rebooted, living=self.living)
        if death is not None:
            found = inquires.of(self._folder, lambda: death)
            if found is None:
                return False
            evidence = with_findings(evidence, found)
        self.complete = True
        if self._end.overflowed:
            self.faults["open_spans"] = self._end.overflowed
        self._take_in(self._end.items(evidence))
        return True

    def _take_in(self, items: Sequence[Item]) -> None:
        """Line up what is to be delivered; of what is told already while the process lived, nothing again."""
        told = set(self._items)
        for item in items:
            rank = _rank(item)
            if rank not in told and (rank == "crash" or not self.living):
                self._items.setdefault(rank, []).append(item)
        for rank in self._items.keys() - told:
            self._settled[rank] = self._taken[rank] = min(self._acked.get(rank, 0), len(self._items[rank]))

    def waiting(self, rank: Rank) -> int:
        """Return how many records of a rank can be taken."""
        return len(self._items.get(rank, ())) - self._taken.get(rank, 0)

    def take(self, rank: Rank, count: int, room: int) -> list[Taken]:  # noqa: ARG002  # few and small
        """Take at most `count` records of one rank."""
        start = self._taken[rank]
        items = self._items[rank][start : start + count]
        self._taken[rank] = start + len(items)
        return [Taken(item=item, mono_ns=item.header.mono_ns, size=0) for item in items]

    def untake(self, rank: Rank, count: int) -> None:
        """Put the last `count` taken records back."""
        self._taken[rank] -= count

    def settle(self, rank: Rank, count: int) -> None:
        """Say that the first `count` unsettled records are done with."""
        self._settled[rank] += count

    @property
    def settled(self) -> bool:
        """Whether all was read that is to be read now, and has arrived."""
        return self.complete and all(self._settled[rank] == len(items) for rank, items in self._items.items())

    def marks(self) -> Iterator[tuple[str, int]]:
        """Give (rank, records) up to where each rank is done with; ALL stands for the whole end."""
        if self.settled and not self.living:
            yield ALL, 1
            return
        for rank in RANKS:
            if self._settled.get(rank):
                yield rank, self._settled[rank]

    def unsettled(self) -> tuple[int, int]:
        """Return how many records have not arrived yet; their bytes are in the segments already."""
        return sum(len(items) - self._settled[rank] for rank, items in self._items.items()), 0


def _rank(item: Item) -> Rank:
    if isinstance(item.record, LogRecord):
        return "crash" if item.record.event_name == semconv.APP_CRASH else "session"
    return "trace"
