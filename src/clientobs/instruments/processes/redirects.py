"""Where a child's output goes other than to the program: a file of the caller's, a pipe to another child.

*Errors in a file.* `Popen(..., stderr=log)` leaves nothing of a failing child's words with the program. So the file is
remembered at the launch by what it is (device and inode) and how long it is, and where the child has failed, what came
since is read, its last 8 KiB, by a descriptor of our own: the caller's offset stays. Other children that write to the
same file at the same time have their words in there as well. A file on network storage is neither asked for its length
nor read: a hung NAS would hold the program.

*Nobody reads any more.* In `yes | head -1`, of two Popens, `yes` is ended by SIGPIPE when `head` has had enough. That
is how pipelines end, and no failure: told as `unread`. So is the first one where the second has failed, which is told
itself. It has to be the pipe of its standard output: one that this program closed before its end, or made itself, or
this program's own whose reader has left. A child that is ended by SIGPIPE while somebody reads its output to the end,
or with its output in a file, has lost something else (the connection to a licence server, a child of its own), and has
failed.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs._high import HighFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.processes.child import Child

__all__ = ["ErrorFile", "note_redirects", "output_is_unread"]

_KEPT: Final = 8_192
_PIPE, _TO_STDOUT = -1, -2
"""subprocess.PIPE and STDOUT."""
_STDOUT: Final = 1
# The module below `os`, which nobody patches: our own look is no file operation of the host's.
_os: Final[Any] = sys.modules.get("posix") or sys.modules["nt"]
_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


class ErrorFile:
    """The file that a child writes its errors to, as it was at the launch."""

    __slots__ = ("_found", "_path")

    def __init__(self, path: str, found: os.stat_result) -> None:
        self._path = path
        self._found = found

    def end(self) -> bytes:
        """Return the last of what was written since; b"" where it is another file by now, or none."""
        try:
            with HighFile(self._path, _FLAGS) as own:
                now, before = _os.fstat(own), self._found
                if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
                    return b""
                start = before.st_size if now.st_size >= before.st_size else 0  # it was cut off meanwhile
                _os.lseek(own, max(start, now.st_size - _KEPT), os.SEEK_SET)
                read: bytes = _os.read(own, min(_KEPT, now.st_size - start))
                return read
        except (OSError, ValueError):  # it is gone, or may not be read
            return b""


def note_redirects(child: Child, stdout: Any, stderr: Any, is_network: Callable[[str], bool]) -> None:
    """Take the arguments `stdout` and `stderr` of a launch."""
    name = getattr(stdout, "name", None)
    child.redirected = (name,) if isinstance(name, str) else ()
    try:
        if stdout is not None:
            is_own = isinstance(stdout, int) and stdout == _PIPE
            child.output = "pipe" if is_own else _kind_of(_descriptor(stdout))
        child.errors_in = _error_file(
            stdout if stderr is not None and stderr == _TO_STDOUT else stderr, is_network
        )
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host: whatever was given
        faults.record("processes.redirects", error)


def output_is_unread(child: Child) -> bool:
    """Say whether a child's standard output went into a pipe that nobody reads any more."""
    if child.output == "pipe":
        popen = child.watched() if child.watched is not None else None
        handle = getattr(popen, "stdout", None)
        return "stdout" not in child.whole and (handle is None or bool(handle.closed))
    if child.output == "inherited":
        return _has_lost_its_reader(_STDOUT)
    return child.output == "foreign pipe"  # whose reading end is anybody's


def _descriptor(given: Any) -> int:
    if isinstance(given, int):
        return given
    try:
        number = given.fileno()
    except (OSError, ValueError, TypeError, AttributeError):  # closed, or no file: the launch itself says so
        return -1
    return number if isinstance(number, int) else -1


def _kind_of(descriptor: int) -> str:
    try:
        is_pipe = descriptor >= 0 and stat.S_ISFIFO(_os.fstat(descriptor).st_mode)
    except OSError:
        is_pipe = False
    return "foreign pipe" if is_pipe else "elsewhere"


def _has_lost_its_reader(descriptor: int) -> bool:
    """Say whether a descriptor is the writing end of a pipe without a reader: a farm's agent reads, `head` has left."""
    if _kind_of(descriptor) == "elsewhere":
        return False
    import select  # noqa: PLC0415  # what launched the child has it

    poll = getattr(select, "poll", None)
    if poll is None:
        return False
    asked = poll()
    asked.register(descriptor, select.POLLOUT)
    return any(event & select.POLLERR for _, event in asked.poll(0))


def _error_file(given: Any, is_network: Callable[[str], bool]) -> ErrorFile | None:
    descriptor = -1 if given is None else _descriptor(given)
    if descriptor < 0:
        return None
    try:
        path, place = _path_of(given, descriptor)
        if not os.path.isabs(place) or is_network(place):
            return None
        found = _os.fstat(descriptor)
    except OSError:
        return None
    return ErrorFile(path, found) if stat.S_ISREG(found.st_mode) else None


def _path_of(given: Any, descriptor: int) -> tuple[str, str]:
    """Return the path that a file is to be opened by, and where it lies; not absolute where it has no place."""
    path = getattr(given, "name", None)
    if isinstance(path, (str, bytes)):
        path = os.path.abspath(os.fsdecode(path))
        return path, path
    if sys.platform != "linux":
        return "", ""
    path = (
        f"/proc/self/fd/{descriptor}"  # a number, or a file without a name: found as long as it is open here
    )
    return path, _os.readlink(path)
