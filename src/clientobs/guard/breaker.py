"""The crash-loop breaker: a start whose two predecessors died soon after theirs patches nothing, and says so.

If it is we who bring the host down, it must come up without us, and without anybody having to find that out first.
The starts of one application are kept in `<home>/starts/<key>`, the newest last, by run and wall clock. A start that
lives for LIMIT seconds, or ends cleanly, clears what stands before it.

A death is a run that is neither alive nor closed. Who was ended with the machine (another boot) is no witness.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from clientobs._dataclass import dataclass
from clientobs._own_file import read_file, write_file

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LIMIT", "Breaker", "Fate"]

Fate: TypeAlias = Literal["alive", "clean", "dead", "unknown"]
"""What became of a run: `unknown` where nothing of it is left to look at, or the machine has restarted."""

LIMIT: Final = 120.0
"""Seconds after init() within which a death counts."""

_DEATHS: Final = 2
_KEPT: Final = 4
_MOST_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    run: str
    seconds: float


class Breaker:
    """The starts of one application, at `path`.

    `fate(run)` tells what became of an earlier run, and how many seconds after its start it was seen last.
    """

    def __init__(
        self, path: str, fate: Callable[[str], tuple[Fate, float]], now: Callable[[], float]
    ) -> None:
        self._path = path
        self._fate = fate
        self._now = now
        self.deaths = 0
        """How many starts in a row have died soon, before this one."""

    def begin(self, run: str) -> bool:
        """Note this start; say whether it has to do without patches. Raises OSError."""
        starts = self._read()
        self.deaths = self._deaths_in_a_row(starts)
        self._write([*starts, _Start(run=run, seconds=self._now())][-_KEPT:])
        return self.deaths >= _DEATHS

    def clear(self) -> None:
        """Say that this start has lived long enough, or ended well."""
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return

    def _deaths_in_a_row(self, starts: list[_Start]) -> int:
        deaths = 0
        for start in reversed(starts):
            fate, lived = self._fate(start.run)
            if fate == "alive":
                continue  # a second copy of the application
            if fate != "dead" or lived > LIMIT:
                break
            deaths += 1
        return deaths

    def _read(self) -> list[_Start]:
        try:
            starts = json.loads(read_file(self._path, _MOST_BYTES))
            return [_Start(run=str(run), seconds=float(seconds)) for run, seconds in starts]
        except (OSError, ValueError, TypeError):
            return []

    def _write(self, starts: list[_Start]) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        write_file(self._path, json.dumps([(start.run, start.seconds) for start in starts]).encode("ascii"))
