"""What retention took before it was delivered: `<home>/v1/losses`, added to before anything is deleted.

    losses  := frame*           kind NOTE, payload (type, values) as in `records.NoteRecord`

"evicted" {"place", "reason", "count"} is one segment; "loss" {reason: count} the sum of older ones. What a
run itself dropped is in its own "loss" notes; the sum of both is what `clientobs status` shows. An entry for
a segment counts once, however often its deletion was begun.

Only the holder of the retention lock (retention.py) writes here.
"""

from __future__ import annotations

import os
import zlib
from typing import Any, Final

from clientobs.journal.format import HEADER_SEED, encode_entry
from clientobs.journal.ledgers import add_to_ledger, read_ledger, replace_ledger
from clientobs.journal.reader import scan
from clientobs.journal.records import NoteRecord, decode

__all__ = ["LOSSES_FILE", "add_loss", "read_losses"]

LOSSES_FILE: Final = "losses"
_SEED: Final = zlib.crc32(b"losses", HEADER_SEED)


def read_losses(runs: str) -> dict[str, int]:
    """Return the totals by reason for the folder of runs `runs` (`Home.runs`). Damage is passed over."""
    sums, evicted = _read(runs)
    for reason, count in evicted.values():
        sums[reason] = sums.get(reason, 0) + count
    return sums


def add_loss(runs: str, place: str, reason: str, count: int) -> None:
    """Write down that `count` records of the segment `place` (run/name) go undelivered. Raises OSError."""
    path = os.path.join(runs, LOSSES_FILE)
    if add_to_ledger(path, _frame("evicted", {"place": place, "reason": reason, "count": count})):
        _compact(runs, path)


def _compact(runs: str, path: str) -> None:
    """Sum up what is deleted; entries of segments that still exist stay, so that none counts twice."""
    sums, evicted = _read(runs)
    frames = []
    for place, (reason, count) in evicted.items():
        if os.path.lexists(os.path.join(runs, place)):
            frames.append(_frame("evicted", {"place": place, "reason": reason, "count": count}))
        else:
            sums[reason] = sums.get(reason, 0) + count
    replace_ledger(path, b"".join([_frame("loss", sums), *frames]))


def _read(runs: str) -> tuple[dict[str, int], dict[str, tuple[str, int]]]:
    """Return sums by reason and the (reason, count) of each evicted segment."""
    sums: dict[str, int] = {}
    evicted: dict[str, tuple[str, int]] = {}
    for frame in scan(read_ledger(os.path.join(runs, LOSSES_FILE)), _SEED).frames:
        record = decode(frame.kind, frame.payload)
        if not isinstance(record, NoteRecord):
            continue
        if record.type == "loss":
            for reason, count in record.values.items():
                sums[reason] = sums.get(reason, 0) + count
        elif record.type == "evicted":
            evicted[record.values["place"]] = (record.values["reason"], record.values["count"])
    return sums, evicted


def _frame(type: str, values: dict[str, Any]) -> bytes:  # noqa: A002  # the record's own word
    return encode_entry((type, values), _SEED)
