"""Segments of a home fed into a TraceBook: the newest first when looking back, as they grow when following.

A segment stands alone: the contexts that its records refer to are in it, and spans still open are written
into each new one. So the last trace is found by reading backwards from the newest segment, and a journal of
hundreds of megabytes is not read to show what happened a minute ago.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs.errors import JournalError
from clientobs.journal.format import Kind
from clientobs.journal.reader import read_segment
from clientobs.journal.records import ContextRecord, Header, LogRecord, NoteRecord, SpanRecord, decode
from clientobs.journal.runs import RunFolder, SegmentFile, header_of, list_runs
from clientobs.viewer.model import Run
from clientobs.viewer.traces import TraceBook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.journal.reader import Frame
    from clientobs.journal.records import Attributes, Record

__all__ = ["Recordings", "read_content"]

_CONTENT_ID: Final = re.compile(r"[0-9a-f]{32}")
_MOST_CONTENT: Final = 1 << 20


@dataclass(slots=True)
class _Place:
    """How far one segment was read, and what its records refer to."""

    run: Run
    wall_offset: int
    offset: int = 0
    contexts: dict[int, Attributes] = field(default_factory=dict)
    scopes: dict[int, str] = field(default_factory=dict)


class Recordings:
    """What the journal at `folder` (`<home>/v1`) holds, as far as it was read.

    `damaged` and `torn` count places that no longer check out; reading goes on behind them.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.book = TraceBook()
        self.runs: dict[str, Run] = {}
        self.damaged = 0
        self.torn = 0
        self._places: dict[str, _Place] = {}

    @property
    def now_ns(self) -> int:
        """The moment that is now for what is read: spans still open have been running until then."""
        return time.time_ns()

    def fresh(self) -> Recordings:
        """Return the same recordings with nothing read yet."""
        return Recordings(self.folder)

    def runs_named(self, prefix: str) -> list[str]:
        """Return the runs whose id, or whose session's, begins with `prefix`."""
        return [
            folder.run
            for folder in list_runs(self.folder)
            if folder.run.startswith(prefix) or _session_of(folder.path).startswith(prefix)
        ]

    def content(self, number: str) -> dict[str, Any]:
        """Return what the home remembers under the id of an environment or of packages; {} where it is not known."""
        if not _CONTENT_ID.fullmatch(number):
            return {}
        path = os.path.join(os.path.dirname(self.folder), "environments", number)
        try:
            with open(path, "rb") as file:
                return read_content(file.read(_MOST_CONTENT))
        except OSError:
            return {}

    def newest_first(self) -> Iterator[tuple[RunFolder, SegmentFile]]:
        """Yield all segments, the one written last first."""
        found = [(folder, segment) for folder in list_runs(self.folder) for segment in folder.segments]
        found.sort(key=lambda pair: (pair[1].mtime_ns, pair[1].number), reverse=True)
        yield from found

    def read(self, folder: RunFolder, segment: SegmentFile) -> int:
        """Read what is new in a segment; return the number of new records."""
        place = self._places.get(segment.path)
        if place is not None and place.offset >= segment.size:
            place.run.alive = folder.is_alive
            return 0
        count = 0
        more = True
        while more:
            try:
                reading = read_segment(
                    segment.path, place.offset if place is not None else 0, live=folder.is_alive
                )
            except (JournalError, FileNotFoundError):
                return count  # released by the drain, or unreadable: other segments still tell
            if place is None:
                place = self._place(folder, segment, reading.header)
                if place is None:
                    return count
            for frame in reading.frames:
                self._take(place, frame)
            count += len(reading.frames)
            self.damaged += reading.damaged
            self.torn += reading.torn
            place.offset = reading.next_offset
            more = reading.more
        return count

    def poll(self) -> int:
        """Read what is new in all segments, oldest first; return the number of new records."""
        return sum(self.read(folder, segment) for folder, segment in reversed(list(self.newest_first())))

    def _place(self, folder: RunFolder, segment: SegmentFile, header: Header | None) -> _Place | None:
        header = header or header_of(folder.path)
        if header is None:
            self.damaged += 1
            return None
        run = self.runs.get(header.run)
        if run is None:
            run = self.runs[header.run] = Run(
                run=header.run,
                session=header.session,
                pid=header.pid,
                role=header.role,
                resource=header.resource,
                started_ns=header.wall_ns,
                last_ns=header.wall_ns,
            )
        run.alive = folder.is_alive
        run.started_ns = min(run.started_ns, header.wall_ns)
        place = _Place(run, header.wall_ns - header.mono_ns)
        self._places[segment.path] = place
        return place

    def _take(self, place: _Place, frame: Frame) -> None:
        if frame.kind == Kind.METRICS:
            return
        record = decode(frame.kind, frame.payload)
        run = place.run
        run.last_ns = max(run.last_ns, frame.mono_ns + place.wall_offset)
        if isinstance(record, SpanRecord):
            self.book.add_span(
                run,
                record,
                ended=frame.kind == Kind.SPAN_ENDED,
                context=place.contexts.get(record.context, {}),
                scope=place.scopes.get(record.scope, ""),
            )
        elif isinstance(record, LogRecord):
            self.book.add_log(
                run,
                record,
                context=place.contexts.get(record.context, {}),
                scope=place.scopes.get(record.scope, ""),
            )
        else:
            _note(place, record)


def read_content(text: bytes) -> dict[str, Any]:
    """Return a remembered content, {} for what is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _session_of(path: str) -> str:
    header = header_of(path)
    return header.session if header is not None else ""


def _note(place: _Place, record: Header | Record | None) -> None:
    if isinstance(record, ContextRecord):
        if record.type == "scope":
            place.scopes[record.number] = str(record.values.get("name", ""))
        else:
            place.contexts[record.number] = record.values
    elif isinstance(record, NoteRecord):
        if record.type == "anchor":
            place.wall_offset = _offset(record.values, place.wall_offset)
        elif record.type == "closed":
            place.run.closed = str(record.values.get("status", "exited"))


def _offset(anchor: Attributes, known: int) -> int:
    wall, mono = anchor.get("wall_ns"), anchor.get("mono_ns")
    return wall - mono if isinstance(wall, int) and isinstance(mono, int) else known
