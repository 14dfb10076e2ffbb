"""The context of a child that no environment can carry: left at its parent's door for the time of one call.

os.system starts its command with the environment of this process, and has no place for another one. Nothing is ever
put into that environment: every other thread would see it. But a child that records can look for who has started it.
So a note is left beside the journal while the call lasts, named for the process and the thread that wait in it. The
child goes up its ancestors; where one has left a note, and the kernel says that this very thread has started the
child (/proc/PID/task/THREAD/children), the note is meant for it.

A note is a file that is gone before its file system has found a block for it. (The target of a symbolic link would need
no descriptor; but beyond 60 bytes ext4 takes a block for it at once, and gives it back at the pace of the disk: 55 us,
and 2.6 ms beside a busy one.) Linux alone tells a thread's children; elsewhere no note is left.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet
from clientobs._own_file import put, read_file, read_kernel
from clientobs._own_folder import list_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Doorstep", "completed"]

_LINUX: Final = sys.platform == "linux"
_FOLDER: Final = "calls"
_PARENT: Final = "TRACEPARENT"
_NAMES: Final = (_PARENT, "TRACESTATE", "BAGGAGE")
_INHERITED: Final = "INHERITED"
"""The TRACEPARENT that the parent itself was started with: another one in the child's environment is the caller's."""
_MOST: Final = 16_384
"""Bytes of a note; baggage has 8,192 at most."""
_WRITES: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
)
_MOST_NOTES: Final = 1_000
_ANCESTORS: Final = 8
# The module below `os`, which nobody patches: our own note is no file operation of the host's.
_system: Final[Any] = sys.modules.get("posix")


class Doorstep:
    """Where this process leaves notes; `home` is the journal's, None where there is none."""

    def __init__(self, home: str | None) -> None:
        self._folder = os.path.join(home, _FOLDER) if home and _LINUX else ""
        self._pid = 0
        self._start = ""

    def leave(self, variables: Mapping[str, str], inherited: str) -> str:
        """Leave a note with the variables for what this thread is about to start; return its path, "" for none."""
        if not variables or not self._folder:
            return ""
        path = ""
        with quiet("doorstep.leave"):
            if self._pid != os.getpid():
                self._prepare()
            path = f"{self._folder}/{self._pid}.{self._start}.{threading.get_native_id()}"
            note = {**variables, _INHERITED: inherited}
            put(path, "\n".join(f"{name}={value}" for name, value in note.items()).encode(), _WRITES)
        return path  # also of one that a full disk has cut: it is to be taken away

    def take_away(self, path: str) -> None:
        """Take a note away: the call is over."""
        if path:
            with quiet("doorstep.take_away"):
                _system.unlink(path)

    def _prepare(self) -> None:
        """Make the folder, and take away what processes have left that were killed in such a call."""
        # Several threads may be here at once, and several processes in the folder.
        with contextlib.suppress(FileExistsError):
            _system.mkdir(self._folder, 0o700)
        for entry in list_folder(self._folder, _MOST_NOTES):
            owner, _, rest = entry.name.partition(".")
            if not owner.isdigit() or _parent_and_start(owner)[1] != rest.partition(".")[0]:
                with contextlib.suppress(FileNotFoundError):
                    _system.unlink(f"{self._folder}/{entry.name}")
        pid = os.getpid()
        self._start = _parent_and_start(pid)[1]
        self._pid = pid  # last: who finds it finds the rest


def completed(environ: Mapping[str, str], home: str) -> Mapping[str, str]:
    """Return `environ` with the context in it that was left for this process; as it is where there is none.

    >>> completed({"TRACEPARENT": "00-..."}, "/no/such/home")
    {'TRACEPARENT': '00-...'}
    """
    with quiet("doorstep.find"):
        note = _note_for(os.getpid(), os.path.join(home, _FOLDER)) if _LINUX else {}
        if note and environ.get(_PARENT, "") == note.pop(_INHERITED, ""):
            own = {name: value for name, value in environ.items() if name not in _NAMES}
            return {**own, **note}
    return environ


def _note_for(pid: int, folder: str) -> dict[str, str]:
    try:
        names = [entry.name for entry in list_folder(folder)]
    except OSError:  # nobody has ever left a note
        return {}
    for _ in range(_ANCESTORS if names else 0):
        parent, _own = _parent_and_start(pid)
        if parent <= 1:
            break
        beginning = f"{parent}.{_parent_and_start(parent)[1]}."
        near = [name for name in names if name.startswith(beginning)]
        if near:
            # The nearest ancestor that waits in such a call: what another thread of it has started is not meant.
            threads = (name[len(beginning) :] for name in near)
            thread = next((one for one in threads if pid in _children_of(parent, one)), None)
            return _read_note(f"{folder}/{beginning}{thread}") if thread is not None else {}
        pid = parent
    return {}


def _read_note(path: str) -> dict[str, str]:
    text = read_file(path, _MOST).decode("utf-8", "replace")
    pairs = (line.partition("=") for line in text.split("\n"))
    return {name: value for name, _, value in pairs if name in (*_NAMES, _INHERITED)}


def _parent_and_start(pid: int | str) -> tuple[int, str]:
    """Return the parent of a process and when it started, in ticks since boot; (0, "") for one that is not there."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(fields[1]), fields[19].decode("ascii")) if len(fields) > 19 else (0, "")  # noqa: PLR2004  # proc(5)


def _children_of(pid: int, thread: str) -> list[int]:
    return [int(each) for each in _read(f"/proc/{pid}/task/{thread}/children").split()]


def _read(path: str) -> bytes:
    try:
        return read_kernel(path)
    except OSError:
        return b""
