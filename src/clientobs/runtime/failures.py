"""What stands ready for the death of this process: the watch over crashes, and the breaker of crash loops."""

from __future__ import annotations

import os
import sys
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet
from clientobs._own_file import read_kernel
from clientobs.guard.breaker import LIMIT, Breaker
from clientobs.guard.crash import CrashWatch
from clientobs.journal.process import boot_id
from clientobs.journal.runs import header_of, read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.guard.breaker import Fate
    from clientobs.journal.home import Home
    from clientobs.journal.writer import Journal

__all__ = ["SUPERVISOR_VARIABLE", "SURVIVED_NOTE", "WATCHED_NOTE", "Failures"]

WATCHED_NOTE: Final = "watched"
SUPERVISOR_VARIABLE: Final = "_CLIENTOBS_RUN_SUPERVISOR"
"""The process of `clientobs run` that waits for this one, and will write down how it ended."""
SURVIVED_NOTE: Final = "survived"
"""Python goes on, and there is a fatal error in the run's folder."""


_MOST_GROUPS: Final = 16_384
_MOST_CHANGES: Final = 16
"""Changes of the watch that are noted; who takes its signals more often is told as one whose faults aren't seen."""


class Failures:
    """Both for one application, known by `service` and its program."""

    def __init__(self, home: Home, service: str, program: str, environ: Mapping[str, str]) -> None:
        key = zlib.crc32(f"{service}\0{os.path.basename(program)}".encode(errors="surrogateescape"))
        self._runs = home.runs
        self._supervisor = environ.get(SUPERVISOR_VARIABLE, "")
        self._crash = CrashWatch()
        self._breaker = Breaker(os.path.join(home.path, "starts", f"{key:08x}"), self._fate, time.time)
        self._until: float | None = None
        self._turn = threading.Lock()
        """Of who tends the watch or begins it anew, the keeper or the host's thread. Nobody waits for it: what the
        host's has to leave, the keeper does a second later."""
        self._unwatched: Journal | None = None
        """A forked child's, or one after a failed exec, whose run has no folder before it records."""
        self._journal: Journal | None = None
        self._prepared: dict[str, Any] = {}
        self._changes = 0
        self.tripped = False

    @property
    def deaths(self) -> int:
        """How many starts in a row died soon after they began, before this one."""
        return self._breaker.deaths

    def begin(self, run: str) -> bool:
        """Note that `run` starts; say whether it has to do without patches."""
        with quiet("breaker.begin"):
            self.tripped = self._breaker.begin(run)
        self._until = time.monotonic() + LIMIT
        return self.tripped

    def watch(self, journal: Journal) -> None:
        """Watch this process for the run that `journal` writes, which has begun."""
        self._unwatched = None
        self._journal = journal
        self._crash.install(journal.path)
        self._changes = 0
        self._prepared = {
            **self._left_by_a_fault(),
            "exits": self._crash.exits,
            "program": _program(),
            "group": _memory_group(),
            "supervised": self._supervisor == str(os.getppid()),
        }
        journal.note(WATCHED_NOTE, self._prepared, "vital")

    def _left_by_a_fault(self) -> dict[str, Any]:
        crash = self._crash
        return {"faults": crash.faults, "file": crash.host_file.path, "size": crash.host_file.size}

    def _note_change(self, journal: Journal) -> None:
        """Say anew what a fault would leave, where the host has changed that."""
        left = self._left_by_a_fault()
        if self._changes >= _MOST_CHANGES or self._prepared == {**self._prepared, **left}:
            return
        self._changes += 1
        if self._changes == _MOST_CHANGES:
            left["faults"] = False
        self._prepared.update(left)
        journal.note(WATCHED_NOTE, self._prepared, "vital")

    def tend(self) -> None:
        """Keep the watch in order; the keeper's."""
        self._in_turn(self._tend)

    def _tend(self) -> None:
        has_survived = self._crash.keep()
        if self._journal is not None and self._unwatched is None:
            if has_survived:
                self._journal.note(SURVIVED_NOTE, {}, "vital")
            self._note_change(self._journal)
        self._watch_where_it_records()
        if self._until is not None and time.monotonic() >= self._until:
            self._until = None
            self._breaker.clear()

    def stayed(self, journal: Journal) -> None:
        """Watch on after an exec that failed: for the run that has begun since, from when it records."""
        self._unwatched = journal
        self._in_turn(self._watch_where_it_records)

    def after_fork_in_child(self, journal: Journal) -> None:
        """Leave both to the parent; the child is watched from when it records."""
        self._turn = threading.Lock()  # the parent's may be had by a thread that doesn't exist here
        self._until = None
        self._unwatched = journal
        self._crash.leave_to_parent()

    def _in_turn(self, do: Callable[[], None]) -> None:
        turn = self._turn  # a child that is forked meanwhile has another
        if turn.acquire(blocking=False):
            try:
                do()
            finally:
                turn.release()

    def _watch_where_it_records(self) -> None:
        journal = self._unwatched
        if journal is not None and os.path.isdir(journal.path):
            self.watch(journal)

    def ended(self, *, is_child: bool) -> None:
        """Say that the run has its clean close."""
        self._journal = None
        self._crash.uninstall()
        if not is_child:
            self._until = None
            with quiet("breaker.clear"):
                self._breaker.clear()

    def _fate(self, run: str) -> tuple[Fate, float]:
        folder = read_run(os.path.join(self._runs, run))
        header = header_of(folder.path)
        if header is None:
            return "unknown", 0.0
        if folder.state != "dead":
            return ("alive" if folder.is_alive else "clean"), 0.0
        if header.boot_id != boot_id():
            return "unknown", 0.0
        last = max(os.stat(segment.path).st_mtime for segment in folder.segments)
        return "dead", last - header.wall_ns / 1e9


def _program() -> str:
    """Return the name of the program: the kernel's, since an embedded Python may take itself for a python."""
    try:
        path = os.readlink("/proc/self/exe")
    except (OSError, AttributeError):
        path = sys.executable or ""
    return os.path.basename(path)


def _memory_group() -> str:
    """Return the path of this process's cgroup (v2), "" where it has none: systemd-oomd kills a whole one."""
    try:
        text = read_kernel("/proc/self/cgroup", _MOST_GROUPS)
    except OSError:
        return ""
    groups = [line[len(b"0::") :] for line in text.splitlines() if line.startswith(b"0::")]
    return groups[0].decode("utf-8", "backslashreplace") if groups else ""
