"""What a command says last, read where it can't notice.

- A stream that goes to a regular file (a farm's log): the file is read afterwards, from where it ended before.
- A terminal is left alone: programs write otherwise where none is, and its owner reads it anyway.
- A pipe, a socket or the null device can be read only by standing in between. That is done where it was asked for
  (`--last-words`, and `--dcc`, whose purpose it is): a pipe of ours takes the place of the stream, and a thread copies
  what comes to where it would have gone, at once. Both streams to one place stay one, so that their order is kept.

Where copying can't go on because nobody reads any more, the command meets that as it would have: our end is closed,
and its next write fails.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Words", "copy_on"]

_KEPT: Final = 8_192
_CHUNK: Final = 65_536
_STREAMS: Final = {1: "stdout", 2: "stderr"}
_GRACE: Final = 0.5
"""Seconds to copy what is left when the command has ended, before what outlives it is seen to."""


@dataclass(slots=True)
class _Copy:
    """One stream that passes through us."""

    name: str
    source: int
    target: int
    end: bytes = b""
    wake: int = -1
    thread: threading.Thread = field(default_factory=threading.Thread)
    done: threading.Event = field(default_factory=threading.Event)


class Words:
    """The last words of one command, by the name of the stream."""

    def __init__(self, *, stand_between: bool) -> None:
        self.replaced: dict[int, int] = {}
        """By descriptor of the command: the one that takes its place."""
        self._files: dict[str, tuple[int, int]] = {}
        self._copies: list[_Copy] = []
        for descriptor in _STREAMS:
            with contextlib.suppress(OSError):  # closed by our caller
                self._look_at(descriptor, stand_between=stand_between)

    @property
    def ours(self) -> list[int]:
        """Descriptors that the command must not get."""
        return [copy.source for copy in self._copies]

    def begin(self, heard: Callable[[str, bytes], object] = lambda _name, _data: None) -> None:
        """Copy what passes through us; `heard(stream, data)` is called with it, on a thread of ours."""
        for copy in self._copies:
            woken, copy.wake = os.pipe()
            copy.thread = threading.Thread(
                target=_pass, args=(copy, woken, heard), name=f"clientobs-{copy.name}", daemon=True
            )
            copy.thread.start()

    def finish(self) -> None:
        """Wait until what the command has written has passed; call it when the command has ended."""
        for copy in self._copies:
            copy.done.wait(_GRACE)

    def leave(self) -> list[tuple[int, int]]:
        """Stop copying; return what something that outlives the command still writes: from where, to where."""
        for copy in self._copies:
            os.close(copy.wake)
        for copy in self._copies:
            copy.thread.join()
        return [(copy.source, copy.target) for copy in self._copies if not copy.done.is_set()]

    def ends(self) -> dict[str, bytes]:
        """Return the end of what was written, by stream; without those that could not be read."""
        found = {copy.name: copy.end for copy in self._copies if copy.end}
        for name, (descriptor, start) in self._files.items():
            with contextlib.suppress(OSError):
                found[name] = _written_since(descriptor, start)
        return {name: end for name, end in found.items() if end}

    def _look_at(self, descriptor: int, *, stand_between: bool) -> None:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            self._files[_STREAMS[descriptor]] = (descriptor, found.st_size)
            return
        if not stand_between or os.isatty(descriptor):
            return
        if self.replaced and os.path.sameopenfile(1, descriptor):
            self.replaced[descriptor] = self.replaced[1]
            self._copies[0].name = "stderr"  # what is told first of a failure
            return
        source, target = os.pipe()
        self.replaced[descriptor] = target
        self._copies.append(_Copy(_STREAMS[descriptor], source, descriptor))


def _pass(copy: _Copy, woken: int, heard: Callable[[str, bytes], object]) -> None:
    """Copy until nobody writes, nobody reads, or the other end of `woken` is closed."""
    import select  # noqa: PLC0415  # where something is copied

    try:
        while woken not in select.select([copy.source, woken], [], [])[0]:
            data = os.read(copy.source, _CHUNK)
            if not data:
                copy.done.set()
                break
            copy.end = (copy.end + data)[-_KEPT:]
            with quiet("run.words"):
                heard(copy.name, data)
            _write_all(copy.target, data)
    except OSError:
        os.close(copy.source)  # nobody reads: the command's next write fails as without us
        copy.done.set()
    os.close(woken)


def copy_on(streams: Sequence[tuple[int, int]]) -> None:
    """Go on copying in a separate process for as long as anybody writes: their output must not end when we do."""
    if os.fork():
        return
    with contextlib.suppress(BaseException):  # nobody is left to tell
        threads = [threading.Thread(target=_copy, args=stream) for stream in streams]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    os._exit(0)


def _copy(source: int, target: int) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(source, _CHUNK):
            _write_all(target, data)
    os.close(source)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _written_since(descriptor: int, start: int) -> bytes:
    """Return the end of a log that our caller has opened for writing; by a descriptor of our own, for its offset."""
    if sys.platform != "linux":
        return b""  # no way to the file that does not share the offset, or may be another file by now
    own = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        size = os.fstat(own).st_size
        start = 0 if size < start else start  # it was cut off meanwhile
        return os.pread(own, _KEPT, max(start, size - _KEPT))
    finally:
        os.close(own)
