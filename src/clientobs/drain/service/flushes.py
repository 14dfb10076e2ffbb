"""Hosts that wait for their records to arrive: their requests, and when each is answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from clientobs.drain.runs.flush import take_request
from clientobs.journal.runs import read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clientobs.drain.runs.registry import Registry
    from clientobs.drain.runs.run_tail import RunTail
    from clientobs.drain.service.lines import Line

__all__ = ["Flushes"]

_PATIENCE: Final = 30.0
"""Seconds for which the drain hurries for one request."""


class Flushes:
    """The requests that are not answered yet."""

    def __init__(
        self, registry: Registry, lines: Iterable[Line], acknowledge: Callable[[list[RunTail]], None]
    ) -> None:
        self._registry = registry
        self._lines = tuple(lines)
        self._acknowledge = acknowledge
        self._deadlines: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._deadlines)

    def take(self) -> None:
        """Take what live runs ask for: read them anew, and hurry."""
        for run in self._registry.runs.values():
            if run.alive and take_request(run.path):
                self._deadlines[run.run] = time.monotonic() + _PATIENCE
                run.refresh(read_run(run.path))
                for line in self._lines:
                    line.hurry()

    def finish(self) -> None:
        """Answer, by an acknowledgement, those whose records have all arrived; give up what took too long."""
        for name, deadline in list(self._deadlines.items()):
            run = self._registry.runs.get(name)
            if run is not None and run.settled:
                self._acknowledge([run])
            elif run is not None and time.monotonic() < deadline:
                continue
            del self._deadlines[name]
