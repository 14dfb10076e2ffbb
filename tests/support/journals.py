"""Journals for tests: made in one line, read back whole, written to by processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clientobs._clock import Clock
from clientobs._loss import LossLedger
from clientobs.config.model import JournalConfig
from clientobs.journal.format import Kind
from clientobs.journal.home import Home, prepare
from clientobs.journal.reader import Frame, SegmentReading, read_segment
from clientobs.journal.records import ContextRecord, NoteRecord, decode
from clientobs.journal.runs import list_runs
from clientobs.journal.writer import Journal, RunIdentity

__all__ = ["Contents", "FakeTime", "contents", "make_home", "make_journal", "python"]

SOURCE = Path(__file__).parents[2] / "src"


@dataclass
class FakeTime:
    """A monotonic clock that a test moves."""

    now: int = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)


def make_home(path: Path) -> Home:
    return prepare(str(path), uid=os.getuid() if hasattr(os, "getuid") else None)


def make_journal(
    home: Home,
    *,
    loss: LossLedger | None = None,
    mono: FakeTime | None = None,
    run: str | None = None,
    **config: Any,
) -> Journal:
    """Return a journal; `config` are fields of JournalConfig."""
    config.setdefault("free_floor_bytes", 0)
    identity = RunIdentity(
        run=run or os.urandom(16).hex(), session="5e" * 16, resource={"service.name": "tool"}
    )
    clock = Clock() if mono is None else Clock(wall=lambda: 10**18, mono=mono)
    return Journal(
        home,
        identity,
        config=JournalConfig(**config),
        clock=clock,
        loss=LossLedger() if loss is None else loss,
    )


@dataclass
class Contents:
    """All that a home holds, in the order of runs, lanes and segments."""

    readings: dict[str, SegmentReading] = field(default_factory=dict)
    """By run/name."""

    def frames(self, kind: Kind) -> list[Frame]:
        return [frame for reading in self.readings.values() for frame in reading.frames if frame.kind == kind]

    def logs(self) -> list[bytes]:
        """Payloads of LOG records: what tests append."""
        return [frame.payload for frame in self.frames(Kind.LOG)]

    def notes(self, note_type: str) -> list[dict[str, Any]]:
        notes = [decode(frame.kind, frame.payload) for frame in self.frames(Kind.NOTE)]
        return [note.values for note in notes if isinstance(note, NoteRecord) and note.type == note_type]

    @property
    def torn(self) -> int:
        return sum(reading.torn for reading in self.readings.values())

    @property
    def damaged(self) -> int:
        return sum(reading.damaged for reading in self.readings.values())

    def roles(self) -> dict[str, str]:
        """Role by run."""
        headers = [reading.header for reading in self.readings.values()]
        return {header.run: header.role for header in headers if header is not None}

    def unresolved_contexts(self, contexts_of: Mapping[bytes, tuple[int, ...]]) -> list[bytes]:
        """Return payloads whose contexts are not in their segment before them."""
        missing = []
        for reading in self.readings.values():
            known: set[int] = set()
            for frame in reading.frames:
                record = decode(frame.kind, frame.payload)
                if isinstance(record, ContextRecord):
                    known.add(record.number)
                elif not known.issuperset(contexts_of.get(frame.payload, ())):
                    missing.append(frame.payload)
        return missing


def contents(home: Home) -> Contents:
    found = Contents()
    for run in list_runs(home):
        for segment in run.segments:
            reading = read_segment(segment.path, live=run.is_alive, window=1 << 30)
            assert not reading.more
            found.readings[f"{run.run}/{os.path.basename(segment.path)}"] = reading
    return found


def python(program: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that may import clientobs and these helpers."""
    path = os.pathsep.join([str(SOURCE), str(SOURCE.parent / "tests")])
    environ = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen([sys.executable, "-c", program, *arguments], env=environ, **options)
