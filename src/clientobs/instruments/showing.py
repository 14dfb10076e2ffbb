"""Whether this thread is showing something to a person right now, on behalf of the host.

While the host's own log handlers, excepthooks and warning printers run, what they print is the very thing that was
recorded a moment ago: it is no record of its own, whichever way it takes to the screen.
"""

from __future__ import annotations

import threading
from typing import Final

__all__ = ["Showing", "showing"]


class Showing(threading.local):
    """How many of the host's showings this thread is in."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_error: object) -> None:
        self.depth -= 1


showing: Final = Showing()
"""That of this process: logs, warnings, exceptions and streams know of each other by it."""
