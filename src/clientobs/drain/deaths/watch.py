"""Each living host, seen from outside: its memory, the kernel's count of kills, and a hold on it for its exit status.

From outside, because what fills the memory is most often native code that holds the GIL, and because the last samples
are the ones that count: no thread of the dying process gets to take them. One reading costs some 15 us (Linux: statm);
it is taken once a second, and four times a second while the memory grows fast. At most 64 samples of a run are kept,
close to each other where it grew, far apart where it did not. No number leaves the machine for a run that ends well.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import psutil

from clientobs._guarded import quiet
from clientobs.drain.deaths.counts import Kills, cgroup_file, read_kills
from clientobs.drain.deaths.exit_handle import ExitHandle
from clientobs.drain.deaths.findings import Sample
from clientobs.journal.process import process_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clientobs.journal.records import Header

__all__ = ["Life", "LifeWatch", "LivesWatch", "memory_of"]

_EVERY: Final = 1.0
_GROWING: Final = 0.05
"""Share by which memory has grown since the last sample, for the next one to be taken soon."""
_MOST: Final = 64
_FLAT: Final = 0.01
_FLAT_BYTES: Final = 4 << 20
_MAX_RUNS: Final = 512
_MOST_HELD: Final = 200
"""Each takes a descriptor, of which a process has 1,024 in all by default."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def memory_of(pid: int) -> int:
    """Return the bytes of memory that a process holds now, 0 where that is not to be known.

    >>> memory_of(os.getpid()) > 0
    True
    """
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                return int(file.read(256).split()[1]) * _PAGE
        except (OSError, ValueError, IndexError):
            return 0
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, OSError):
        return 0


def _comm(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read(64).strip()
    except OSError:
        return ""


class Life(Protocol):
    """What is asked of a run (runs/run_tail.py)."""

    @property
    def run(self) -> str:
        """Its id."""

    @property
    def header(self) -> Header:
        """Who writes it."""

    @property
    def alive(self) -> bool:
        """Whether its process lives."""


@dataclass(slots=True)
class LifeWatch:
    """What is kept of one run."""

    group_file: str
    handle: ExitHandle | None
    kills: Kills
    kills_before: Kills
    """Of the sample before: a process that was killed may be seen once more while it gives its memory back."""
    comm: str = ""
    samples: list[Sample] = field(default_factory=list)
    due: float = 0.0

    def add(self, sample: Sample) -> None:
        """Keep a sample; where nothing has changed since the last two, the last one moves on."""
        samples = self.samples
        if len(samples) > 1 and _is_flat(samples[-2], samples[-1]) and _is_flat(samples[-1], sample):
            samples[-1] = sample
            return
        samples.append(sample)
        if len(samples) > _MOST:
            half = _MOST // 2
            samples[:half] = samples[:half:2]

    def grows(self) -> bool:
        """Say whether memory has grown fast between the last two samples."""
        return len(self.samples) > 1 and self.samples[-1].size > self.samples[-2].size * (1 + _GROWING)


def _is_flat(before: Sample, after: Sample) -> bool:
    return abs(after.size - before.size) <= max(_FLAT_BYTES, before.size * _FLAT)


class LivesWatch:
    """All living runs of a drain."""

    def __init__(
        self,
        boot_id: str,
        *,
        read: Callable[[int], int] = memory_of,
        kills: Callable[[str], Kills] = read_kills,
        mono: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._boot_id = boot_id
        self._read = read
        self._kills = kills
        self._mono = mono
        self._lives: dict[str, LifeWatch] = {}
        self._held = 0

    def look(self, runs: Iterable[Life]) -> None:
        """Take the samples that are due; forget runs that are gone."""
        kept: dict[str, LifeWatch] = {}
        for run in runs:
            known = self._lives.get(run.run)
            if run.alive and len(kept) < _MAX_RUNS:
                with quiet("drain.lives"):
                    known = known or self._meet(run.header)
                    if known is not None:
                        self._sample(known, run.header.pid)
            if known is not None:
                kept[run.run] = known
        for run_id in self._lives.keys() - kept.keys():
            self._let_go(self._lives[run_id].handle)
        self._lives = kept

    def of(self, run: str) -> LifeWatch | None:
        """Return what was kept of a run, None where it was never seen alive."""
        return self._lives.get(run)

    def killed_since(self, run: str) -> Kills:
        """Return how many kills were counted since the run was last seen alive; 0 where that isn't known."""
        known = self._lives.get(run)
        if known is None:
            return Kills(0, 0)
        now = self._kills(known.group_file)
        return Kills(
            *(
                max(0, after - before) if before >= 0 else 0
                for before, after in zip(known.kills_before, now, strict=True)
            )
        )

    def _meet(self, header: Header) -> LifeWatch | None:
        if header.boot_id != self._boot_id or process_start(header.pid) != header.pid_start:
            return None  # its pid may be somebody else's
        group = cgroup_file(header.pid) if sys.platform == "linux" else ""
        kills = self._kills(group)
        handle = ExitHandle(header.pid) if self._held < _MOST_HELD else None
        self._held += handle is not None
        if process_start(header.pid) != header.pid_start:
            self._let_go(handle)  # it ended meanwhile: the handle may be somebody else's
            return None
        return LifeWatch(
            group_file=group, handle=handle, kills=kills, kills_before=kills, comm=_comm(header.pid)
        )

    def _let_go(self, handle: ExitHandle | None) -> None:
        if handle is not None:
            self._held -= 1
            handle.close()

    def _sample(self, life: LifeWatch, pid: int) -> None:
        now = self._mono()
        if now / 1e9 < life.due:
            return
        size = self._read(pid)
        if not size:
            return  # a zombie: the counts must stay those of before
        life.kills_before, life.kills = life.kills, self._kills(life.group_file)
        life.add(Sample(now, size))
        life.due = now / 1e9 + (0 if life.grows() else _EVERY)
