"""How the journal and its drains stand: what `clientobs status` and `doctor` tell.

Whether a drain lives is said by its lock. What it did last is said by its own file, which stays when it has
gone. Losses come from both: the drain's books where there is one, the runs' own notes where nothing drains.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clientobs.drain.lock import Holder, file_of, look
from clientobs.drain.service.state import DrainState, read_states
from clientobs.errors import JournalError
from clientobs.journal.format import Kind
from clientobs.journal.losses import read_losses
from clientobs.journal.reader import read_segment
from clientobs.journal.records import Header, NoteRecord, decode
from clientobs.journal.runs import RunFolder, header_of, list_runs
from clientobs.viewer.homes import runs_folder
from clientobs.viewer.model import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.journal.runs import SegmentFile

__all__ = ["DrainView", "Overview", "RunView", "overview"]

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run on disk. `written_ns` is when its files last changed.

    `moved` is what its process has read and written in all, C and C++ included, as its drain saw it last:
    (read, written) in bytes, None where no drain has seen it or the system doesn't tell.
    """

    run: Run
    state: str
    size: int
    segments: int
    written_ns: int
    moved: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainView:
    """One destination's drain: its last words, and who holds its lock now (None: no drain lives)."""

    state: DrainState
    holder: Holder | None

    @property
    def needs_a_person(self) -> bool:
        """Whether the endpoint refuses in a way that no retry can mend."""
        return any(signal.verdict == "hold" for signal in self.state.signals.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole of a home. `lanes` is lane -> (segments, bytes); `unread` are runs without a good header."""

    home: str
    runs: tuple[RunView, ...]
    lanes: Mapping[str, tuple[int, int]]
    drains: tuple[DrainView, ...]
    lost: Mapping[str, int] = field(default_factory=dict)
    unread: int = 0

    @property
    def alive(self) -> int:
        """How many runs are going on."""
        return sum(view.state == "alive" for view in self.runs)

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(size for _, size in self.lanes.values())


def overview(home: str) -> Overview:
    """Look at a home without changing it. Raises JournalError where it can't be listed."""
    folders = list_runs(runs_folder(home))
    states = read_states(home)
    moved = {run: found for state in states for run, found in state.processes.items()}
    views = [view for folder in folders if (view := _run_view(folder, moved.get(folder.run))) is not None]
    views.sort(key=lambda view: view.run.started_ns)
    lanes: dict[str, tuple[int, int]] = {"vital": (0, 0), "bulk": (0, 0)}
    for folder in folders:
        for segment in folder.segments:
            count, size = lanes[segment.lane]
            lanes[segment.lane] = (count + 1, size + segment.size)
    drains = tuple(_drain_view(home, state) for state in states)
    return Overview(
        home=home,
        runs=tuple(views),
        lanes=lanes,
        drains=drains,
        lost=_lost(home, folders, drains),
        unread=len(folders) - len(views),
    )


def _run_view(folder: RunFolder, moved: Mapping[str, int | None] | None) -> RunView | None:
    # The run began with the earlier of its two lanes; where that header is damaged any other will do.
    firsts = (_first_header(folder.lane("vital")), _first_header(folder.lane("bulk")))
    header = min((one for one in firsts if one is not None), key=lambda one: one.wall_ns, default=None)
    header = header or header_of(folder.path)
    if header is None:
        return None
    written = max((segment.mtime_ns for segment in folder.segments), default=header.wall_ns)
    run = Run(
        run=folder.run,
        session=header.session,
        pid=header.pid,
        role=header.role,
        resource=header.resource,
        started_ns=header.wall_ns,
        last_ns=written,
        alive=folder.is_alive,
    )
    return RunView(
        run=run,
        state=folder.state,
        size=folder.size,
        segments=len(folder.segments),
        written_ns=written,
        moved=_moved(moved or {}),
    )


def _moved(counters: Mapping[str, int | None]) -> tuple[int, int] | None:
    read, written = counters.get("read"), counters.get("written")
    return (read, written) if isinstance(read, int) and isinstance(written, int) else None


def _first_header(segments: tuple[SegmentFile, ...]) -> Header | None:
    if not segments:
        return None
    try:
        return read_segment(segments[0].path, live=True, window=0).header
    except (JournalError, FileNotFoundError):
        return None


def _drain_view(home: str, state: DrainState) -> DrainView:
    try:
        holder = look(file_of(home, state.destination or "none", "lock"))
    except (OSError, JournalError):
        holder = None
    return DrainView(state=state, holder=holder)


def _lost(home: str, folders: list[RunFolder], drains: tuple[DrainView, ...]) -> dict[str, int]:
    books: list[Mapping[str, int]] = [view.state.lost for view in drains]
    if not books:
        books = [read_losses(runs_folder(home)), *(_noted_losses(folder) for folder in folders)]
    total: dict[str, int] = {}
    for book in books:
        for reason, count in book.items():
            total[reason] = total.get(reason, 0) + count
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def _noted_losses(folder: RunFolder) -> dict[str, int]:
    """Return the newest totals that a run has noted; they are in the vital lane, which is small."""
    for segment in sorted(folder.lane("vital"), key=lambda one: one.number, reverse=True):
        found = _last_loss(segment, live=folder.is_alive)
        if found:
            return found
    return {}


def _last_loss(segment: SegmentFile, *, live: bool) -> dict[str, int]:
    try:
        frames = read_segment(os.fspath(segment.path), live=live).frames
    except (JournalError, FileNotFoundError):
        return {}
    for frame in reversed(frames):
        record = decode(frame.kind, frame.payload) if frame.kind == Kind.NOTE else None
        if isinstance(record, NoteRecord) and record.type == "loss":
            return {str(reason): count for reason, count in record.values.items() if isinstance(count, int)}
    return {}
