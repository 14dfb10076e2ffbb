"""Two system calls that keep the GIL, and descriptors that live high.

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

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HIGH_DESCRIPTOR", "STAT_BUFFER", "Libc", "identity_length", "libc", "move_high"]

HIGH_DESCRIPTOR: Final = 900
"""Ours live at or above this number: hosts close the low ones that they think theirs (os.closerange)."""

STAT_BUFFER: Final = 256
"""Bytes; struct stat has 144 on Linux and macOS."""

_libc: Libc | None = None
_looked = False


class Libc(NamedTuple):
    """`write(fd, data, count) -> written or -1` and `fstat(fd, buffer) -> 0 or -1`, both under the GIL."""

    write: Callable[[int, bytes, int], int]
    fstat: Callable[[int, Any], int]


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
        return Libc(library.write, _fstat_of(library))
    except (ImportError, OSError, AttributeError):
        return None


def _fstat_of(library: Any) -> Callable[[int, Any], int]:
    if sys.platform == "darwin" and hasattr(library, "fstat$INODE64"):
        return library["fstat$INODE64"]  # type: ignore[no-any-return]  # a ctypes function pointer
    if hasattr(library, "fstat"):
        return library.fstat  # type: ignore[no-any-return]  # a ctypes function pointer
    # glibc before 2.33 (CentOS 7, Rocky 8) has fstat inline only, over this versioned function.
    versioned = library["__fxstat"]
    version = 1 if os.uname().machine == "x86_64" else 0
    return lambda fd, buffer: versioned(version, fd, buffer)


def identity_length(raw: bytes, known: os.stat_result) -> int:
    """Return how many leading bytes of a raw struct stat tell a file and its link count; 0 for none.

    They are device and inode, and where the layout is known also the number of links (and the mode): that
    a file was deleted then shows in the same comparison as that the descriptor is another's.
    """
    device, inode, links, mode = known.st_dev, known.st_ino, known.st_nlink, known.st_mode
    if sys.platform == "darwin":
        return 16 if raw[:16] == struct.pack("=iHHQ", device, mode, links, inode) else 0
    if raw[:16] != struct.pack("=QQ", device, inode):
        return 0
    with_links = (struct.pack("=Q", links), struct.pack("=II", mode, links))  # x86-64, other 64-bit Linux
    return 24 if raw[16:24] in with_links else 16


def move_high(fd: int) -> int:
    """Return a close-on-exec duplicate of `fd` at 900 or above and close `fd`.

    Where the soft limit of descriptors is lower, the duplicate is as high as that allows; where none can be
    made, `fd` itself is returned.
    """
    if os.name != "posix":
        return fd
    import fcntl  # noqa: PLC0415  # POSIX only
    import resource  # noqa: PLC0415

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    floor = HIGH_DESCRIPTOR if soft == resource.RLIM_INFINITY else min(HIGH_DESCRIPTOR, soft - 32)
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, max(floor, 3))
    except OSError:
        return fd
    os.close(fd)
    return high
