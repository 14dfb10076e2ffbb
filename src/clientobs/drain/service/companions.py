"""What works beside the service, on threads of its own or between two rounds: said by what the service asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from clientobs.drain.runs.run_tail import RunTail

__all__ = ["Follows", "Watches"]


class Follows(Protocol):
    """What reads the log files of tools (`logfiles/`), on threads of its own."""

    def start(self) -> None:
        """Begin."""

    def catch_up(self, timeout: float) -> None:
        """Wait until what is in the files has been recorded, at most `timeout` seconds."""

    def stop(self) -> None:
        """End."""


class Watches(Protocol):
    """What looks at hosts that may hang (`hangs/`)."""

    def look(self, runs: Collection[RunTail]) -> bool:
        """Look at all of them; say whether something was recorded of one just now."""

    def close(self) -> None:
        """End."""
