"""The runs of a home: their folders, segments, and whether their process still lives.

There is no index: the segments alone are the truth, and a folder is listed anew each time. Symlinks and
whatever else doesn't look like ours are passed over.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from clientobs._dataclass import dataclass
from clientobs._own_folder import list_folder
from clientobs.errors import JournalError
from clientobs.journal.format import Lane, split_segment_name
from clientobs.journal.lock import lock_state
from clientobs.journal.process import boot_id, process_start
from clientobs.journal.reader import read_header

if TYPE_CHECKING:
    from clientobs.journal.home import Home
    from clientobs.journal.records import Header

__all__ = [
    "RunFolder",
    "RunState",
    "SegmentFile",
    "header_of",
    "list_runs",
    "read_run",
    "run_names",
    "run_state",
]

RunState: TypeAlias = Literal["alive", "closed", "dead"]
"""closed: ended in good order (the clean close is among its records); dead: ended somehow."""

_BEGINNING_SECONDS: Final = 60.0
_RUN: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """A segment as the folder shows it; size in bytes, mtime in nanoseconds since the epoch."""

    path: str
    lane: Lane
    number: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """One run on disk; segments are sorted by lane and number."""

    path: str
    run: str
    segments: tuple[SegmentFile, ...]
    state: RunState

    @property
    def is_alive(self) -> bool:
        """Whether its process may still append."""
        return self.state == "alive"

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self.segments)

    def lane(self, lane: Lane) -> tuple[SegmentFile, ...]:
        """Return the segments of one lane, in the order they were begun."""
        return tuple(segment for segment in self.segments if segment.lane == lane)


def list_runs(home: Home | str) -> list[RunFolder]:
    """Return all runs of a home (a Home, or the path of its folder of runs), sorted by id.

    The state is read before the segments: a run told as dead or closed has all its segments listed.
    """
    folder = home if isinstance(home, str) else home.runs
    return [read_run(os.path.join(folder, run)) for run in run_names(folder)]


def read_run(path: str) -> RunFolder:
    """Return the run in folder `path`, its state read before its segments."""
    state = run_state(path)
    return RunFolder(path=path, run=os.path.basename(path), segments=_segments(path), state=state)


def run_state(path: str) -> RunState:
    """Say how the run in folder `path` stands.

    The lock decides. A free one without the mark of a clean close may also mean that the host closed a
    descriptor that it didn't own (os.closerange): so its process is looked for as well, by pid, start time
    and boot, until the writer takes the lock again.
    """
    lock = lock_state(f"{path}.lock")
    if lock == "held":
        return "alive"
    if lock == "closed":
        return "closed"
    header = header_of(path)
    if header is None and _is_beginning(f"{path}.lock"):
        return "alive"
    if header is None or not header.pid_start or header.boot_id != boot_id():
        return "dead"
    return "alive" if process_start(header.pid) == header.pid_start else "dead"


def _is_beginning(lock: str) -> bool:
    """Say whether a run may just be coming into being: its lock file is made, not held yet, and nothing is in it.

    On a machine with much to do that moment lasts; a run that was told as dead in it would be cleared away
    with all that it has recorded since.
    """
    try:
        return abs(time.time() - os.lstat(lock).st_mtime) < _BEGINNING_SECONDS
    except OSError:
        return False


def header_of(path: str) -> Header | None:
    """Return the first good header among the segments in run folder `path`; all name the same process."""
    for segment in _segments(path):
        try:
            header = read_header(segment.path)
        except (JournalError, FileNotFoundError):
            continue
        if header is not None:
            return header
    return None


def run_names(folder: str) -> list[str]:
    """Return the ids of all runs in a folder of runs, without a look into them."""
    try:
        entries = list_folder(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(f"{folder} can't be listed ({error.strerror}).") from error
    return sorted(entry.name for entry in entries if entry.is_folder and _RUN.fullmatch(entry.name))


def _segments(path: str) -> tuple[SegmentFile, ...]:
    return tuple(sorted(_scan_segments(path), key=lambda segment: (segment.lane, segment.number)))


def _scan_segments(path: str) -> Iterator[SegmentFile]:
    try:
        for entry in list_folder(path):
            name = split_segment_name(entry.name)
            if name is None or not entry.is_file:
                continue
            place = os.path.join(path, entry.name)
            found = os.lstat(place)
            yield SegmentFile(
                path=place,
                lane=name[0],
                number=name[1],
                size=found.st_size,
                mtime_ns=found.st_mtime_ns,
            )
    except OSError:
        return  # released by another process in this moment
