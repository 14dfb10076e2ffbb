"""What a host has begun since its last beat: a span that opened, and Python fell silent within the same second.

The beat tells of nothing to be watched then. What has begun since is in the journal: a span is written when it starts,
by the thread that starts it. Which thread that was isn't written; but where no Python runs at all, whoever sits
before the application waits for it, whichever thread holds the interpreter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from clientobs._known_work import kind_of
from clientobs.drain.runs.last_lines import open_spans

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs._beat import Beat
    from clientobs.drain.runs.run_tail import RunTail
    from clientobs.journal.records import SpanRecord

__all__ = ["Unannounced", "as_in_span"]

_SECOND: Final = 1_000_000_000
_STALE: Final = 1_300_000_000
"""From when on a beat, which comes once a second, is late."""


class Unannounced:
    """Reads the beats of one host."""

    def __init__(self, run: RunTail) -> None:
        self._run = run
        self._asked: tuple[int, int] = (0, 0)
        self._found: Beat | None = None

    def read(self, beat: Beat | None, now: int) -> Beat | None:
        """Return a beat as it would be, had it come when that began which has begun since."""
        if beat is None or beat.watch != "idle":
            return beat
        if now - beat.at < _STALE:
            return replace(beat, watch="")
        of, asked_ns = self._asked
        if self._found is None or of != beat.at or now - asked_ns >= _SECOND:
            self._asked = beat.at, now
            self._found = as_in_span(beat, open_spans(self._run)[0])
        return self._found


def as_in_span(beat: Beat, spans: Iterable[SpanRecord]) -> Beat:
    """Return an idle beat as that of the first span that has begun since, as "" where there is none."""
    since = [span for span in spans if span.start_mono > beat.at]
    if not since:
        return replace(beat, watch="")
    began = since[0].start_mono
    work = next((kind for span in reversed(since) if (kind := kind_of(span.name, span.attributes))), "")
    return replace(
        beat,
        at=began,
        answered=began,
        watch="span",
        work=work,
        threshold=beat.limit if work else beat.threshold,
        stall=beat.stall if work else 0,
    )
