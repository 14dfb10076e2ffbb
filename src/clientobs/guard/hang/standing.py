"""Is a thread at work, or does it stand still? Told from what the system counts, without a look at its objects."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final

from clientobs import _procfs
from clientobs._dataclass import dataclass

if TYPE_CHECKING:
    from clientobs._procfs import FileCall

__all__ = ["Facts", "Standing"]

_PROGRESS_CPU: Final = 0.05
_PROGRESS_BYTES: Final = 64 << 10
_BUSY: Final = 0.2
"""Share of a processor from which a thread computes: it may have to share a loaded machine."""
_STARVED: Final = 0.02
_ALWAYS: Final = 0.9
"""Shares from which it computes on a machine that has no time for it: what it gets, and what it would have taken."""

_MOSTLY: Final = 0.5
"""Share of an absence of the keeper from which the main thread was neither stopped nor asleep in it."""

_WINDOW: Final = 900_000_000
_IDLE_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of the main thread since it was heard last; times are 0 where it isn't so.

    computing_ns  since when it has used a processor without a pause
    moved         whether it has read or written anything by itself
    call          the file call that it has not come back from, since `call_ns`
    idle          whether it has hardly computed since it was heard last
    lock_ns       since when it has waited for one and the same lock, as far as that can be told
    """

    computing_ns: int = 0
    moved: bool = False
    call: FileCall | None = None
    call_ns: int = 0
    idle: bool = False
    lock_ns: int = 0


class Standing:
    """Looks at the main thread from the keeper's; `look` now and then, `begin` when it was heard of."""

    def __init__(self) -> None:
        self.progress_ns = 0
        """When the process as a whole was last seen to move something."""
        self._moved: tuple[int, int] | None = None
        self._cpu: float | None = None
        self._window: tuple[int, float, float | None] | None = None
        self._computing_ns = 0
        self._line = ""
        self._line_ns = 0
        self._line_cpu: float | None = None
        self._whole: tuple[int, float, int] | None = None
        self._pulse: tuple[int, float | None] = (0, None)
        self._read: tuple[int, float | None] = (0, None)

    def has_run_on(self, now: int) -> bool:
        """Say whether the main thread has run, or wanted to, most of the time since this was asked last."""
        wanted = self._wanted(now)
        (then, before), spent = self._pulse, _thread_cpu() if wanted is None else wanted
        self._pulse = now, spent
        if before is None or spent is None or now <= then:
            return False
        return (spent - before) * 1e9 >= _MOSTLY * (now - then)

    def _wanted(self, now: int) -> float | None:
        """Read it once a look."""
        if self._read[0] != now:
            self._read = now, _procfs.wanted_seconds("self", _main())
        return self._read[1]

    def begin(self, now: int) -> None:
        """Count from now on."""
        self.progress_ns = now
        self._moved = _procfs.moved("self", _main())
        self._computing_ns = 0
        cpu = self._cpu = _thread_cpu()
        self._window = None if cpu is None else (now, cpu, self._wanted(now))
        self._line = ""
        self._whole = None

    def look(self, now: int) -> Facts:
        """Return what is known since `begin`."""
        moved = _procfs.moved("self", _main())
        has_moved = self._moved is not None and moved != self._moved
        self._moved = moved
        cpu = _thread_cpu()
        self._follow(now, cpu)
        waits = self._is_same_call(now, cpu)
        call = _procfs.file_call("self", self._line) if waits else None
        return Facts(
            computing_ns=self._computing_ns,
            moved=has_moved,
            call=call,
            call_ns=self._line_ns if call else 0,
            idle=cpu is not None and self._cpu is not None and cpu - self._cpu < _IDLE_SECONDS,
            lock_ns=self._line_ns if waits and _procfs.is_lock(self._line) else 0,
        )

    def _follow(self, now: int, cpu: float | None) -> None:
        """Take the share of a processor in windows of a second."""
        if cpu is None:
            return
        if self._window is None:
            self._window = now, cpu, self._wanted(now)
            return
        then, spent, before = self._window
        if now - then >= _WINDOW:
            seconds, wanted = (now - then) / 1e9, self._wanted(now)
            share = (cpu - spent) / seconds
            busy = share >= _BUSY
            if not busy and share >= _STARVED and wanted is not None and before is not None:
                busy = (wanted - before) / seconds >= _ALWAYS
            self._computing_ns = (self._computing_ns or then) if busy else 0
            self._window = now, cpu, wanted

    def look_at_process(self, now: int) -> None:
        """Note whether the process as a whole moves, once a second, and but for the keeper itself."""
        if self._whole is not None and now - self._whole[0] < _WINDOW:
            return
        moved = _procfs.moved("self")
        cpu, size = time.process_time() - time.thread_time(), moved[1] if moved else 0
        if self._whole is not None:
            then, spent, before = self._whole
            seconds = max(0.001, (now - then) / 1e9)
            if (cpu - spent) / seconds > _PROGRESS_CPU or (size - before) / seconds > _PROGRESS_BYTES:
                self.progress_ns = now
        self._whole = now, cpu, size

    def _is_same_call(self, now: int, cpu: float | None) -> bool:
        """Say whether the thread is in the very call that it was in at the last look."""
        line = _procfs.raw_call("self", _main())
        same = bool(line) and line == self._line and cpu is not None and self._line_cpu == cpu
        if not same:
            self._line, self._line_ns, self._line_cpu = line, now, cpu
        return same


def _main() -> int:
    return threading.main_thread().native_id or os.getpid()


def _thread_cpu() -> float | None:
    ident = threading.main_thread().ident
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    if clock_of is None or ident is None:
        return None
    try:
        return time.clock_gettime(clock_of(ident))
    except (OSError, OverflowError):
        return None
