"""Reading a segment: whatever checks out, nothing else, in the face of any damage.

A frame counts only if its checksum holds under the seed of this run, lane and number. Where one does not:

- a later frame checks out: what lies between is damage, and reading goes on there. The damaged frame's own
  length is not believed: one flipped bit in it may point at a good frame further on, and skip those between;
- nothing after it checks out: the tail. While the run lives this means "not yet", and reading goes on from
  there next time; in a dead run it is torn.

So a reader never stops at damage, never takes a half-landed record for damage, and never invents a record.
Memory is bounded by the window read at once.
"""

from __future__ import annotations

import os
import zlib
from typing import Final, NamedTuple

from clientobs._dataclass import dataclass
from clientobs._high import HighFile
from clientobs.errors import JournalError
from clientobs.journal.format import (
    FILE_MAGIC,
    FRAME,
    FRAME_MAGIC,
    HEADER_SEED,
    MAX_PAYLOAD,
    Lane,
    segment_seed,
    split_segment_name,
)
from clientobs.journal.records import Header, decode

__all__ = ["WINDOW", "Frame", "Scan", "SegmentReading", "read_header", "read_segment", "scan"]

WINDOW: Final = 4 * MAX_PAYLOAD
"""Bytes read at once by default."""

_MAX_FRAME: Final = FRAME.size + MAX_PAYLOAD
_CRC_AT: Final = FRAME.size - 4
_SEARCH_BUDGET: Final = (
    64 * MAX_PAYLOAD
)  # bytes to check while searching one window: payloads may hold magics
_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)


class Frame(NamedTuple):
    """One good frame; `offset` and `end` are its bounds in the file."""

    kind: int
    sequence: int
    mono_ns: int
    payload: bytes
    offset: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a stretch of bytes holds. `end` is where the first byte that belongs to no frame yet lies."""

    frames: list[Frame]
    end: int
    damaged: int
    skipped_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReading:
    """One reading of a segment.

    `header` is None where the file's own is damaged: ask a sibling (`runs.header_of`). `torn` is only told
    of a dead run's tail. `damaged` counts damaged stretches (one record each, or more where pages are lost).
    `more` says that the file goes on beyond the window: read again from `next_offset`.
    """

    header: Header | None
    frames: list[Frame]
    next_offset: int
    torn: bool
    damaged: int
    skipped_bytes: int
    more: bool


def read_segment(path: str, offset: int = 0, *, live: bool, window: int = WINDOW) -> SegmentReading:
    """Read the good frames of a segment from `offset` (0, or `next_offset` of the reading before).

    `live` says that the run may still append. Raises JournalError where the file can't be read or its name
    is not a segment's; FileNotFoundError where it is gone (released by another process).
    """
    try:
        with HighFile(path, _FLAGS) as fd:
            size = os.fstat(fd).st_size
            header, seed, body = _read_header(fd, path)
            start = max(offset, body)
            data = _read(fd, start, min(max(window, 2 * _MAX_FRAME), max(size - start, 0)))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise JournalError(f"{path} can't be read ({error.strerror}).") from error
    found = scan(data, seed, base=start)
    more = start + len(data) < size
    end = found.end
    skipped, damaged, torn = found.skipped_bytes, found.damaged, False
    tail = start + len(data) - end
    if more and tail >= _MAX_FRAME:
        # No frame is that long: damage. The last stretch is kept, a good frame may begin in it.
        end += tail - _MAX_FRAME + 1
        skipped, damaged = skipped + tail - _MAX_FRAME + 1, damaged + 1
    elif tail and not more and not live:
        torn = True
        skipped += tail
    return SegmentReading(
        header=header,
        frames=found.frames,
        next_offset=end,
        torn=torn,
        damaged=damaged,
        skipped_bytes=skipped,
        more=more,
    )


def read_header(path: str) -> Header | None:
    """Return a segment's header, None where it is damaged; raises as `read_segment` does."""
    try:
        with HighFile(path, _FLAGS) as fd:
            return _read_header(fd, path)[0]
    except FileNotFoundError:
        raise
    except OSError as error:
        raise JournalError(f"{path} can't be read ({error.strerror}).") from error


def scan(data: bytes, seed: int, *, base: int = 0) -> Scan:
    """Find the good frames in `data`, which begins at file offset `base`."""
    frames: list[Frame] = []
    position = damaged = skipped = 0
    while True:
        frame = _frame_at(data, position, seed, base)
        if frame is not None:
            frames.append(frame)
            position = frame.end - base
            continue
        if position >= len(data):
            break
        resumed = _next_good(data, position, seed, {frame.sequence for frame in frames})
        if resumed is None:
            break
        damaged += 1
        skipped += resumed - position
        position = resumed
    return Scan(frames=frames, end=base + position, damaged=damaged, skipped_bytes=skipped)


def _frame_at(data: bytes, position: int, seed: int, base: int) -> Frame | None:
    """Return the frame at `position` if it is whole and checks out."""
    body = position + FRAME.size
    if body > len(data):
        return None
    magic, kind, _flags, length, sequence, mono_ns, crc = FRAME.unpack_from(data, position)
    if magic != FRAME_MAGIC or length > MAX_PAYLOAD or body + length > len(data):
        return None
    payload = data[body : body + length]
    if zlib.crc32(payload, zlib.crc32(data[position : position + _CRC_AT], seed)) != crc:
        return None
    return Frame(kind, sequence, mono_ns, payload, base + position, base + body + length)


def _next_good(data: bytes, position: int, seed: int, seen: set[int]) -> int | None:
    """Return where the next good frame after a bad one at `position` begins, None where there is none.

    A sequence number that was `seen` is a copy: a record may quote the bytes of an earlier one.
    """
    budget = _SEARCH_BUDGET
    candidate = data.find(FRAME_MAGIC, position + 1)
    while candidate >= 0 and budget > 0:
        frame = _frame_at(data, candidate, seed, 0)
        if frame is not None and frame.sequence not in seen:
            return candidate
        budget -= _bytes_checked(data, candidate)
        candidate = data.find(FRAME_MAGIC, candidate + 1)
    return None


def _bytes_checked(data: bytes, position: int) -> int:
    """Return what it cost to find that no frame begins at `position`."""
    if position + FRAME.size > len(data):
        return FRAME.size
    length = int(FRAME.unpack_from(data, position)[3])
    whole = length <= MAX_PAYLOAD and position + FRAME.size + length <= len(data)
    return FRAME.size + length if whole else FRAME.size


def _read_header(fd: int, path: str) -> tuple[Header | None, int, int]:
    """Return header, seed, and where frames begin; without a good header the file's place tells the seed."""
    start = len(FILE_MAGIC)
    head = _read(fd, start, FRAME.size)
    if len(head) == FRAME.size:
        length = FRAME.unpack(head)[3]
        frame = _frame_at(_read(fd, start, FRAME.size + min(length, MAX_PAYLOAD)), 0, HEADER_SEED, start)
        if frame is not None and isinstance(header := decode(frame.kind, frame.payload), Header):
            lane: Lane = "vital" if header.lane == "vital" else "bulk"
            return header, segment_seed(header.run, lane, header.number), frame.end
    name = split_segment_name(os.path.basename(path))
    if name is None:
        raise JournalError(f"{path} is not a segment: its name should be like 000001.bulk.seg.")
    return None, segment_seed(os.path.basename(os.path.dirname(os.path.abspath(path))), *name), start


def _read(fd: int, offset: int, count: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    pieces = []
    while count > 0:
        piece = os.read(fd, count)
        if not piece:
            break
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)
