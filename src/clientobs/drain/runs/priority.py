"""The order in which records leave: what a person must find goes first.

    crash    app.crash, app.hang, app.start_failed      logs
    session  session.start, session.end                 logs
    error    the rest of the vital lane                 logs
    log      bulk                                       logs
    trace    ended spans of both lanes                  traces
    metric   deltas of both lanes                       metrics

Each rank is acknowledged apart from the others. Otherwise logs that were delivered would be sent again
after each restart, for as long as the endpoint refuses the spans that stand between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from clientobs import semconv
from clientobs.journal.format import Kind, Lane
from clientobs.journal.records import LogRecord, decode

if TYPE_CHECKING:
    from clientobs.config.model import Signal

__all__ = ["RANKS", "RANKS_OF", "URGENT", "Rank", "rank_of"]

Rank: TypeAlias = Literal["crash", "session", "error", "log", "trace", "metric"]

RANKS: Final[tuple[Rank, ...]] = get_args(Rank)
"""From the most to the least urgent."""

URGENT: Final[frozenset[Rank]] = frozenset({"crash", "session", "error"})
"""Sent at once; nothing of the others waits for company less than LINGER."""

RANKS_OF: Final[dict[Signal, tuple[Rank, ...]]] = {
    "logs": ("crash", "session", "error", "log"),
    "traces": ("trace",),
    "metrics": ("metric",),
}
_CRASHES: Final = frozenset({semconv.APP_CRASH, semconv.APP_HANG, semconv.APP_START_FAILED})


def rank_of(kind: int, lane: Lane, payload: bytes) -> Rank | None:
    """Return the rank of one frame, None for what is not delivered (starts, contexts, notes)."""
    if kind == Kind.SPAN_ENDED:
        return "trace"
    if kind == Kind.METRICS:
        return "metric"
    if kind != Kind.LOG:
        return None
    if lane == "bulk":
        return "log"
    record = decode(kind, payload)
    event = record.event_name if isinstance(record, LogRecord) else ""
    if event in _CRASHES:
        return "crash"
    return "session" if event.startswith("session.") else "error"
