"""Which traces somebody means: the last ones, the last that failed, those of an id or a prefix of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from clientobs.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.viewer.model import Trace
    from clientobs.viewer.recordings import Recordings

__all__ = ["SHORTEST_PREFIX", "by_id", "last_traces", "normalized_id"]

SHORTEST_PREFIX: Final = 4
_HEX: Final = re.compile(r"[0-9a-f]+")
_LONGEST_ID: Final = 32
_SLACK_NS: Final = 120 * 1_000_000_000
"""How much further back a parent is looked for that is not known: it ended before its children began."""


def last_traces(recordings: Recordings, count: int, *, failed: bool = False) -> list[Trace]:
    """Return the last `count` traces, the most recent last; with `failed` only those with a failure."""
    book = recordings.book
    wanted: list[int] = []
    for folder, segment in recordings.newest_first():
        if len(wanted) >= count and segment.mtime_ns < _horizon(recordings, wanted):
            break
        recordings.read(folder, segment)
        known = book.ids()
        wanted = [trace_id for trace_id in known if not failed or book.is_broken(trace_id)][-count:]
        for trace_id in set(known).difference(wanted):
            # Nothing older can add to it, or make a failure of it.
            if book.bounds(trace_id)[0] > segment.mtime_ns and not book.lacks_parents(trace_id):
                book.forget(trace_id)
    return [book.trace(trace_id) for trace_id in wanted]


def by_id(recordings: Recordings, text: str) -> list[Trace]:
    """Return the traces of a trace id, session id or run id, or of a prefix of one; [] where none is known.

    Raises JournalError for text that is no id.
    """
    prefix = normalized_id(text)
    runs = recordings.runs_named(prefix)
    if runs:
        return _of_runs(recordings, frozenset(runs))
    book = recordings.book
    for folder, segment in recordings.newest_first():
        found = [trace_id for trace_id in book.ids() if _is(trace_id, prefix)]
        if len(prefix) == _LONGEST_ID and found and segment.mtime_ns < _horizon(recordings, found):
            break
        recordings.read(folder, segment)
        _forget_others(recordings, [trace_id for trace_id in book.ids() if _is(trace_id, prefix)])
    return [book.trace(trace_id) for trace_id in book.ids()]


def normalized_id(text: str) -> str:
    """Return an id or prefix as lower-case hex; JournalError says what is accepted.

    >>> normalized_id("4BF92F35-77b3")
    '4bf92f3577b3'
    """
    prefix = text.strip().lower().replace("-", "")
    if not _HEX.fullmatch(prefix) or not SHORTEST_PREFIX <= len(prefix) <= _LONGEST_ID:
        raise JournalError(
            f"{text!r} is no id; give a trace, session or run id, or at least its first "
            f"{SHORTEST_PREFIX} hex digits."
        )
    return prefix


def _of_runs(recordings: Recordings, runs: frozenset[str]) -> list[Trace]:
    """Return all traces that one of `runs` took part in, with what other runs added to them."""
    book = recordings.book
    listed = list(recordings.newest_first())
    for folder, segment in listed:
        if folder.run in runs:
            recordings.read(folder, segment)
    wanted = book.ids()
    if wanted:
        horizon = _horizon(recordings, wanted)
        for folder, segment in listed:
            if folder.run not in runs and segment.mtime_ns >= horizon:
                recordings.read(folder, segment)
                _forget_others(recordings, wanted)
    return [book.trace(trace_id) for trace_id in wanted]


def _horizon(recordings: Recordings, wanted: list[int]) -> int:
    """Return the time before which no segment can hold more of the wanted traces."""
    book = recordings.book
    return min(
        book.bounds(trace_id)[0] - (_SLACK_NS if book.lacks_parents(trace_id) else 0) for trace_id in wanted
    )


def _forget_others(recordings: Recordings, wanted: Iterable[int]) -> None:
    for trace_id in set(recordings.book.ids()).difference(wanted):
        recordings.book.forget(trace_id)


def _is(trace_id: int, prefix: str) -> bool:
    return f"{trace_id:032x}".startswith(prefix)
