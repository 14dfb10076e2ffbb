"""What has been delivered of a run: `<run>/acks`, appended by its drain after a 2xx, read by all.

    acks  := frame*             kind NOTE, seeded with the run; payload ((lane, number, rank, offset), ...)

An entry says that of segment `number` of `lane` everything of `rank` before byte `offset` has arrived; rank
"" stands for all ranks. What the ranks are is the drain's matter; number 0 of the vital lane, which no
writer makes, stands for the run's end (interrupted spans, session.end). Entries only ever move forward, so
that a lost or damaged one means that something is sent again, never that it is lost.

One process writes: the drain that holds the lock of the run's destination.
"""

from __future__ import annotations

import marshal
import os
import zlib
from collections.abc import Iterable
from typing import Final, TypeAlias

from clientobs.journal.format import HEADER_SEED, Lane, encode_entry, segment_name
from clientobs.journal.ledgers import add_to_ledger, read_ledger, replace_ledger
from clientobs.journal.reader import scan

__all__ = ["ACKS_FILE", "ALL", "Entry", "Marks", "Place", "append_acks", "read_acks"]

ACKS_FILE: Final = "acks"
ALL: Final = ""

Place: TypeAlias = tuple[Lane, int]
"""Lane and number of a segment."""

Marks: TypeAlias = dict[Place, dict[str, int]]
"""Offset by rank, by place."""

Entry: TypeAlias = tuple[Lane, int, str, int]
"""Lane, number, rank, offset."""


def read_acks(folder: str) -> Marks:
    """Return the marks of the run in `folder`; nothing where there are none. Damage is passed over."""
    marks: Marks = {}
    for frame in scan(read_ledger(os.path.join(folder, ACKS_FILE)), _seed(folder)).frames:
        for lane, number, rank, offset in _entries(frame.payload):
            place = marks.setdefault((lane, number), {})
            place[rank] = max(offset, place.get(rank, 0))
    return marks


def append_acks(folder: str, entries: Iterable[Entry]) -> None:
    """Write down what has arrived; on OSError the entries may be lost, and their records are sent again."""
    path = os.path.join(folder, ACKS_FILE)
    if add_to_ledger(path, _frame(folder, entries)):
        _compact(folder, path)


def _compact(folder: str, path: str) -> None:
    """Replace the file by one with the newest marks."""
    marks = read_acks(folder)
    entries = [
        (*place, rank, offset)
        for place, ranks in marks.items()
        if place[1] == 0 or os.path.lexists(os.path.join(folder, segment_name(*place)))
        for rank, offset in ranks.items()
    ]
    replace_ledger(path, _frame(folder, entries))


def _frame(folder: str, entries: Iterable[Entry]) -> bytes:
    return encode_entry(tuple(entries), _seed(folder))


def _entries(payload: bytes) -> list[Entry]:
    try:
        value = marshal.loads(payload)  # noqa: S302  # own file, own user, checksum held: see format.py
        return [
            ("vital" if lane == "vital" else "bulk", int(number), str(rank), int(offset))
            for lane, number, rank, offset in value
        ]
    except (EOFError, ValueError, TypeError):
        return []


def _seed(folder: str) -> int:
    run = os.path.basename(os.path.abspath(folder))
    return zlib.crc32(f"{run}/acks".encode(), HEADER_SEED)
