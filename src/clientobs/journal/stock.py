"""What lies in a home: every segment with what decides whether it may go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from clientobs._dataclass import dataclass
from clientobs.errors import JournalError
from clientobs.journal.acks import ALL, Marks, read_acks
from clientobs.journal.format import DELIVERABLE
from clientobs.journal.reader import read_segment

if TYPE_CHECKING:
    from clientobs.journal.runs import RunFolder, SegmentFile

__all__ = ["Stored", "count_records", "take_stock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One segment.

    `finished`: nothing is appended to it any more. `delivered`: nothing of it is needed any more; in a run
    that ended, that includes what recovery makes of its end.
    """

    run: RunFolder
    file: SegmentFile
    finished: bool
    delivered: bool
    acked: int

    @property
    def place(self) -> str:
        """Its path below the folder of runs."""
        return f"{self.run.run}/{os.path.basename(self.file.path)}"


def take_stock(runs: list[RunFolder]) -> list[Stored]:
    """Return the segments of all runs, oldest first, those of one run and lane in their order."""
    aged = []
    for run in runs:
        marks = read_acks(run.path)
        newest = {segment.lane: segment.number for segment in run.segments}
        latest = 0
        for segment in run.segments:
            # A clock that was set back must not turn the order of one lane around.
            latest = max(latest, segment.mtime_ns) if segment.number > 1 else segment.mtime_ns
            finished = not run.is_alive or segment.number < newest[segment.lane]
            aged.append((latest, run.run, segment.number, _stored(run, segment, marks, finished=finished)))
    aged.sort(key=lambda one: one[:3])
    return [one[3] for one in aged]


def _stored(run: RunFolder, segment: SegmentFile, marks: Marks, *, finished: bool) -> Stored:
    acked = marks.get((segment.lane, segment.number), {}).get(ALL, 0)
    settled = run.is_alive or bool(marks.get(("vital", 0), {}).get(ALL))
    return Stored(
        run=run, file=segment, finished=finished, delivered=settled and acked >= segment.size, acked=acked
    )


def count_records(path: str, offset: int) -> int:
    """Return how many records (ended spans, logs, metric collections) a segment holds from `offset` on.

    A damaged stretch counts as one. Raises FileNotFoundError where it is gone.
    """
    count = 0
    while True:
        try:
            reading = read_segment(path, offset, live=False)
        except JournalError:
            return count  # unreadable: what can't be read can't be counted
        count += reading.damaged + sum(frame.kind in DELIVERABLE for frame in reading.frames)
        if not reading.more:
            return count
        offset = reading.next_offset
