"""Puts together what the drain says of itself, and writes it down where it has changed."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from clientobs._version import __version__
from clientobs.drain.service.rhythm import Every
from clientobs.drain.service.state import DrainState, state_path, write_state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.drain.accounts import Accounts
    from clientobs.drain.metrics.processes import Processes
    from clientobs.drain.runs.ages import Ages
    from clientobs.drain.runs.registry import Registry
    from clientobs.drain.runs.run_tail import RunTail
    from clientobs.drain.service.lines import Line

__all__ = ["Reporter"]

_ANYWAY: Final = 60.0
"""Seconds after which the state is written even if nothing in it has changed."""

_LOOK_ELSEWHERE: Final = 30.0
_TELL_PROCESSES: Final = 5.0
"""They change all the time, and the state is a file."""


class Reporter:
    """Writes `state.py`'s file for one drain."""

    def __init__(self, home: str, destination: str, ages: Ages) -> None:
        self._path = state_path(home, destination)
        self._ages = ages
        self._anyway, self._elsewhere = Every(_ANYWAY), Every(_LOOK_ELSEWHERE)
        self._processes = Every(_TELL_PROCESSES)
        self._written = ""
        self._state = DrainState(
            pid=os.getpid(), version=__version__, destination=destination, started_ns=time.time_ns()
        )

    def tell(
        self,
        registry: Registry,
        lines: Iterable[Line],
        accounts: Accounts,
        *,
        processes: Processes,
        measuring: bool,
        phase: str = "running",
    ) -> None:
        """Write how things stand; any `phase` but "running" is a last word, and is written in any case."""
        state, last = self._state, phase != "running"
        state.phase, state.measuring = phase, measuring
        self._count(list(registry.runs.values()))
        for line in lines:
            line.state.delivered = accounts.delivered.get(line.signal, 0)
            state.signals[line.signal] = line.state
        state.lost = dict(accounts.lost)
        if self._processes.due() or last:
            state.processes = {run: asdict(counters) for run, counters in processes.latest.items()}
        if self._elsewhere.due() or last:
            state.elsewhere = registry.elsewhere()
        self._write(last=last)

    def _count(self, runs: list[RunTail]) -> None:
        state = self._state
        state.runs_alive = sum(run.alive for run in runs)
        state.runs_dead = len(runs) - state.runs_alive
        counts = [run.unsettled() for run in runs]
        state.queue_records = sum(count for count, _ in counts)
        state.queue_bytes = sum(size for _, size in counts)
        oldest = [header for run in runs if (header := run.oldest())]
        seconds = [self._ages.seconds(header, header.mono_ns) for header in oldest]
        state.oldest_seconds = round(max(seconds, default=0.0))

    def _write(self, *, last: bool) -> None:
        self._state.updated_ns = 0
        text = repr(self._state)
        if self._anyway.due() or last or text != self._written:
            self._written = text
            self._state.updated_ns = time.time_ns()
            write_state(self._path, self._state)
