"""The heartbeat of a host, in a file of its run's folder: how the drain sees a silence from outside.

The keeper writes it once a second, in one small write. It tells two things apart: "Python runs", which is that it
is written at all, and "the main thread answers", which is in it. When native code holds the interpreter lock no
thread of ours runs, and this file stands still: that is the evidence.

A file and not shared memory: a mapped page of a file that somebody cuts, or on a disk that fills, is a SIGBUS in
the host. Times are the machine's monotonic clock, which all processes share and which stands still in sleep (on
Linux and macOS; elsewhere both sides notice that they were late themselves).
"""

from __future__ import annotations

import os
import struct
from typing import Final

from clientobs._dataclass import dataclass
from clientobs._own_file import read_file

__all__ = ["BEAT_FILE", "Beat", "pack", "read_beat"]

BEAT_FILE: Final = "beat"

_LAYOUT: Final = struct.Struct("<4sHHqqqqq32sq")
_WITHOUT_LIMIT: Final = _LAYOUT.size - 8
"""Bytes, as hosts of an older version write it; fields are only ever appended."""

_MAGIC: Final = b"beat"
_VERSION: Final = 1
_WATCHES: Final = ("", "loop", "span", "file", "idle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What the host said last; all times in nanoseconds.

    at         when it said it
    watch      what is watched: "loop" (an event loop answers), "span" (a span is open on the main thread, and a
               person may sit there), "file" (the same, in a batch: a file call that never returns), "idle" (nothing
               yet, and a span that opens will be "span"), "" nothing
    answered   when the main thread was last known to have answered
    threshold  from when on a silence is a hang
    stall      from when on a silence without progress (no processor time, no bytes) is a hang, 0: as `threshold`;
               while "idle", that of known work
    limit      what is `threshold` in known work
    work       what kind of known work is going on, "" for none
    thread     the system's number of the thread that writes this
    """

    at: int
    watch: str = ""
    answered: int = 0
    threshold: int = 0
    stall: int = 0
    work: str = ""
    thread: int = 0
    limit: int = 0


def pack(beat: Beat) -> bytes:
    """Return the content of the file.

    >>> len(pack(Beat(at=1))) < 128
    True
    """
    return _LAYOUT.pack(
        _MAGIC,
        _VERSION,
        _WATCHES.index(beat.watch),
        beat.at,
        beat.answered,
        beat.threshold,
        beat.stall,
        beat.thread,
        beat.work.encode("ascii", "replace")[:32],
        beat.limit,
    )


def read_beat(run_folder: str) -> Beat | None:
    """Return the last beat of the run in a folder, None where there is none that can be read."""
    try:
        found = read_file(
            os.path.join(run_folder, BEAT_FILE), _LAYOUT.size, flags=getattr(os, "O_NOFOLLOW", 0)
        )
    except OSError:
        return None
    if len(found) == _WITHOUT_LIMIT:
        found += bytes(_LAYOUT.size - _WITHOUT_LIMIT)
    if len(found) != _LAYOUT.size:
        return None
    magic, version, watch, at, answered, threshold, stall, thread, work, limit = _LAYOUT.unpack(found)
    if magic != _MAGIC or version != _VERSION or watch >= len(_WATCHES):
        return None
    return Beat(
        at=at,
        watch=_WATCHES[watch],
        answered=answered,
        threshold=threshold,
        stall=stall,
        thread=thread,
        work=work.rstrip(b"\0").decode("ascii", "replace"),
        limit=limit,
    )
