"""The bytes of a segment: one file header, then framed records, nothing else.

    segment := FILE_MAGIC(8)  frame(kind=HEADER)  frame*
    frame   := magic 2s, kind u8, flags u8, length u32, sequence u64, monotonic_ns u64, crc u32, payload

All integers are little-endian. `crc` is zlib.crc32 over the 24 header bytes before it and the payload,
started from a *seed* that belongs to one run, lane and segment number: bytes of another run, of an older
file in the same blocks, or a run of zeros (crc32(b"") is 0) can never check out. The HEADER frame is seeded
with HEADER_SEED, since a reader learns run, lane and number from it.

The payload of every kind is `marshal`, version 2: the cheapest encoding that CPython has (a span's tuple in
0.4 us, json 3 us; benchmarks/append.py), the same on all supported versions, faithful to lone surrogates,
and only ever read back from a file that this user owns and whose checksum held. `records.py` gives the
payloads their meaning; this module does not look into them.

A frame lands by one write. What a reader does with a frame that does not check out is in `reader.py`.
"""

from __future__ import annotations

import marshal
import os
import re
import struct
import zlib
from enum import IntEnum
from typing import Any, Final, Literal

__all__ = [
    "DELIVERABLE",
    "FILE_MAGIC",
    "FORMAT_MAJOR",
    "FRAME",
    "FRAME_MAGIC",
    "HEADER_SEED",
    "MARSHAL_VERSION",
    "MAX_PAYLOAD",
    "NO_CONTEXT",
    "Kind",
    "Lane",
    "crc32_under_gil",
    "encode_entry",
    "encode_frame",
    "encode_payload",
    "segment_name",
    "segment_seed",
    "split_segment_name",
]

FORMAT_MAJOR: Final = 1
FILE_MAGIC: Final = b"CLOBSEG\x01"  # the last byte is FORMAT_MAJOR
FRAME_MAGIC: Final = b"\xc1\x0b"
FRAME: Final = struct.Struct("<2sBBIQQI")
MARSHAL_VERSION: Final = 2
MAX_PAYLOAD: Final = 1 << 20
"""Bytes. A writer bounds its payloads below this; a reader takes a larger length for damage."""

NO_CONTEXT: Final = 0
"""The number of no CONTEXT record."""

HEADER_SEED: Final = zlib.crc32(b"clientobs segment header")
Lane = Literal["bulk", "vital"]
_LANE_CODE: Final = {"bulk": 0, "vital": 1}

_HEAD: Final = struct.Struct("<2sBBIQQ")
_CRC: Final = struct.Struct("<I")
_SEGMENT_NAME: Final = re.compile(r"([0-9]{6,12})\.(bulk|vital)\.seg")
# zlib.crc32 lets go of the GIL for buffers above 5 KiB, and getting it back beside a busy thread costs
# a switch interval (5 ms): larger payloads are summed piece by piece.
_CRC_PIECE: Final = 4096


class Kind(IntEnum):
    """What a frame's payload is; the shapes are in `records.py`. Readers skip kinds they don't know."""

    HEADER = 0
    SPAN_STARTED = 1
    SPAN_ENDED = 2
    LOG = 3
    METRICS = 4
    CONTEXT = 5
    NOTE = 6


DELIVERABLE: Final = frozenset({Kind.SPAN_ENDED, Kind.LOG, Kind.METRICS})
"""What counts when it is lost: a start is told again by its end, notes and contexts belong to the journal."""


def crc32_under_gil(data: bytes, seed: int) -> int:
    """Return zlib.crc32(data, seed) without ever letting go of the GIL."""
    if len(data) <= _CRC_PIECE:
        return zlib.crc32(data, seed)
    view = memoryview(data)
    for start in range(0, len(data), _CRC_PIECE):
        seed = zlib.crc32(view[start : start + _CRC_PIECE], seed)
    return seed


def encode_frame(kind: int, payload: bytes, sequence: int, monotonic_ns: int, seed: int) -> bytes:
    """Return the bytes of one frame.

    >>> len(encode_frame(Kind.NOTE, b"abc", 1, 2, seed=3)) == FRAME.size + 3
    True
    """
    size = len(payload)
    head = _HEAD.pack(FRAME_MAGIC, kind, 0, size, sequence, monotonic_ns)
    crc = zlib.crc32(head, seed)
    crc = zlib.crc32(payload, crc) if size <= _CRC_PIECE else crc32_under_gil(payload, crc)
    return head + _CRC.pack(crc) + payload


def encode_entry(value: Any, seed: int) -> bytes:
    """Return the frame of an entry in one of the small files beside segments (acks, losses).

    Its sequence number is random: a reader that has to search behind damage knows a copy by its number.
    """
    return encode_frame(Kind.NOTE, encode_payload(value), int.from_bytes(os.urandom(8), "little"), 0, seed)


def encode_payload(value: Any) -> bytes:
    """Return `value` (None, bool, int, float, str, bytes, list, tuple, dict) as payload bytes."""
    return marshal.dumps(value, MARSHAL_VERSION)


def segment_seed(run: str, lane: Lane, number: int) -> int:
    """Return the checksum seed of one segment of one run."""
    return zlib.crc32(f"{run}/{_LANE_CODE[lane]}/{number}".encode("ascii"), HEADER_SEED)


def segment_name(lane: Lane, number: int) -> str:
    """Return the file name of a segment.

    >>> segment_name("vital", 7)
    '000007.vital.seg'
    """
    return f"{number:06d}.{lane}.seg"


def split_segment_name(name: str) -> tuple[Lane, int] | None:
    """Return lane and number of a segment's file name, or None when it is not one.

    >>> split_segment_name("000007.vital.seg")
    ('vital', 7)
    >>> split_segment_name("fault.txt") is None
    True
    """
    found = _SEGMENT_NAME.fullmatch(name)
    if found is None:
        return None
    return ("vital" if found[2] == "vital" else "bulk"), int(found[1])
