"""A host whose beat has stopped: no thread of its Python runs, so native code holds the interpreter.

The host can say nothing then. What is known: what it watched when it beat last (_beat.py), and what the system
counts of it. A process that a debugger or a signal has stopped is silent because somebody wants that, and one whose
drain was late itself proves nothing, nor does one whose keeper could have run and got no processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientobs import _procfs

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs._beat import Beat
    from clientobs._procfs import FileCall

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
        waited: Callable[[int, int], float | None] = _procfs.waited_seconds,
    ) -> None:
        self._pid = pid
        self._is_held = is_held
        self._waited = waited
        self._starting: tuple[int, float | None] = (0, None)
        self._beat: Beat | None = None
        self._seen_ns = 0
        self._looked_ns = 0
        self._whole: tuple[int, float, int] | None = None
        self._progress_ns = 0
        self._line = ""
        self._line_ns = 0
        self.call: FileCall | None = None
        """The file call that the main thread doesn't come back from, as far as that can be seen."""

    def look(self, beat: Beat | None, now: int) -> int:
        """Return the nanoseconds of silence that count, 0 where there are none."""
        late = now - self._looked_ns > _LATE
        self._looked_ns = now
        if beat is None or not beat.watch:
            self._beat = None
            return 0
        if self._beat is None or beat.at != self._beat.at or late or self._is_held(self._pid):
            self._begin(beat, now)
            return 0
        silent = now - max(beat.at, self._seen_ns - SECOND)
        if silent < NOTICEABLE:
            return 0
        if beat.thread and not _procfs.waits_for_lock(self._pid, beat.thread):
            self._begin(beat, now)  # its keeper is held up by a disk: that says nothing of the interpreter
            return 0
        if beat.thread and self._is_starved(beat.thread, now):
            self._begin(beat, now)
            return 0
        self._look_at_process(now)
        self._look_at_call(now)
        return silent

    def is_hang(self, beat: Beat, silent: int, now: int) -> bool:
        """Say whether a silence is a hang."""
        if beat.watch == "file":
            return self.call is not None and now - self._line_ns >= beat.threshold
        if beat.stall and now - self._progress_ns >= beat.stall:
            return True
        return silent >= beat.threshold

    def since(self, beat: Beat, silent: int, now: int) -> int:
        """Return when it began: an event loop has answered last a little before Python fell silent."""
        if now - silent > beat.at:
            return now - silent  # held by a debugger, or unseen, until then
        return beat.answered if beat.watch == "loop" and beat.answered else beat.at

    def _begin(self, beat: Beat, now: int) -> None:
        is_new = self._beat is None or beat.at != self._beat.at
        # A beat that was old when it was seen first, or is old again, counts from now on.
        self._seen_ns = beat.at + SECOND if is_new and now - beat.at < NOTICEABLE else now + SECOND
        self._beat = beat
        self._whole = None
        self._progress_ns = now
        self._line, self.call = "", None
        self._starting = now, self._waited(self._pid, beat.thread) if beat.thread else None

    def _is_starved(self, thread: int, now: int) -> bool:
        """Say whether its keeper could have run for much of the time: who waits for the interpreter can't."""
        (then, before), waited = self._starting, self._waited(self._pid, thread)
        if before is None or waited is None or now <= then:
            return False
        return waited - before >= _STARVED * (now - then) / SECOND

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
