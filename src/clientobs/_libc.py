"""System calls that keep the GIL, and descriptors that live high.

`os.write` lets go of the GIL and then waits up to a switch interval (5 ms) to get it back from a busy
thread; the same call through `ctypes.PyDLL` keeps it and takes 1.4 us. What that costs when the disk itself
stalls, and why it was chosen all the same: docs/explanation/journal.md.

The functions are used bare: no argtypes and no use_errno, each of which costs more than the call. So a
failure is told by -1 alone; whoever needs errno repeats the call through `os`.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if os.name == "posix":  # here, not where they are used: threads of ours must not import beside the host
    import fcntl
    import resource
from functools import partial

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HIGH_DESCRIPTOR", "Libc", "Watch", "libc", "lowest_of_ours", "make_room_high", "move_high"]

HIGH_DESCRIPTOR: Final = 900
"""Ours live at or above this number: hosts close the low ones that they think theirs (os.closerange)."""

_STAT_BUFFER: Final = 512
"""Bytes; struct stat has 144 on Linux and macOS, struct statx 256."""

_AT_EMPTY_PATH: Final = 0x1000
_STATX_NLINK_INO: Final = 0x104

_libc: Libc | None = None
_looked = False


class Watch(NamedTuple):
    """A cheap look at whether a descriptor still means the file that it was opened for.

    `look()` returns 0 and fills `buffer`; the file is the same, and not deleted, while `buffer[inode_at]` and
    `buffer[device_at]` have the bytes `inode` and `device`.
    """

    look: Callable[[], int]
    buffer: Any
    inode_at: slice
    inode: bytes
    device_at: slice
    device: bytes

    def is_ours(self) -> bool:
        """Look once. No other Python runs between the look and what its caller does next, but at an unlucky switch."""
        return (
            self.look() == 0
            and self.buffer[self.inode_at] == self.inode
            and self.buffer[self.device_at] == self.device
        )


class Libc(NamedTuple):
    """`write(fd, data, count) -> written or -1` under the GIL, and what looks at descriptors."""

    write: Callable[[int, bytes, int], int]
    library: Any

    def watch(self, fd: int, found: os.stat_result) -> Watch | None:
        """Return a watch over `fd`, which is the file `found`; None where no struct is understood."""
        from ctypes import create_string_buffer  # noqa: PLC0415  # loaded with the library

        for layout in (_statx_layout, _fstat_layout):
            buffer = create_string_buffer(_STAT_BUFFER)
            looking = layout(self.library, fd, buffer)
            if looking is None or looking.look() != 0:
                continue
            raw = buffer.raw
            watch = looking._replace(inode=raw[looking.inode_at], device=raw[looking.device_at])
            if _is_understood(watch, found):
                return watch
        return None


def libc() -> Libc | None:
    """Return the bindings, loaded once, or None where there are none (Windows, an unknown C library)."""
    global _libc, _looked  # noqa: PLW0603  # one C library a process; ctypes is imported when first needed
    if not _looked:
        _libc = _load()
        _looked = True
    return _libc


def _load() -> Libc | None:
    if os.name != "posix":
        return None
    try:
        import ctypes  # noqa: PLC0415  # 3 ms, and not before a journal is opened

        # An instance of our own: others may set argtypes on ctypes.pythonapi's functions.
        library = ctypes.PyDLL(None)
        return Libc(library.write, library)
    except (ImportError, OSError, AttributeError):
        return None


def _statx_layout(library: Any, fd: int, buffer: Any) -> Watch | None:
    """Look by statx without the times: since Linux 6.13 a write after somebody saw them costs 1 us more.

    struct statx: links at 16, owner, group, mode, inode at 32; device at 136.
    """
    if sys.platform != "linux" or not hasattr(library, "statx"):
        return None
    look = partial(library.statx, fd, b"", _AT_EMPTY_PATH, _STATX_NLINK_INO, buffer)
    return Watch(look, buffer, slice(16, 40), b"", slice(136, 144), b"")


def _fstat_layout(library: Any, fd: int, buffer: Any) -> Watch | None:
    """Look by fstat: device and inode first in struct stat on 64-bit Linux, then links (or mode and links).

    macOS: device, mode, links, inode in 16 bytes.
    """
    inode_at = slice(4, 16) if sys.platform == "darwin" else slice(8, 24)
    device_at = slice(0, 4) if sys.platform == "darwin" else slice(0, 8)
    try:
        look = partial(_fstat_of(library), fd, buffer)
    except AttributeError:
        return None
    return Watch(look, buffer, inode_at, b"", device_at, b"")


def _fstat_of(library: Any) -> Callable[[int, Any], int]:
    if sys.platform == "darwin" and hasattr(library, "fstat$INODE64"):
        return library["fstat$INODE64"]  # type: ignore[no-any-return]  # a ctypes function pointer
    if hasattr(library, "fstat"):
        return library.fstat  # type: ignore[no-any-return]  # a ctypes function pointer
    # glibc before 2.33 (CentOS 7, Rocky 8) has fstat inline only, over this versioned function.
    return partial(library["__fxstat"], 1 if os.uname().machine == "x86_64" else 0)


def _is_understood(watch: Watch, found: os.stat_result) -> bool:
    """Check that the bytes taken for inode, links and device are those that os.fstat tells."""
    inode, links, device = found.st_ino, found.st_nlink, found.st_dev
    if sys.platform == "darwin":
        expected = [(struct.pack("=HHQ", found.st_mode, links, inode), struct.pack("=I", device))]
    else:
        head = struct.pack("=IIIHxxQ", links, found.st_uid, found.st_gid, found.st_mode, inode)
        numbers = struct.pack("=II", os.major(device), os.minor(device))
        expected = [
            (head, numbers),
            (struct.pack("=QQ", inode, links), struct.pack("=Q", device)),  # x86-64
            (
                struct.pack("=QII", inode, found.st_mode, links),
                struct.pack("=Q", device),
            ),  # other 64-bit Linux
        ]
    return (watch.inode, watch.device) in expected


def make_room_high() -> None:
    """Let the kernel enlarge this process's table of descriptors, which `move_high` would have it do.

    It takes 0.01 ms as long as the process has one thread. With a second one Linux waits until each processor has
    passed a quiet state: 8 to 19 ms on the caller's thread (measured, Linux 6.18).
    """
    if os.name == "posix":
        os.close(move_high(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)))


def move_high(fd: int) -> int:
    """Return a close-on-exec duplicate of `fd` at 900 or above and close `fd`.

    Where the soft limit of descriptors is lower, the duplicate is as high as that allows; where none can be
    made, `fd` itself is returned.
    """
    if os.name != "posix":
        return fd
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest_of_ours())
    except OSError:
        return fd
    os.close(fd)
    return high


def lowest_of_ours() -> int:
    """Return the number from which on ours live: 900, or less where the soft limit of descriptors is lower."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return HIGH_DESCRIPTOR if soft == resource.RLIM_INFINITY else max(3, min(HIGH_DESCRIPTOR, soft - 32))
