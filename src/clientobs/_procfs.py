"""What Linux tells of a thread that stands still: its processor time, what it has moved, the call that it is in.

Read by the host of itself (`pid` "self") and by the drain of a host that can't. On other systems, and where the
kernel doesn't let us look, everything here is None: what rests on it is then not told.
"""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple

from clientobs._dataclass import dataclass
from clientobs._high import HighFile
from clientobs._own_file import read_kernel
from clientobs._system_calls import FCNTL, FILE_CALLS, WAITING_COMMANDS

__all__ = [
    "FileCall",
    "Turns",
    "file_call",
    "has_run",
    "is_held",
    "is_lock",
    "moved",
    "processor_seconds",
    "raw_call",
    "started_seconds",
    "turns",
    "waits_for_lock",
]

_MAX_PATH: Final = 4096

_MACHINE: Final = os.uname().machine if hasattr(os, "uname") else ""
_CALLS: Final = FILE_CALLS.get(_MACHINE, {})
_FUTEX: Final = {"x86_64": "202", "aarch64": "98"}.get(_MACHINE, "")
_NOT_FILES: Final = ("pipe:", "socket:", "anon_inode:", "/dev/", "/proc/")
"""Where a read may wait for as long as it likes: a pipe, a terminal, a device."""


class Turns(NamedTuple):
    """How a thread has had processors: seconds run, seconds in which it waited for one, times switched in."""

    ran: float
    waited: float
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCall:
    """A call on a file that a thread is in. `path` is raw, "" where it could not be read."""

    operation: str
    path: str


def raw_call(pid: int | str, thread: int) -> str:
    """Return the kernel's line for the system call that a thread is in, "" where it is in none or not told.

    The line holds the number, the arguments and where the thread stands: two equal ones, with no processor time
    spent in between, are one and the same call.
    """
    line = _read(f"/proc/{pid}/task/{thread}/syscall")
    return "" if line.startswith(("running", "-1")) else line.strip()


def file_call(pid: int | str, line: str) -> FileCall | None:
    """Return the call on a file that a line of `raw_call` is, None for every other call."""
    fields = line.split()
    try:
        number, arguments = int(fields[0]), [int(field, 16) for field in fields[1:7]]
        operation, path_at, descriptor_at = _CALLS[number]
        if number == FCNTL[_MACHINE] and arguments[1] not in WAITING_COMMANDS:
            return None
        if path_at is not None and arguments[path_at]:
            return FileCall(operation=operation, path=_text_at(pid, arguments[path_at]))
        descriptor = arguments[descriptor_at or 0]
    except (KeyError, IndexError, ValueError):
        return None
    try:
        path = os.readlink(f"/proc/{pid}/fd/{descriptor}")
    except OSError:
        path = ""
    if path.startswith(_NOT_FILES):
        return None
    return FileCall(operation=operation, path=path)


def _text_at(pid: int | str, address: int) -> str:
    """Return the text at an address of a process: by a read that fails where the memory is gone meanwhile."""
    try:
        with HighFile(f"/proc/{pid}/mem", os.O_RDONLY) as descriptor:
            # Up to the end of the page: the next one may not be there.
            found = os.pread(descriptor, min(_MAX_PATH, 4096 - address % 4096), address)
            if b"\0" not in found:
                found += os.pread(descriptor, _MAX_PATH - len(found), address + len(found))
    except OSError:
        return ""
    return os.fsdecode(found.partition(b"\0")[0])


def waits_for_lock(pid: int | str, thread: int) -> bool:
    """Say whether a thread may be waiting for a lock of its process, as far as the system tells.

    No: it waits for a disk, or is in some other call. The interpreter's own lock is one, too.
    """
    state = _read(f"/proc/{pid}/task/{thread}/stat").rpartition(")")[2].split()
    if state and state[0] == "D":
        return False
    return is_lock(raw_call(pid, thread))


def is_lock(line: str) -> bool:
    """Say whether a line of `raw_call` may be the wait for a lock of the process; "" may be anything."""
    return not line or not _FUTEX or line.split(maxsplit=1)[0] == _FUTEX


def moved(pid: int | str, thread: int | None = None) -> tuple[int, int] | None:
    """Return (calls, bytes) of reads and writes of a process, or of one of its threads."""
    text = _read(f"/proc/{pid}/io" if thread is None else f"/proc/{pid}/task/{thread}/io")
    counted = dict(line.partition(":")[::2] for line in text.splitlines())
    try:
        numbers = {name: int(value) for name, value in counted.items()}
        # What a disk has given and taken moves within a long read too, which the calls' own counts don't.
        size = sum(numbers[name] for name in ("rchar", "wchar", "read_bytes", "write_bytes"))
        return numbers["syscr"] + numbers["syscw"], size
    except (KeyError, ValueError):
        return None


def processor_seconds(pid: int | str, thread: int | None = None) -> float | None:
    """Return the processor time of a process, or of one of its threads, to a hundredth of a second."""
    text = _read(f"/proc/{pid}/stat" if thread is None else f"/proc/{pid}/task/{thread}/stat")
    try:
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (IndexError, ValueError, OSError, AttributeError):
        return None


def started_seconds(pid: int | str, thread: int) -> float | None:
    """Return when a thread began, in seconds since the machine did (sleep counts), to a hundredth of a second."""
    try:
        fields = _read(f"/proc/{pid}/task/{thread}/stat").rpartition(")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (IndexError, ValueError, OSError, AttributeError):
        return None


def has_run(pid: int | str, thread: int) -> str:
    """Return a text that is the same as long as a thread has not run at all, "" where the system doesn't tell."""
    return _read(f"/proc/{pid}/task/{thread}/schedstat").partition(" ")[0]


def wanted_seconds(pid: int | str, thread: int) -> float | None:
    """Return the time in which a thread ran or would have, had a processor been free; None where nobody tells."""
    had = turns(pid, thread)
    return None if had is None else had.ran + had.waited


def turns(pid: int | str, thread: int) -> Turns | None:
    """Return how a thread has had processors so far, None where nobody tells."""
    words = _read(f"/proc/{pid}/task/{thread}/schedstat").split()
    if len(words) < len(Turns._fields) or not all(word.isdigit() for word in words[:3]):
        return None
    return Turns(int(words[0]) / 1e9, int(words[1]) / 1e9, int(words[2]))


def is_held(pid: int | str) -> bool:
    """Say whether a debugger or a signal has stopped the process: it stands still because somebody wants that."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        name, _, value = line.partition(":")
        if name == "State" and value.strip()[:1] in ("T", "t"):
            return True
        if name == "TracerPid":
            return value.strip() not in ("", "0")
    return False


def _read(path: str) -> str:
    # All of it without letting go of the interpreter lock: beside a main thread that lets go of it for moments only
    # (docs/explanation/hangs.md) each call that did would take up to seconds, and whoever watches it takes four looks.
    if not sys.platform.startswith("linux"):
        return ""
    try:
        return read_kernel(path).decode("ascii", "replace")
    except OSError:
        return ""
