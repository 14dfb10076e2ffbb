"""What a loop does every so often."""

from __future__ import annotations

import time

__all__ = ["Every"]


class Every:
    """Says that it is due, at once and then every so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    def due(self) -> bool:
        """Say whether the time has come, and start it anew if so."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
