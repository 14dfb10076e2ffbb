"""What each recording process reads and writes, taken from the system's own counters, from outside.

Instruments see what Python does. What C and C++ do by themselves (textures, Alembic, USD, the scene file of the
host) they can't see, and the kernel counts it all the same. Beside `file.operation.size`, which is Python's share,
these totals tell how much nobody saw:

    process.io         bytes of read and write calls: cached and remote files too, pipes and some sockets
    process.disk.io    bytes fetched from storage or handed to it: what the page cache holds is not in it

Linux counts both (/proc/<pid>/io), Windows the first, macOS tells neither to psutil. A process is known by its pid,
its start time and the boot: a later one with its pid is never taken for it. A host that runs as another user, or
that may not be looked into, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil

from clientobs import semconv
from clientobs._guarded import quiet
from clientobs.journal.process import process_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from clientobs.drain.runs.run_tail import RunTail
    from clientobs.journal.records import Header

__all__ = ["ProcessCounters", "Processes", "read_counters"]

_MOST: Final = 256
"""Runs whose last reading is kept, for `status`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessCounters:
    """Bytes since the process began; None where the system doesn't count them."""

    read: int | None = None
    written: int | None = None
    disk_read: int | None = None
    disk_written: int | None = None

    def since(self, before: ProcessCounters) -> list[tuple[str, str, str, int]]:
        """Return what was added, as (metric, attribute, direction, bytes); nothing where a counter fell."""
        found = []
        for metric, attribute, direction, name in _METRICS:
            now, then = getattr(self, name), getattr(before, name) or 0
            if now is not None and now > then:
                found.append((metric, attribute, direction, now - then))
        return found


_METRICS: Final = (
    (semconv.PROCESS_IO, semconv.FILE_OPERATION, "read", "read"),
    (semconv.PROCESS_IO, semconv.FILE_OPERATION, "write", "written"),
    (semconv.PROCESS_DISK_IO, semconv.DISK_IO_DIRECTION, "read", "disk_read"),
    (semconv.PROCESS_DISK_IO, semconv.DISK_IO_DIRECTION, "write", "disk_written"),
)


def read_counters(header: Header, boot_id: str) -> ProcessCounters | None:
    """Return the counters of the process that wrote a run; None where it is gone or may not be looked into."""
    if header.boot_id != boot_id:
        return None
    try:
        counted: Any = psutil.Process(header.pid).io_counters()
    except (psutil.Error, OSError, AttributeError, NotImplementedError):
        return None
    # Asked last: the pid may have gone to another process while its counters were read.
    if not header.pid_start or process_start(header.pid) != header.pid_start:
        return None
    if hasattr(counted, "read_chars"):  # Linux
        return ProcessCounters(
            read=counted.read_chars,
            written=counted.write_chars,
            disk_read=counted.read_bytes,
            disk_written=counted.write_bytes,
        )
    return ProcessCounters(read=counted.read_bytes, written=counted.write_bytes)


class Processes:
    """The counters of all runs of a drain: what was read last, and how much of it has gone into metrics."""

    def __init__(
        self,
        boot_id: str,
        read: Callable[[Header, str], ProcessCounters | None] = read_counters,
    ) -> None:
        self._boot_id = boot_id
        self._read = read
        self._told: dict[str, ProcessCounters] = {}
        self.latest: dict[str, ProcessCounters] = {}

    def look(self, runs: Iterable[RunTail]) -> None:
        """Read the counters of all live runs."""
        for run in runs:
            if run.alive:
                with quiet("drain.processes"):
                    counters = self._read(run.header, self._boot_id)
                    if counters is not None:
                        self.latest.pop(run.run, None)
                        self.latest[run.run] = counters  # the newest stands last

    def take(self, run: str) -> list[tuple[str, str, str, int]]:
        """Return what a run's process has moved since this was asked last."""
        now = self.latest.get(run)
        if now is None:
            return []
        added = now.since(self._told.get(run, _NOTHING))
        self._told[run] = now
        return added

    def keep(self, runs: Iterable[str]) -> None:
        """Forget runs that are gone, and the oldest beyond a bound."""
        known = set(runs)
        left = [run for run in self.latest if run in known][-_MOST:]
        self.latest = {run: self.latest[run] for run in left}
        self._told = {run: told for run, told in self._told.items() if run in self.latest}

    def dump(self) -> dict[str, list[int | None]]:
        """Return what has gone into metrics, as plain values."""
        return {run: _plain(counters) for run, counters in self._told.items()}

    def load(self, state: Mapping[str, list[int | None]]) -> None:
        """Go on from a `dump`."""
        self._told = {
            str(run): ProcessCounters(**dict(zip(_FIELDS, plain, strict=False)))
            for run, plain in state.items()
        }
        self.latest = dict(self._told)


_NOTHING: Final = ProcessCounters()
_FIELDS: Final = ("read", "written", "disk_read", "disk_written")


def _plain(counters: ProcessCounters) -> list[int | None]:
    return [getattr(counters, name) for name in _FIELDS]
