"""What was lost, by reason: the one ledger of a process.

Nothing is dropped without a line here: the journal writes the totals as notes, the drain exports them as
`clientobs.records.lost`, and `clientobs status` shows them.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LossLedger"]

_MAX_REASONS: Final = 64


class LossLedger:
    """Totals of lost records by reason (a lower-case word or two: "quota", "storm", "oversize" ...).

    The lock is re-entrant, because a signal handler or a __del__ may lose something in the middle of
    `add` on the same thread.

    >>> ledger = LossLedger()
    >>> ledger.add("quota", 3); ledger.add("quota")
    >>> ledger.totals()
    {'quota': 4}
    """

    __slots__ = ("_lock", "_totals", "doubled")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._totals: dict[str, int] = {}
        self.doubled: Callable[[], object] | None = None
        """Called where a reason is new or its total about doubled: what a process should have said that is killed the
        next moment."""

    def add(self, reason: str, count: int = 1) -> None:
        """Count `count` lost records under `reason`; unknown reasons beyond 64 go under "other"."""
        with self._lock:
            if reason not in self._totals and len(self._totals) >= _MAX_REASONS:
                reason = "other"
            before = self._totals.get(reason, 0)
            total = self._totals[reason] = before + count
        if self.doubled is not None and total.bit_length() > before.bit_length():
            self.doubled()

    def totals(self) -> dict[str, int]:
        """Return a copy of all totals since the process (or the fork) began."""
        with self._lock:
            return dict(self._totals)

    def reset(self) -> None:
        """Start at zero with a fresh lock: for the child after fork, where the old one may be held."""
        self._lock = threading.RLock()
        self._totals = {}
