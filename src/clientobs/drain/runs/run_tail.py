"""One run seen from the drain: its segments, what was acknowledged of them, and its end.

live    the lock is held: segments grow, the newest of each lane is read behind its writer
dead    the lock is free: segments are final, the run is recovered, then everything is acknowledged
done    all of it has arrived; only retention still has business with the folder
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from clientobs.drain.runs.recovered import NUMBER, RecoveredTail
from clientobs.drain.runs.stricken import is_stricken
from clientobs.drain.runs.tail import SegmentTail
from clientobs.journal.acks import ALL, Place, append_acks, read_acks
from clientobs.journal.records import DRAIN_ROLES, HANG_NOTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs._loss import LossLedger
    from clientobs.drain.runs.priority import Rank
    from clientobs.drain.runs.recovered import Inquires
    from clientobs.journal.format import Lane
    from clientobs.journal.records import Header, NoteRecord
    from clientobs.journal.runs import RunFolder, SegmentFile

__all__ = ["RunTail", "Tail", "is_done"]

Tail: TypeAlias = SegmentTail | RecoveredTail
_END: Final[Place] = ("vital", NUMBER)
_HANG_NOTES: Final = 5000


class RunTail:
    """Reads one run and writes its acknowledgements.

    `losses` is the run's own count of what it lost, by reason: its newest note.
    """

    def __init__(self, folder: RunFolder, header: Header, loss: LossLedger) -> None:
        self.run = folder.run
        self.path = folder.path
        self.header = header
        self.alive = True
        self.clean = False
        self.losses: dict[str, int] = {}
        self.hang_notes: deque[dict[str, Any]] = deque(maxlen=_HANG_NOTES)
        """What the host has written of hangs, until somebody takes it."""
        self.tails: dict[Place, Tail] = {}
        self._loss = loss
        self._acked = read_acks(folder.path)
        self._newest: dict[Lane, int] = {}

    def refresh(self, folder: RunFolder) -> None:
        """Take note of new and vanished segments, and of the state of the process."""
        self.alive, self.clean = folder.is_alive, folder.state == "closed"
        present = {(segment.lane, segment.number): segment for segment in folder.segments}
        for lane, number in present:
            self._newest[lane] = max(self._newest.get(lane, 0), number)
        for place, segment in present.items():
            if place not in self.tails:
                self.tails[place] = self._open(segment)
        for place in [place for place in self.tails if place not in present and place != _END]:
            del self.tails[place]
        end = self.tails.get(_END)
        if not isinstance(end, RecoveredTail):
            if not self.alive or is_stricken(folder):
                acked = self._acked.setdefault(_END, {})
                self.tails[_END] = RecoveredTail(self.path, self._segments(), acked, living=self.alive)
        elif end.living and not self.alive:
            end.die(self._segments())

    def _segments(self) -> list[SegmentTail]:
        return [tail for tail in self.tails.values() if isinstance(tail, SegmentTail)]

    def _open(self, segment: SegmentFile) -> SegmentTail:
        place = (segment.lane, segment.number)
        marks = self._acked.setdefault(place, {})
        tail = SegmentTail(segment.path, self.run, *place, marks)
        final = not self.alive or segment.number < self._newest[segment.lane]
        # The vital lane is small, and holds the notes of what the run has lost: it is read again.
        if final and segment.lane == "bulk" and marks.get(ALL, 0) >= segment.size:
            tail.skip(segment.size)
        return tail

    def read_vital(self) -> bool:
        """Index what was added to the vital lane; say if anything was new."""
        found = False
        for tail in self.in_order():
            if isinstance(tail, SegmentTail) and tail.lane == "vital":
                found |= self._scan(tail)
        return found

    def read_on(self, *, boot_id: str, has_time: Callable[[], bool], inquires: Inquires) -> bool:
        """Index what was added, the vital lane first, then the end of a dead run; say if anything was new.

        It stops between two segments when there is no time left.
        """
        found = False
        for tail in self.in_order():
            if not has_time():
                return found
            if isinstance(tail, SegmentTail):
                found |= self._scan(tail)
            elif not tail.complete and (tail.living or self._is_scanned()):
                found |= tail.read_on(boot_id=boot_id, closed=self.clean, inquires=inquires)
        return found

    def _scan(self, tail: SegmentTail) -> bool:
        if tail.closed:
            return False
        growing = self.alive and tail.number == self._newest[tail.lane]
        found = tail.scan(live=growing, note=self._take_note)
        if tail.header is None:
            # Its own header is damaged. What its siblings say of the process holds for it too.
            tail.header = replace(self.header, lane=tail.lane, number=tail.number)
        return found

    def _take_note(self, note: NoteRecord) -> None:
        if note.type == "loss":
            self.losses = {str(reason): int(count) for reason, count in note.values.items()}
        elif note.type == HANG_NOTE:
            self.hang_notes.append(note.values)

    def context(self, number: int) -> dict[str, Any]:
        """Return the attributes of a context by its number, {} where no segment that is left has it."""
        for tail in self.tails.values():
            if isinstance(tail, SegmentTail) and number in tail.contexts:
                return dict(tail.contexts[number].values)
        return {}

    def _is_scanned(self) -> bool:
        return all(tail.closed for tail in self._segments())

    def is_live(self, tail: Tail) -> bool:
        """Say whether what stands in a segment was recorded just now: it must not wait behind a backlog."""
        return self.alive and tail.number == self._newest.get(tail.lane)

    def in_order(self) -> list[Tail]:
        """Return the segments in the order of reading: vital, bulk, and the end of the run."""
        return [self.tails[place] for place in sorted(self.tails, key=_urgent_first)]

    @property
    def is_of_live_host(self) -> bool:
        """Whether a host still records here: what a drain itself records of log files is no reason for it to stay."""
        return self.alive and self.header.role not in DRAIN_ROLES

    @property
    def settled(self) -> bool:
        """Whether all of it was read and has arrived."""
        return (self.alive or (_END in self.tails and self._is_scanned())) and all(
            tail.settled for tail in self.tails.values()
        )

    def waiting(self, rank: Rank) -> int:
        """Return how many records of a rank can be taken."""
        return sum(tail.waiting(rank) for tail in self.tails.values())

    @property
    def done(self) -> bool:
        """Whether the run is dead, and all of it has arrived and is acknowledged."""
        return not self.alive and self.settled and not self.new_marks()

    def new_marks(self) -> list[tuple[str, Lane, int, str, int]]:
        """Return (run, lane, number, rank, offset) of what has been settled and is not yet acknowledged."""
        return [
            (self.run, *place, rank, offset)
            for place, tail in self.tails.items()
            if not isinstance(tail, SegmentTail) or tail.scanned
            for rank, offset in tail.marks()
            if offset > self._acked.setdefault(place, {}).get(rank, 0)
        ]

    def acknowledge(self) -> None:
        """Write down how far each segment has got, where that has changed.

        What damage and a torn tail cost is counted with the last word on a segment, so that it is counted
        once however often drains come and go.
        """
        marks = self.new_marks()
        if not marks:
            return
        append_acks(self.path, [mark[1:] for mark in marks])
        for _, lane, number, rank, offset in marks:
            self._acked[lane, number][rank] = offset
            tail = self.tails[lane, number]
            if rank == ALL:
                self._count_faults(tail)

    def _count_faults(self, tail: Tail) -> None:
        for reason, count in tail.faults.items():
            self._loss.add(reason, count)
        tail.faults.clear()

    def unsettled(self) -> tuple[int, int]:
        """Return how many records have not arrived yet, and about how many bytes they take."""
        found = [tail.unsettled() for tail in self.tails.values()]
        return sum(count for count, _ in found), sum(size for _, size in found)

    def oldest(self) -> Header | None:
        """Return the header of the oldest segment with something that has not arrived."""
        headers = [tail.header for tail in self.tails.values() if tail.header and not tail.settled]
        return min(headers, key=lambda header: header.mono_ns, default=None)


def is_done(folder: RunFolder) -> bool:
    """Say whether a run is dead and wholly acknowledged, without reading any of its segments."""
    if folder.is_alive:
        return False
    acked = read_acks(folder.path)
    return bool(acked.get(_END, {}).get(ALL)) and all(
        acked.get((segment.lane, segment.number), {}).get(ALL, 0) >= segment.size
        for segment in folder.segments
    )


def _urgent_first(place: Place) -> tuple[int, int]:
    """Order segments: vital, bulk, and the end of the run when both are read."""
    lane, number = place
    return (2, 0) if place == _END else (int(lane == "bulk"), number)
