"""What one segment still has to give: an index of its frames by rank, and how far each rank has got.

A segment is scanned once, from where the last scan stopped; the index keeps eight bytes a frame. Records are
read and decoded only when they are taken for a batch, so that a backlog of 256 MiB costs a few MiB of memory.

    scanned  ->  taken  ->  settled  ->  acknowledged
    in the index   in a batch   the endpoint's 2xx   in <run>/acks

What is taken can be put back (`untake`): nothing leaves its row before it is settled.
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from clientobs.drain.batch import Item
from clientobs.drain.runs.priority import RANKS, Rank, rank_of
from clientobs.errors import JournalError
from clientobs.journal.acks import ALL
from clientobs.journal.format import Kind, Lane, segment_seed
from clientobs.journal.reader import read_segment, scan
from clientobs.journal.records import (
    ContextRecord,
    Header,
    LogRecord,
    MetricsRecord,
    NoteRecord,
    SpanRecord,
    decode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from clientobs.journal.reader import Frame, SegmentReading

__all__ = ["Row", "SegmentTail", "Taken"]


@dataclass(slots=True)
class Row:
    """Frames of one rank, in order: offsets of their starts and ends, and two marks that only move right."""

    starts: array[int] = field(default_factory=lambda: array("I"))
    ends: array[int] = field(default_factory=lambda: array("I"))
    taken: int = 0
    settled: int = 0

    @property
    def waiting(self) -> int:
        """Frames that nobody has taken yet."""
        return len(self.starts) - self.taken

    @property
    def unsettled(self) -> int:
        """Frames that have not arrived yet."""
        return len(self.starts) - self.settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One frame that was taken: an item to deliver, or None where nothing can be made of it.

    `mono_ns` is its time on the run's monotonic clock, `size` its bytes in the journal.
    """

    item: Item | None
    mono_ns: int
    size: int


_LOST: Final = Taken(item=None, mono_ns=0, size=0)

_SPARSE: Final = 256 << 10
"""Bytes read at once where few frames of a rank lie far apart."""


class SegmentTail:
    """One segment file of one run, read behind its writer."""

    def __init__(self, path: str, run: str, lane: Lane, number: int, acked: Mapping[str, int]) -> None:
        self.path = path
        self.lane: Lane = lane
        self.number = number
        self.header: Header | None = None
        self.rows: dict[Rank, Row] = {}
        self.scanned = 0
        self.closed = False
        """Nothing will be added to it: a later segment of its lane is there, or the run is dead."""
        self.gone = False
        self.size = 0
        self.faults: dict[str, int] = {}
        """Damaged stretches and a torn tail that no acknowledgement covers yet, by reason of loss."""
        self._seed = segment_seed(run, lane, number)
        self.contexts: dict[int, ContextRecord] = {}
        self._acked = acked

    def skip(self, size: int) -> None:
        """Leave a final segment unread, because all of it was acknowledged to an earlier drain."""
        self.size = self.scanned = size
        self.closed = True

    def scan(self, *, live: bool, note: Callable[[NoteRecord], None]) -> bool:
        """Index what was added since the last scan; say whether there was anything new."""
        start = self.scanned
        try:
            while (size := os.stat(self.path).st_size) > self.scanned:
                self.size = size
                reading = read_segment(self.path, self.scanned, live=live)
                self._take_in(reading, note)
                if not reading.more:
                    break
        except (OSError, JournalError):
            self.gone = True  # retention took it, and counted what was in it
            return False
        self.closed = not live
        return self.scanned > start

    def _take_in(self, reading: SegmentReading, note: Callable[[NoteRecord], None]) -> None:
        self.header = self.header or reading.header
        self.scanned = reading.next_offset
        if reading.next_offset > self._acked.get(ALL, 0) and reading.damaged:
            self.faults["damaged"] = self.faults.get("damaged", 0) + reading.damaged
        if reading.torn and self.size > self._acked.get(ALL, 0):
            self.faults["torn"] = 1
        for frame in reading.frames:
            self._index(frame, note)

    def _index(self, frame: Frame, note: Callable[[NoteRecord], None]) -> None:
        rank = rank_of(frame.kind, self.lane, frame.payload)
        if rank is not None:
            if frame.end > max(self._acked.get(rank, 0), self._acked.get(ALL, 0)):
                row = self.rows.setdefault(rank, Row())
                row.starts.append(frame.offset)
                row.ends.append(frame.end)
            return
        if frame.kind not in (Kind.CONTEXT, Kind.NOTE):
            return
        record = decode(frame.kind, frame.payload)
        if isinstance(record, ContextRecord):
            self.contexts[record.number] = record
        elif isinstance(record, NoteRecord):
            note(record)

    def waiting(self, rank: Rank) -> int:
        """Return how many frames of a rank can be taken."""
        row = self.rows.get(rank)
        return row.waiting if row else 0

    def take(self, rank: Rank, count: int, room: int) -> list[Taken]:
        """Take frames of one rank, at most `count` and about `room` bytes, and at least one.

        A frame that was good when it was scanned and cannot be read any more counts as taken, with no item.
        """
        row = self.rows[rank]
        first, last = row.taken, min(row.taken + count, len(row.starts))
        while last - first > 1 and row.ends[last - 1] - row.starts[first] > max(room, _SPARSE):
            last = first + (last - first) // 2
        frames = {frame.offset: frame for frame in self._read(row.starts[first], row.ends[last - 1])}
        if self.gone:
            return []
        row.taken = last
        return [self._taken(frames.get(start)) for start in row.starts[first:last]]

    def _read(self, start: int, end: int) -> list[Frame]:
        try:
            with open(self.path, "rb") as file:
                file.seek(start)
                data = file.read(end - start)
        except OSError:
            self.gone = True
            return []
        return scan(data, self._seed, base=start).frames

    def _taken(self, frame: Frame | None) -> Taken:
        if frame is None:
            return _LOST
        record = decode(frame.kind, frame.payload)
        if self.header is None or not isinstance(record, (SpanRecord, LogRecord, MetricsRecord)):
            return _LOST
        item = Item(header=self.header, record=record, sequence=frame.sequence, contexts=self.contexts)
        return Taken(item=item, mono_ns=frame.mono_ns, size=frame.end - frame.offset)

    def recent_logs(self, most: int) -> list[LogRecord]:
        """Return the newest log records, delivered or not, the newest last."""
        row = self.rows.get("log")
        if not row or not row.starts or most <= 0:
            return []
        first = max(0, len(row.starts) - most)
        records = (decode(frame.kind, frame.payload) for frame in self._read(row.starts[first], row.ends[-1]))
        return [record for record in records if isinstance(record, LogRecord)][-most:]

    def untake(self, rank: Rank, count: int) -> None:
        """Put the last `count` taken frames back."""
        self.rows[rank].taken -= count

    def settle(self, rank: Rank, count: int) -> None:
        """Say that the first `count` unsettled frames are done with."""
        self.rows[rank].settled += count

    @property
    def settled(self) -> bool:
        """Whether all that was scanned is done with."""
        return not any(row.unsettled for row in self.rows.values())

    def marks(self) -> Iterator[tuple[str, int]]:
        """Give (rank, offset) up to where each rank is done with; ALL stands for the whole segment."""
        if self.settled:
            yield ALL, self.size if self.closed else self.scanned
            return
        for rank in RANKS:
            row = self.rows.get(rank)
            if row and row.settled:
                yield rank, row.ends[row.settled - 1]

    def unsettled(self) -> tuple[int, int]:
        """Return how many records have not arrived yet, and about how many bytes they take."""
        rows = [row for row in self.rows.values() if row.unsettled]
        size = sum(row.ends[-1] - row.starts[row.settled] for row in rows)
        return sum(row.unsettled for row in rows), min(size, self.size)
