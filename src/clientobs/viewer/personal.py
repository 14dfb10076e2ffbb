"""What this machine's journal holds about a person: values under names that the inventory calls personal.

`clientobs privacy show` is read by artists: they see not only which names may be recorded, but what stands
under them here and now, in the records that are still on this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs.errors import JournalError
from clientobs.journal.reader import read_segment
from clientobs.journal.records import ContextRecord, LogRecord, SpanRecord, decode
from clientobs.journal.runs import list_runs
from clientobs.privacy.inventory import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["values_held"]

_VALUES: Final = 5
"""Different values kept of each name: enough to see what kind of thing it is."""


def values_held(folder: str) -> dict[str, list[str]]:
    """Return name -> some of its values, newest first, of all personal names held in `<home>/v1`."""
    known: dict[str, list[str] | None] = {}
    for attributes in _attributes(folder):
        for name, value in attributes.items():
            if name not in known:
                known[name] = [] if _is_personal(name) else None
            values = known[name]
            if values is not None and len(values) < _VALUES and (text := str(value)) not in values:
                values.append(text)
    return {name: values for name, values in known.items() if values}


def _is_personal(name: str) -> bool:
    entry = find(name)
    return entry is not None and entry.personal != "no"


def _attributes(folder: str) -> Iterator[Mapping[str, Any]]:
    segments = [(segment, run.is_alive) for run in list_runs(folder) for segment in run.segments]
    segments.sort(key=lambda pair: pair[0].mtime_ns, reverse=True)
    for segment, live in segments:
        offset, more = 0, True
        while more:
            try:
                reading = read_segment(segment.path, offset, live=live)
            except (JournalError, FileNotFoundError):
                break
            if offset == 0 and reading.header is not None:
                yield reading.header.resource
            for frame in reading.frames:
                record = decode(frame.kind, frame.payload)
                if isinstance(record, ContextRecord):
                    yield record.values
                elif isinstance(record, (SpanRecord, LogRecord)):
                    yield record.attributes
            offset, more = reading.next_offset, reading.more
