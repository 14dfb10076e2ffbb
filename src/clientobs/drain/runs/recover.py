"""What a dead run left open: its spans end with it, and its session gets an end.

A run is read once more from its first segment that is still there to its last record. Each span that was
started (or carried over into a later segment) and never ended becomes a span that ended *when the process is
known to have lived last* (`lifetime.py`), never "now". So a second drain, after a first one that was killed while
it delivered, makes the same records again, byte for byte, and back ends recognize them.

A run of role "main" gets `session.end` where it did not write one itself, and `app.crash` where there is
positive evidence (`evidence.py`). A forked child has no session of its own, so it gets the latter only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from clientobs import semconv
from clientobs.drain.batch import Item
from clientobs.drain.deaths.inquest import Death
from clientobs.drain.runs.evidence import Watched, judge, would_have_left_a_word
from clientobs.drain.runs.last_words import LOG_LINES, dcc_attributes, ending_attributes, sentence
from clientobs.drain.runs.lifetime import lived_until, silent_since
from clientobs.journal.format import NO_CONTEXT, Kind
from clientobs.journal.records import (
    HANG_NOTE,
    ContextRecord,
    Header,
    LogRecord,
    NoteRecord,
    SpanRecord,
    decode,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clientobs.drain.runs.evidence import Ending, Evidence
    from clientobs.journal.reader import Frame
    from clientobs.journal.records import Attributes

__all__ = ["RunEnd"]

SpanKey: TypeAlias = tuple[int, int]
"""Trace id and span id."""

_STATUS_ERROR: Final = 2
_SIGNALS: Final = (Kind.SPAN_STARTED, Kind.SPAN_ENDED, Kind.LOG)
_MAX_OPEN: Final = 10_000
"""Open spans kept of one run; a run that leaks more has a fault that ten thousand of them show."""

_MESSAGE: Final = "The process ended before this span did."
_INTERRUPTED: Final = {semconv.INTERRUPTED: True, semconv.ERROR_TYPE: "interrupted"}
_SEVERITIES: Final[dict[str, tuple[int, str]]] = {
    "exited": (9, "INFO"),
    "crashed": (21, "FATAL"),
    "abnormal": (13, "WARN"),
    "hung": (17, "ERROR"),
    "unknown": (13, "WARN"),
}
_OUT_OF_MEMORY: Final = (17, "ERROR")
_NEARLY: Final = 1.0
"""Seconds by which a fault may be older than the last word of its process: file systems date coarsely."""
_SURVIVED_NS: Final = 60_000_000_000
"""A process that still records so long after a fault has survived it: it did not die of it."""


@dataclass(slots=True)
class _Segment:
    """What is shared by the frames of one segment."""

    header: Header
    contexts: dict[int, ContextRecord] = field(default_factory=dict)


class _Told(NamedTuple):
    """What the events of an end are made of: the verdict, what it rests on, the open spans, when it was."""

    ending: Ending
    evidence: Evidence
    spans: Sequence[SpanRecord]
    end: int


class RunEnd:
    """Takes in the frames of a dead run, bulk lane first, each lane in order; then tells how the run ended.

    end = RunEnd()
    for segment in segments: end.begin(header), end.feed(frame) for each frame
    items = end.items(evidence)
    """

    def __init__(self) -> None:
        self.overflowed = 0
        self._segment: _Segment | None = None
        self._open: dict[SpanKey, tuple[Frame, _Segment]] = {}
        # A span may end while a rotation carries it over: its end then stands before that second start. Ends
        # are remembered for as long as that can happen, one segment further.
        self._ended: set[SpanKey] = set()
        self._ended_before: set[SpanKey] = set()
        self._first_mono: int | None = None
        self._last_sequence = -1
        self._last_mono = 0
        self._anchors: list[tuple[int, int]] = []
        self._newest: tuple[Frame, _Segment] | None = None
        self._closed: str | None = None
        self._watched = Watched()
        self._survived: int | None = None
        self._hung: set[int] = set()
        """Since when the main thread had not answered, by the host's own notes."""
        self._logs: deque[tuple[Frame, _Segment]] = deque(maxlen=LOG_LINES)
        self._session_ended = False
        self._vital_numbers: set[int] = set()

    def begin(self, header: Header) -> None:
        """Say that the frames that follow belong to the segment of this header."""
        self._segment = _Segment(header)
        self._ended_before, self._ended = self._ended, set()
        self._anchors.append((header.mono_ns, header.wall_ns - header.mono_ns))
        if header.number == 1 and (self._first_mono is None or header.mono_ns < self._first_mono):
            self._first_mono = header.mono_ns
        if header.lane == "vital":
            self._vital_numbers.add(header.number)
        if self._last_sequence < 0:
            self._last_mono = max(self._last_mono, header.mono_ns)

    def feed(self, frame: Frame) -> None:
        """Take in one frame of the segment begun last."""
        segment = self._segment
        if segment is None:
            return
        if frame.sequence > self._last_sequence:
            self._last_sequence, self._last_mono = frame.sequence, frame.mono_ns
        if frame.kind in _SIGNALS and (self._newest is None or frame.sequence > self._newest[0].sequence):
            self._newest = (frame, segment)
        if frame.kind == Kind.LOG and segment.header.lane != "vital":
            self._logs.append((frame, segment))
            return  # session events are vital: the bulk of the logs is not decoded for nothing
        record = decode(frame.kind, frame.payload)
        if isinstance(record, SpanRecord):
            self._feed_span(frame, segment, (record.trace_id, record.span_id))
        elif isinstance(record, ContextRecord):
            segment.contexts[record.number] = record
        elif isinstance(record, LogRecord):
            self._session_ended |= record.event_name == semconv.SESSION_END
        elif isinstance(record, NoteRecord):
            self._feed_note(frame, record)

    def _feed_span(self, frame: Frame, segment: _Segment, key: SpanKey) -> None:
        if frame.kind == Kind.SPAN_ENDED:
            self._open.pop(key, None)
            self._ended.add(key)
        elif key in self._ended or key in self._ended_before:
            return
        elif key in self._open or len(self._open) < _MAX_OPEN:
            self._open[key] = (frame, segment)
        else:
            self.overflowed += 1

    def _feed_note(self, frame: Frame, note: NoteRecord) -> None:
        if note.type == "closed":
            self._closed = str(note.values.get("detail") or "")
        elif note.type == "watched":
            self._watched = Watched(
                faults=bool(note.values.get("faults")),
                exits=bool(note.values.get("exits")),
                program=str(note.values.get("program") or ""),
                group=str(note.values.get("group") or ""),
                supervised=bool(note.values.get("supervised")),
                file=str(note.values.get("file") or ""),
                size=int(note.values.get("size") or 0),
            )
        elif note.type == "survived":
            self._survived = frame.mono_ns
        elif note.type == HANG_NOTE:
            self._feed_hang(note)
        elif note.type == "ended":
            # The end itself is in the vital lane, and may be delivered and deleted by now.
            trace_id, span_id = note.values.get("key") or (0, 0)
            self._open.pop((trace_id, span_id), None)
        elif note.type == "anchor":
            mono, wall = note.values.get("mono_ns"), note.values.get("wall_ns")
            if isinstance(mono, int) and isinstance(wall, int):
                self._anchors.append((mono, wall - mono))

    def death(self, evidence: Evidence, *, rebooted: bool, living: bool = False) -> Death | None:
        """Return what an inquest needs to know; None where none is held: after a clean close, or without a segment."""
        if self._segment is None or self._closed is not None or evidence.closed:
            return None
        offset = self._offset()
        last = lived_until(evidence, last_mono=self._last_mono, offset=offset)
        return Death(
            header=self._segment.header,
            last_mono=last,
            last_seconds=(last + offset) / 1e9,
            rebooted=rebooted,
            faulted=bool(evidence.fatal),
            silent=would_have_left_a_word(evidence, self._watched),
            living=living,
            program=self._watched.program,
            group=self._watched.group,
            supervised=self._watched.supervised and evidence.exit_status is None,
            fault_file=(self._watched.file, self._watched.size, (last + offset) / 1e9 - _NEARLY),
        )

    def _feed_hang(self, note: NoteRecord) -> None:
        since = note.values.get("since")
        if not isinstance(since, int):
            return
        if note.values.get("at") == "hung":
            self._hung.add(since)
        elif note.values.get("at") == "over":
            self._hung.discard(since)

    def items(self, evidence: Evidence) -> list[Item]:
        """Return what is to be delivered for this run, in a fixed order; [] where no segment was readable."""
        if self._segment is None:
            return []
        evidence = self._without_survived(evidence)
        if self._hung and not evidence.hung_since_ns:
            evidence = replace(evidence, hung_since_ns=min(self._hung) + self._offset())
        end = lived_until(evidence, last_mono=self._last_mono, offset=self._offset())
        if evidence.beat is not None and (since := silent_since(evidence.beat, end)):
            evidence = replace(evidence, silent_since_ns=since + self._offset(), silent_ns=end - since)
        opened = sorted(self._open.values(), key=lambda pair: pair[0].sequence)
        spans = [item for frame, segment in opened if (item := self._interrupted(frame, segment, end))]
        records = [item.record for item in spans if isinstance(item.record, SpanRecord)]
        records.sort(key=lambda span: span.start_mono)  # a carried-over start has a later sequence number
        return [*self._session_events(self._segment.header, evidence, records, end), *spans]

    def _without_survived(self, evidence: Evidence) -> Evidence:
        """Leave a fault out that the process has outlived for a while: it did not die of it."""
        seen = max(self._last_mono, evidence.beat.at if evidence.beat is not None else 0)
        if self._survived is not None and seen - self._survived > _SURVIVED_NS:
            return replace(evidence, fatal="", stacks="")
        return evidence

    def _interrupted(self, frame: Frame, segment: _Segment, end: int) -> Item | None:
        record = decode(frame.kind, frame.payload)
        if not isinstance(record, SpanRecord):
            return None
        ended = replace(
            record,
            end_ns=record.start_ns + max(0, end - record.start_mono),
            status=_STATUS_ERROR,
            status_message=_MESSAGE,
            attributes={**record.attributes, **_INTERRUPTED},
        )
        return Item(header=segment.header, record=ended, sequence=frame.sequence, contexts=segment.contexts)

    def _session_events(
        self, header: Header, evidence: Evidence, spans: Sequence[SpanRecord], end: int
    ) -> list[Item]:
        in_loop = evidence.beat is not None and evidence.beat.watch == "loop"
        ending = judge(evidence, self._closed, replace(self._watched, busy=bool(spans) or in_loop))
        names = [semconv.APP_CRASH] if ending.status == "crashed" else []
        if header.role == "main" and self._lacks_session_end(evidence):
            names.append(semconv.SESSION_END)
        elif header.role != "child":
            return []  # a forked child has no session of its own; its crash is one all the same
        number, contexts = self._last_context()
        told = _Told(ending, evidence, spans, end)
        vital = replace(header, lane="vital")
        return [
            Item(
                header=vital,
                record=self._event(name, header, told, number),
                sequence=self._last_sequence + 1 + place,
                contexts=contexts,
            )
            for place, name in enumerate(names)
        ]

    def _lacks_session_end(self, evidence: Evidence) -> bool:
        """Say whether the run wrote no session.end of its own, as far as can be known.

        After a clean close it most likely did, and where vital segments are gone (delivered, then deleted)
        it may have been in one of them: a second one would be worse than none.
        """
        if self._session_ended:
            return False
        whole = self._vital_numbers == set(range(1, len(self._vital_numbers) + 1))
        return whole or (self._closed is None and not evidence.closed)

    def _event(self, name: str, header: Header, told: _Told, context: int) -> LogRecord:
        ending, spans, end = told.ending, told.spans, told.end
        time_ns = end + self._offset()
        severity, text = _OUT_OF_MEMORY if ending.kind == "out_of_memory" else _SEVERITIES[ending.status]
        is_end = name == semconv.SESSION_END
        logs = () if is_end and ending.kind != "out_of_memory" else self._last_logs()
        attributes: Attributes = {
            **dcc_attributes(spans),
            semconv.SESSION_ID: header.session,
            **ending_attributes(ending, told.evidence, spans=spans, logs=logs, last_mono=end),
        }
        if is_end:
            attributes[semconv.SESSION_STATUS] = ending.status
            if self._first_mono is not None:
                attributes[semconv.SESSION_DURATION] = max(0, end - self._first_mono) / 1e9
        inner = spans[-1] if spans else None
        return LogRecord(
            time_ns=time_ns,
            observed_ns=time_ns,
            severity=severity,
            severity_text=text,
            body=sentence(ending, told.evidence, spans),
            event_name=name,
            attributes=attributes,
            trace_id=inner.trace_id if inner else 0,
            span_id=inner.span_id if inner else 0,
            flags=inner.flags if inner else 0,
            context=context,
            scope=NO_CONTEXT,
        )

    def _last_logs(self) -> Iterator[LogRecord]:
        for frame, _ in self._logs:
            record = decode(frame.kind, frame.payload)
            if isinstance(record, LogRecord):
                yield record

    def _offset(self) -> int:
        """Return wall minus monotonic time at the end: of the newest anchor that is not past the end."""
        known = [anchor for anchor in self._anchors if anchor[0] <= self._last_mono] or self._anchors
        return max(known)[1]

    def _last_context(self) -> tuple[int, dict[int, ContextRecord]]:
        """Return the production context of the newest record: the shot that was open when it ended."""
        if self._newest is None:
            return NO_CONTEXT, {}
        frame, segment = self._newest
        record = decode(frame.kind, frame.payload)
        if isinstance(record, (SpanRecord, LogRecord)):
            return record.context, segment.contexts
        return NO_CONTEXT, {}
