"""How far each log file was read, kept between drains: `<home>/drain/<destination>.logfiles`.

Written after the records that it stands for have landed in the journal. A drain that is killed in between has
landed records that no position tells of. So each record bears the place where it ends (`log.file.offset`), a note
says where another file begins, and the next drain looks into that run before it reads on: a line is recorded once.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import astuple, fields, replace
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import quiet
from clientobs.drain.accounts import replace_file
from clientobs.drain.logfiles.cursor import Mark
from clientobs.drain.logfiles.voice import FILE_NOTE
from clientobs.errors import JournalError
from clientobs.journal.format import Kind
from clientobs.journal.reader import read_segment
from clientobs.journal.records import LogRecord, NoteRecord, decode
from clientobs.journal.runs import read_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.journal.records import Header, Record

__all__ = ["Positions"]

_MAX_FILES: Final = 2000
_WHERE: Final = (semconv.LOG_FILE_PATH, semconv.LOG_FILE_OFFSET)


class Positions:
    """The marks of all followed files of one drain. Safe to use from the threads of several followers."""

    def __init__(self, path: str, runs_folder: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._marks: dict[str, Mark] = {}
        self._marks_lock = threading.Lock()  # of its own: the other is held while the disk writes
        self._runs: set[str] = set()
        self._changed = False
        self.saved_at: float | None = None
        """When an earlier drain wrote the positions last, seconds since the epoch; None: there was none."""
        self._load()
        for run in self._runs:
            with quiet("drain.logfiles.positions"):  # else one odd record keeps all files from being followed
                self._catch_up(os.path.join(runs_folder, run))
        self._runs.clear()

    def of(self, path: str) -> Mark | None:
        """Return where to go on in a file."""
        return self._marks.get(path)

    def of_file(self, device: int, inode: int) -> Mark | None:
        """Return where to go on in a file that had another name when it was read."""
        with self._marks_lock:
            marks = list(self._marks.values())
        found = (mark for mark in reversed(marks) if (mark.device, mark.inode) == (device, inode))
        return next(found, None)

    def keep(self, mark: Mark | None) -> None:
        """Remember how far a file was read; `save` writes it down."""
        if mark is None or mark == self._marks.get(mark.path):
            return
        with self._marks_lock:
            self._changed = True
            self._marks.pop(mark.path, None)  # the newest last: what is forgotten first are files long gone
            self._marks[mark.path] = mark
            while len(self._marks) > _MAX_FILES:
                del self._marks[next(iter(self._marks))]

    def begin(self, run: str) -> None:
        """Say that the records of this drain go to `run`; before the first of them."""
        with self._lock:
            self._runs.add(run)
            self._changed = True
        self.save()

    def save(self) -> None:
        """Write the positions down, where they have changed; raises OSError."""
        with self._lock:
            if not self._changed:
                return
            self._changed = False
            with self._marks_lock:
                marks = list(self._marks.values())
            document = {"files": [_written(mark) for mark in marks], "runs": sorted(self._runs)}
            replace_file(self._path, json.dumps(document).encode())

    def _load(self) -> None:
        try:
            self.saved_at = os.stat(self._path).st_mtime
            with open(self._path, "rb") as file:
                document: Any = json.load(file)
            self._marks = {entry[0]: Mark(*entry) for entry in document["files"]}
            self._runs = set(document["runs"])
        except (OSError, ValueError, TypeError, KeyError, IndexError):
            self._marks = {}  # none, or not ours: what is in the files now is history

    def _catch_up(self, run_folder: str) -> None:
        """Take from a run what the positions don't tell yet."""
        begun: dict[str, Mark] = {}
        reached: dict[str, int] = {}
        for record in _records_of(run_folder):
            if isinstance(record, NoteRecord) and record.type == FILE_NOTE:
                mark = _noted(record.values)
                self._set_aside(mark, begun.get(mark.path) or self._marks.get(mark.path), reached)
                begun[mark.path], reached[mark.path] = mark, 0
            elif isinstance(record, LogRecord):
                path, offset = (record.attributes.get(key) for key in _WHERE)
                if isinstance(path, str) and isinstance(offset, int):
                    reached[path] = max(offset, reached.get(path, 0))
        for path, offset in reached.items():
            self._advance(self._marks.get(path), begun.get(path), offset)

    def _set_aside(self, new: Mark, old: Mark | None, reached: dict[str, int]) -> None:
        """Keep how far the file before was read: a glob may match the name that rotation gave it."""
        if old is None or (old.device, old.inode) == (new.device, new.inode):
            return
        nowhere = f"{old.path}\0{old.inode}"  # no path has a NUL: it is found by its inode alone
        self._marks[nowhere] = replace(old, path=nowhere, offset=max(old.offset, reached.get(old.path, 0)))

    def _advance(self, known: Mark | None, begun: Mark | None, offset: int) -> None:
        """Set a file's mark to where the records of a run end, in the file that was begun last."""
        mark = known
        if begun and not (known and (known.device, known.inode) == (begun.device, begun.inode)):
            mark = begun
        # What was read without being recorded (ignored lines) is in the known positions alone.
        if mark is not None:
            self._marks[mark.path] = replace(mark, offset=max(mark.offset, offset))


def _noted(values: dict[str, Any]) -> Mark:
    return Mark(**{field.name: values[field.name] for field in fields(Mark) if field.name in values})


def _written(mark: Mark) -> tuple[Any, ...]:
    entry = astuple(mark)
    return entry if mark.began is not None else entry[:-1]  # as it was before there was such a field


def _records_of(run_folder: str) -> Iterator[Record | Header | None]:
    for segment in read_run(run_folder).segments:
        offset, more = 0, True
        while more:
            try:
                reading = read_segment(segment.path, offset, live=False)
            except (JournalError, FileNotFoundError):
                break  # released: what was in it has arrived long ago
            offset, more = reading.next_offset, reading.more
            for frame in reading.frames:
                if frame.kind in (Kind.LOG, Kind.NOTE):
                    yield decode(frame.kind, frame.payload)
