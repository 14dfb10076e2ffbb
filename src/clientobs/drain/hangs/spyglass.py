"""py-spy: the Python stacks of a process whose interpreter is held, read from its memory and without stopping it.

`--nonblocking` reads while the process runs, so a dump may be of two moments; a process that stands still has only
one. Optional: where no py-spy is installed beside the drain, or the system doesn't let one process read another's
memory (yama's ptrace_scope, a container without SYS_PTRACE), a hang is told without stacks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from clientobs.drain.hangs.episode import Episode, Frame

__all__ = ["Spyglass", "find_py_spy"]

_PATIENCE: Final = 5.0
_EVERY: Final = 1.0
_MOST: Final = 60
_LIBRARIES: Final = ("site-packages", "dist-packages", f"{os.sep}lib{os.sep}python", f"{os.sep}Lib{os.sep}")


def find_py_spy(configured: str | None) -> str | None:
    """Return the py-spy to use: the one that is configured, beside the interpreter, or on the PATH."""
    if configured:
        return configured
    beside = os.path.dirname(sys.executable)
    return shutil.which("py-spy", path=beside) or shutil.which("py-spy")


class Spyglass:
    """Looks at one process now and then; never waits for py-spy."""

    def __init__(self, program: str | None, pid: int) -> None:
        self._program = program
        self._pid = pid
        self._process: subprocess.Popen[bytes] | None = None
        self._out: IO[bytes] | None = None
        self._due = self._deadline = 0.0
        self._looks = 0
        self._numbers: dict[tuple[Frame, ...], int] = {}

    @property
    def busy(self) -> bool:
        """Whether a look is on its way."""
        return self._process is not None

    def look(self, episode: Episode) -> None:
        """Take in what the last look has brought, and start another where it is time."""
        if self._process is not None:
            self._collect(episode)
        elif self._program is not None and self._looks < _MOST and time.monotonic() >= self._due:
            self._looks += 1
            self._due = time.monotonic() + _EVERY
            self._start(self._program)

    def close(self) -> None:
        """End a look that is on its way."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        if self._out is not None:
            self._out.close()
            self._out = None

    def _start(self, program: str) -> None:
        command = [program, "dump", "--pid", str(self._pid), "--nonblocking", "--json"]
        self._out = tempfile.TemporaryFile()  # noqa: SIM115  # a pipe could fill while nobody reads
        self._deadline = time.monotonic() + _PATIENCE
        try:
            self._process = subprocess.Popen(  # noqa: S603  # what the configuration names, or beside us
                command, stdin=subprocess.DEVNULL, stdout=self._out, stderr=subprocess.DEVNULL
            )
        except OSError:
            self._program = None
            self.close()

    def _collect(self, episode: Episode) -> None:
        assert self._process is not None  # noqa: S101  # asked by `look`
        code = self._process.poll()
        if code is None and time.monotonic() < self._deadline:
            return
        out = self._out
        if code == 0 and out is not None:
            with quiet("drain.hangs.py_spy"):
                out.seek(0)
                self._take(episode, json.loads(out.read()))
        elif not episode.seen_by:
            self._program = None  # it may not look: asking again each second helps nobody
        self.close()

    def _take(self, episode: Episode, threads: list[dict[str, Any]]) -> None:
        for thread in threads:
            frames = [_frame(frame) for frame in reversed(thread["frames"])]
            number = self._number(episode, frames)
            if thread.get("os_thread_id") == self._pid or thread.get("thread_name") == "MainThread":
                episode.sample(number, [int(frame["line"]) for frame in reversed(thread["frames"])])
                episode.seen_by = "py-spy"
            else:
                name = str(thread.get("thread_name") or f"thread {thread.get('thread_id')}")
                episode.others[name[:100]] = number

    def _number(self, episode: Episode, frames: list[Frame]) -> int:
        key = tuple(frames)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers) + 1
            episode.learn(number, frames)
        return number


def _frame(frame: dict[str, Any]) -> Frame:
    file = str(frame.get("filename") or "")
    own = not file.startswith("<") and not any(part in file for part in _LIBRARIES)
    return "", str(frame.get("name") or "?"), file, own
