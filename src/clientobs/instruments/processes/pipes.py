"""What goes through a child's pipes: how much, and the last of what it said.

Only what the program itself reads and writes is seen; nothing is ever read for it. The functions below stand in the
`__dict__` of the `FileIO` below the buffer, where the buffer's call finds them before those of the class, and hold it
until it is closed: see `instruments/files/handles.py`, which does the same for files. A pipe without a buffer is left
alone.
"""

from __future__ import annotations

from io import FileIO
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults

if TYPE_CHECKING:
    from clientobs.instruments.processes.child import Child

__all__ = ["watch_pipes"]

_KEPT: Final = 8_192
_close: Final = FileIO.close
_readinto: Final = FileIO.readinto
_readall: Final = FileIO.readall
_read: Final = FileIO.read
_write: Final = FileIO.write
_HOOKS: Final = ("close", "write", "readinto", "readall", "read")


class _Pipe:
    """Hears of the reads or writes of one pipe."""

    __slots__ = ("child", "raw", "stream")

    def __init__(self, child: Child, stream: str, raw: FileIO) -> None:
        self.child = child
        self.stream = stream
        self.raw = raw

    def readinto(self, buffer: Any, /) -> Any:
        """Read as FileIO does."""
        done = _readinto(self.raw, buffer)
        if done is not None:
            self._read(memoryview(buffer).cast("B")[max(0, done - _KEPT) : done], done)
        return done

    def readall(self) -> Any:
        """Read as FileIO does."""
        done = _readall(self.raw)
        if done is not None:
            self._read(done[-_KEPT:], len(done))
            self._read(b"", 0)
        return done

    def read(self, size: int | None = -1, /) -> Any:
        """Read as FileIO does."""
        done = _read(self.raw, size)
        if done is not None:
            self._read(done[-_KEPT:], len(done))
        return done

    def write(self, data: Any, /) -> Any:
        """Write as FileIO does."""
        done = _write(self.raw, data)
        if done:
            try:
                self.child.wrote(self.stream, b"", done)
            except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
                faults.record("processes.pipe", error)
        return done

    def close(self) -> None:
        """Close as FileIO does; nothing more will be read or written."""
        raw = self.raw
        for name in _HOOKS:
            raw.__dict__.pop(name, None)
        if not raw.closed and self.stream != "stdin":
            self._read(b"", 0)
        _close(raw)

    def _read(self, end: Any, size: int) -> None:
        try:
            if size:
                self.child.wrote(self.stream, end, size)
            else:
                self.child.read_up(self.stream)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.pipe", error)


def watch_pipes(child: Child, popen: Any) -> None:
    """Hear of what goes through the pipes that a Popen object has opened."""
    for stream in ("stdin", "stdout", "stderr"):
        handle = getattr(popen, stream, None)
        if handle is None:
            continue
        raw = getattr(getattr(handle, "buffer", handle), "raw", None)
        if type(raw) is not FileIO:
            continue
        pipe = _Pipe(child, stream, raw)
        hooks = raw.__dict__
        hooks["close"] = pipe.close
        if stream == "stdin":
            hooks["write"] = pipe.write
        else:
            hooks["readinto"], hooks["readall"], hooks["read"] = pipe.readinto, pipe.readall, pipe.read
            child.reading = child.reading | {stream}
