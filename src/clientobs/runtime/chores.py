"""What the keeper does for a Runtime, and how often.

All that a chore imports is loaded by the time that `chores_of` returns, on the thread that called `init()`: code of
the host may be going through `sys.modules`, and fails when another thread adds to it meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientobs.journal import retention  # noqa: F401  # what `Journal.tend` imports
from clientobs.runtime.keeper import Chore

if TYPE_CHECKING:
    from clientobs._clock import Clock
    from clientobs.config.model import JournalConfig
    from clientobs.runtime.attachments import Attachments
    from clientobs.runtime.delivery import Delivery
    from clientobs.runtime.environment import SessionEnvironment
    from clientobs.runtime.runtime import Parts

__all__ = ["chores_of", "drain_chore"]

_METRICS_EVERY: Final = 2.0
"""Seconds; with the keeper's tick and the drain's own waits, a measurement is at the endpoint within 5."""
_DRAIN_EVERY: Final = 5.0
_FAILURES_EVERY: Final = 1.0
"""Seconds; a host that survived a fault must say so before the drain takes it for one that lies under a dialog."""
_SURROUNDINGS_EVERY: Final = 60.0
"""Seconds to the second look, when a host has loaded its plug-ins; there is no third."""
_LONGEST_UNTENDED: Final = 2.0


def drain_chore(delivery: Delivery) -> Chore:
    """Return the chore that sees to a drain: the first, and the one that is done however short the run."""
    return Chore("drain", _DRAIN_EVERY, delivery.ensure, anyway=True)


def chores_of(
    parts: Parts,
    clock: Clock,
    journal: JournalConfig,
    environment: SessionEnvironment,
    attachments: Attachments,
) -> list[Chore]:
    """Return all other chores."""

    def tell_environment() -> None:
        if parts.journal.identity.role == "main":  # a forked child has its parent's session
            environment.look()

    def renew_clock() -> None:
        if clock.renew():
            mono = clock.mono()
            parts.journal.note("anchor", {"wall_ns": clock.wall_at(mono), "mono_ns": mono})

    tending = min(_LONGEST_UNTENDED, journal.sync_seconds)
    watches = [Chore("hangs", 0.0, parts.hangs.tick, urgent=True)] if parts.hangs is not None else []
    return [
        *watches,
        Chore("environment", _SURROUNDINGS_EVERY, tell_environment),
        Chore("attachments", 0.0, attachments.write),
        Chore("clock", 1.0, renew_clock),
        # Not at once: a program that is over in a second needs no round of retention.
        Chore("journal", tending, parts.journal.tend, due=parts.keeper.now() + tending),
        Chore("failures", _FAILURES_EVERY, parts.failures.tend),
        Chore("metrics", _METRICS_EVERY, parts.collect_metrics),
    ]
