"""Read a journal home back, as the drain would: decoded records with their contexts expanded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clientobs.journal.format import Kind
from clientobs.journal.reader import read_segment
from clientobs.journal.records import (
    ContextRecord,
    Header,
    LogRecord,
    MetricsRecord,
    NoteRecord,
    SpanRecord,
    decode,
)

__all__ = ["Seen", "seen"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A record with what surrounds it."""

    header: Header
    kind: Kind
    sequence: int
    record: Any
    production: dict[str, Any]
    scope: dict[str, Any]


class Seen:
    """All records of a home, in the order of their runs and sequence numbers."""

    def __init__(self, placed: list[Placed]) -> None:
        self.placed = placed

    def of(self, kind: Kind) -> list[Placed]:
        return [one for one in self.placed if one.kind == kind]

    @property
    def spans(self) -> list[SpanRecord]:
        return [one.record for one in self.of(Kind.SPAN_ENDED)]

    def span(self, name: str) -> SpanRecord:
        found = [span for span in self.spans if span.name == name]
        assert len(found) == 1, (
            f"{len(found)} ended spans named {name!r} among {[s.name for s in self.spans]}"
        )
        return found[0]

    def context_of(self, name: str) -> dict[str, Any]:
        (found,) = [one for one in self.of(Kind.SPAN_ENDED) if one.record.name == name]
        return found.production

    @property
    def logs(self) -> list[LogRecord]:
        return [one.record for one in self.of(Kind.LOG)]

    def events(self, name: str) -> list[LogRecord]:
        return [log for log in self.logs if log.event_name == name]

    @property
    def metrics(self) -> list[MetricsRecord]:
        return [one.record for one in self.of(Kind.METRICS)]

    def points(self, name: str) -> list[tuple[Any, ...]]:
        """Return the points of a metric, of all its deltas: the keeper collects whenever it is its turn."""
        return [
            point for record in self.metrics for row in record.metrics if row[1] == name for point in row[6]
        ]

    def notes(self, sort: str) -> list[dict[str, Any]]:
        return [one.record.values for one in self.of(Kind.NOTE) if one.record.type == sort]


def seen(home: Path | str) -> Seen:
    """Return everything that is in the journal at `home`."""
    placed: list[Placed] = []
    for segment in sorted(Path(home).glob("v1/*/*.seg")):
        reading = read_segment(str(segment), live=False)
        if reading.header is None and not reading.frames:
            continue  # made this very moment, by a host that still runs
        assert reading.header is not None
        contexts: dict[int, ContextRecord] = {}
        for frame in reading.frames:
            record = decode(frame.kind, frame.payload)
            if isinstance(record, ContextRecord):
                contexts[record.number] = record
            if isinstance(record, (SpanRecord, LogRecord, NoteRecord, MetricsRecord)):
                placed.append(_placed(reading.header, frame, record, contexts))
    placed.sort(key=lambda one: (one.header.run, one.sequence))
    return Seen(placed)


def _placed(header: Header, frame: Any, record: Any, contexts: dict[int, ContextRecord]) -> Placed:
    production = contexts.get(getattr(record, "context", 0))
    scope = contexts.get(getattr(record, "scope", 0))
    return Placed(
        header,
        Kind(frame.kind),
        frame.sequence,
        record,
        production.values if production else {},
        scope.values if scope else {},
    )
