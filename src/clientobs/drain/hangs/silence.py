"""A host whose beat has stopped: its keeper doesn't get the interpreter lock.

Either native code holds it, and no thread of Python runs; or threads of the host pass it around so that the keeper
never has its turn (convoy.py), and the main thread may be well. The host can say nothing in both cases. What is
known: what it watched when it beat last (_beat.py), and what the system counts of it. A process that a debugger or a
signal has stopped is silent because somebody wants that, and one whose drain was late itself proves nothing. Nor does
one whose keeper could have run and got no processor, unless its main thread did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from clientobs import _procfs
from clientobs.drain.hangs.convoy import Convoy

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs._beat import Beat
    from clientobs._procfs import FileCall, Turns

__all__ = ["Silence"]

SECOND: Final = 1_000_000_000
NOTICEABLE: Final = 2 * SECOND
_LATE: Final = 2 * SECOND
_PROGRESS_CPU: Final = 0.05
_PROGRESS_BYTES: Final = 64 << 10
_STARVED: Final = 0.3
"""Share of a silence in which the keeper waited for a processor."""


class Silence:
    """Follows the beat of one process; `look` says since when it has been silent for too long."""

    def __init__(
        self,
        pid: int,
        is_held: Callable[[int], bool] = _procfs.is_held,
        turns: Callable[[int, int], Turns | None] = _procfs.turns,
        moved: Callable[[int, int], tuple[int, int] | None] = _procfs.moved,
    ) -> None:
        self._pid = pid
        self._is_held = is_held
        self._turns = turns
        self._starting: tuple[int, Turns | None] = (0, None)
        self._convoy = Convoy(pid, turns, moved)
        self._alive_ns = 0
        self._beat: Beat | None = None
        self._seen_ns = 0
        self._looked_ns = 0
        self._whole: tuple[int, float, int] | None = None
        self._progress_ns = 0
        self._line = ""
        self._line_ns = 0
        self.call: FileCall | None = None
        """The file call that the main thread doesn't come back from, as far as that can be seen."""
        self.passed_since = 0
        """Since when the main thread is silent, by evidence of its own, while Python runs; 0: Python doesn't."""

    @property
    def reason(self) -> Literal["native", "computing", "interface"]:
        """Why it is silent, where it counts."""
        if not self.passed_since:
            return "native"
        return "computing" if self._convoy.since else "interface"

    def _forget(self, now: int) -> None:
        """Take the main thread for one that has answered."""
        self._convoy.forget()
        self._alive_ns = now
        self.passed_since = 0

    def look(self, beat: Beat | None, now: int) -> int:
        """Return the nanoseconds of silence that count, 0 where there are none."""
        late = now - self._looked_ns > _LATE
        self._looked_ns = now
        if beat is None or not beat.watch:
            self._beat = None
            self._forget(now)
            return 0
        held = late or self._is_held(self._pid)
        if held:
            self._forget(now)
        elif beat.watch != "file":
            self._convoy.follow(beat, now)
        if held or self._beat is None or beat.at != self._beat.at:
            self._begin(beat, now)
            return 0
        silent = now - max(beat.at, self._seen_ns - SECOND)
        return silent if silent >= NOTICEABLE and self._counts(beat, now) else 0

    def _counts(self, beat: Beat, now: int) -> bool:
        """Say whether a silence says anything of the main thread."""
        elsewhere = bool(beat.thread) and not _procfs.waits_for_lock(self._pid, beat.thread)
        starved = bool(beat.thread) and self._is_starved(beat.thread, now)
        computes = beat.watch == "span" and bool(self._convoy.since)
        if elsewhere or (starved and not computes):
            self._begin(beat, now)  # its keeper is held up by a disk, or by a machine that has no time
            return False
        self._look_at_process(now)
        self._look_at_call(now)
        if beat.watch == "file":
            return True
        is_passed = starved or self._convoy.is_passed
        self.passed_since = self._silent_since(beat, now) if is_passed else 0
        return bool(self.passed_since) or is_passed is False

    def _silent_since(self, beat: Beat, now: int) -> int:
        """Return since when the main thread is silent though Python runs, 0 where nothing proves that it is."""
        if beat.watch == "span" or self._convoy.since:
            return self._convoy.since
        if not _procfs.waits_for_lock(self._pid, self._pid):
            self._alive_ns = now  # its loop waits for what comes next
            return 0
        return max(self._alive_ns, beat.at)

    def is_hang(self, beat: Beat, silent: int, now: int) -> bool:
        """Say whether a silence is a hang."""
        if beat.watch == "file":
            return self.call is not None and now - self._line_ns >= beat.threshold
        if beat.stall and now - self._progress_ns >= beat.stall:
            return True
        if self.passed_since:
            return now - self.passed_since >= beat.threshold
        return silent >= beat.threshold

    def since(self, beat: Beat, silent: int, now: int) -> int:
        """Return when it began: an event loop has answered last a little before Python fell silent."""
        if now - silent > beat.at:
            return now - silent  # held by a debugger, or unseen, until then
        if self.passed_since and beat.watch == "span":
            return self.passed_since
        return beat.answered if beat.watch == "loop" and beat.answered else beat.at

    def _begin(self, beat: Beat, now: int) -> None:
        is_new = self._beat is None or beat.at != self._beat.at
        # A beat that was old when it was seen first, or is old again, counts from now on.
        self._seen_ns = beat.at + SECOND if is_new and now - beat.at < NOTICEABLE else now + SECOND
        self._beat = beat
        self._whole = None
        self._progress_ns = now
        self._line, self.call = "", None
        self._starting = now, self._turns(self._pid, beat.thread) if beat.thread else None

    def _is_starved(self, thread: int, now: int) -> bool:
        """Say whether its keeper could have run for much of the time: who waits for the interpreter can't."""
        (then, before), after = self._starting, self._turns(self._pid, thread)
        if before is None or after is None or now <= then:
            return False
        return after.waited - before.waited >= _STARVED * (now - then) / SECOND

    def _look_at_process(self, now: int) -> None:
        if self._whole is not None and now - self._whole[0] < SECOND:
            return
        cpu, moved = _procfs.processor_seconds(self._pid), _procfs.moved(self._pid)
        if cpu is None:
            self._progress_ns = now  # not told here: no evidence of a stall
            return
        size = moved[1] if moved else 0
        if self._whole is not None:
            then, spent, before = self._whole
            seconds = (now - then) / SECOND
            if (cpu - spent) / seconds > _PROGRESS_CPU or (size - before) / seconds > _PROGRESS_BYTES:
                self._progress_ns = now
        self._whole = now, cpu, size

    def _look_at_call(self, now: int) -> None:
        line = _procfs.raw_call(self._pid, self._pid)
        if line:  # the same call again and again is no call that doesn't come back
            line = f"{line} {_procfs.has_run(self._pid, self._pid)}"
        if not line or line != self._line:
            self._line, self._line_ns, self.call = line, now, None
        else:
            self.call = _procfs.file_call(self._pid, line)
