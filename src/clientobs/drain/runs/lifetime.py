"""Until when a dead run is known to have lived: the date of its crash, its session's end, and of spans left open.

The last record says little: a host that nobody uses, or that computes, records nothing for half a minute. So the
latest of what its folder tells counts: the last record, the last beat (once a second, while Python runs), the fault
that was written, the last sample of its memory. Never a later moment than one of these, and never "now": a second
drain has to make the same records again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from clientobs._beat import Beat
    from clientobs.drain.runs.evidence import Evidence

__all__ = ["lived_until", "silent_since"]

_NOTICEABLE: Final = 1_000_000_000


def lived_until(evidence: Evidence, *, last_mono: int, offset: int) -> int:
    """Return the last moment at which the process is known to have lived, on its monotonic clock.

    last_mono: of its last record. offset: wall minus monotonic time at that record.

    >>> from clientobs._beat import Beat
    >>> from clientobs.drain.runs.evidence import Evidence
    >>> lived_until(Evidence(beat=Beat(at=9)), last_mono=4, offset=0)
    9
    """
    moments = [last_mono]
    if evidence.beat is not None:
        moments.append(evidence.beat.at)
    if evidence.fatal and evidence.fault_seconds:
        moments.append(int(evidence.fault_seconds * 1e9) - offset)
    if evidence.found.memory:
        moments.append(evidence.found.memory[-1].mono_ns)
    return max(moments)


def silent_since(beat: Beat, last_mono: int) -> int:
    """Return since when an event loop was silent when its process ended; 0 where it had answered, or there is none.

    last_mono: when the process is known to have lived last.

    >>> from clientobs._beat import Beat
    >>> silent_since(Beat(at=9_000_000_000, watch="loop", answered=7_400_000_000), 9_100_000_000)
    7400000000
    """
    if beat.watch != "loop" or not beat.answered:
        return 0
    # A beat is written once a second: it says how long the loop was silent then, and nothing of the second after it.
    is_silent = beat.at - beat.answered >= _NOTICEABLE or last_mono - beat.answered >= 2 * _NOTICEABLE
    return beat.answered if is_silent else 0
