"""What of a span's inside is shown: the first few, the slow and the broken; one line counts the rest.

A publish of 1,000 frames has 1,000 sibling spans that nobody reads one by one, and a storm has 100,000. The
ones that somebody looks for are the failed and the slowest: those are always kept.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from clientobs.journal.records import SpanEvent
from clientobs.viewer.model import WARNING, Log, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Fold", "Item", "below", "inside"]

_SIBLINGS: Final = 12
"""Children that are shown without any folding."""
_FIRST: Final = 2
_BROKEN: Final = 5
_NAMES: Final = 12
_LOGS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What was left out at one place. Times are nanoseconds."""

    spans: int = 0
    failed: int = 0
    logs: int = 0
    name: str = ""
    """The name that all left-out spans have, "" where they differ."""
    total_ns: int = 0
    shortest_ns: int = 0
    longest_ns: int = 0


Item: TypeAlias = Span | Log | SpanEvent | Fold


def inside(span: Span, now_ns: int, *, everything: bool) -> list[Item]:
    """Return what a span shows beneath itself, in order of time, folded unless `everything`."""
    timed: list[tuple[int, Item]] = []
    timed += fold_spans(span.children, now_ns, everything=everything)
    timed += fold_logs(span.logs, everything=everything)
    timed += [(event.time_ns, event) for event in _events(span, everything=everything)]
    timed.sort(key=lambda pair: pair[0])
    return [item for _, item in timed]


def below(span: Span) -> int:
    """Return how many spans lie beneath, however deep."""
    count, stack = 0, list(span.children)
    while stack:
        count += 1
        stack.extend(stack.pop().children)
    return count


def fold_spans(spans: Sequence[Span], now_ns: int, *, everything: bool) -> list[tuple[int, Item]]:
    """Return siblings with their times; what is left out is folded by name, after the last kept one."""
    if everything or len(spans) <= _SIBLINGS:
        return [(span.record.start_ns, span) for span in spans]
    groups: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        groups[span.record.name].append(span)
    shown: list[tuple[int, Item]] = []
    others: list[Span] = []
    for rank, group in enumerate(groups.values()):
        if rank >= _NAMES:
            others += group
            continue
        kept = _worth_showing(group, now_ns)
        shown += [(span.record.start_ns, span) for span in kept]
        left = [span for span in group if span not in kept]
        if left:
            at = max(span.record.start_ns for span in kept)
            shown.append((at, _fold(left, now_ns, name=group[0].record.name)))
    if others:
        shown.append((others[-1].record.start_ns, _fold(others, now_ns)))
    return shown


def fold_logs(logs: Sequence[Log], *, everything: bool) -> list[tuple[int, Item]]:
    """Return log records with their times; of many, the ends and the warnings are kept."""
    if everything or len(logs) <= _LOGS:
        return [(log.time_ns, log) for log in logs]
    half = _LOGS // 2
    loud = [log for log in logs[half:-half] if log.record.severity >= WARNING or log.record.event_name]
    kept = {id(log) for log in (*logs[:half], *loud[:half], *logs[-half:])}
    shown: list[tuple[int, Item]] = [(log.time_ns, log) for log in logs if id(log) in kept]
    shown.append((logs[-half].time_ns - 1, Fold(logs=len(logs) - len(kept))))
    return shown


def _worth_showing(group: list[Span], now_ns: int) -> list[Span]:
    if len(group) <= _FIRST + 1:
        return group
    broken = [span for span in group[_FIRST:] if span.state != "ok"][:_BROKEN]
    slowest = max(group, key=lambda span: span.duration_ns(now_ns))
    chosen = {id(span) for span in (*group[:_FIRST], *broken, slowest)}
    return [span for span in group if id(span) in chosen]


def _fold(spans: list[Span], now_ns: int, *, name: str = "") -> Fold:
    lengths = [span.duration_ns(now_ns) for span in spans]
    return Fold(
        spans=len(spans) + sum(map(below, spans)),
        failed=sum(span.state != "ok" for span in spans),
        name=name,
        total_ns=sum(lengths),
        shortest_ns=min(lengths),
        longest_ns=max(lengths),
    )


def _events(span: Span, *, everything: bool) -> Sequence[SpanEvent]:
    """Return span events, without the exceptions that a log record tells better."""
    told = {log.record.attributes.get("exception.type") for log in span.logs}
    events = [
        event
        for event in span.record.events
        if event.name != "exception" or event.attributes.get("exception.type") not in told
    ]
    return events if everything else events[:_LOGS]
