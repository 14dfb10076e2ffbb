"""The mount table of macOS: getfsstat(2) with MNT_NOWAIT, which answers from what the kernel has at hand."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any, Final

from clientobs.paths.storage import Mount, storage

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["parse", "read"]

_STATFS: Final = struct.Struct("=Ii5Q8sIIII16s1024s1024s32x")
"""struct statfs with 64-bit inodes: block sizes, counts, fsid, owner, type, flags, subtype, names."""
_FLAGS: Final = 10
_NAMES: Final = 12
_MNT_LOCAL: Final = 0x1000
_MNT_NOWAIT: Final = 2
_MAX_MOUNTS: Final = 4096


def read() -> tuple[Mount, ...]:
    """Return all mounts; () where the system call can't be made."""
    import ctypes  # noqa: PLC0415  # 4 ms, on macOS alone

    libc: Any = ctypes.CDLL(None)
    # arm64 has one getfsstat; on x86_64 the plain name is the one with 32-bit inodes
    call = getattr(libc, "getfsstat$INODE64", None) or getattr(libc, "getfsstat", None)
    if call is None:
        return ()
    count = min(call(None, 0, _MNT_NOWAIT), _MAX_MOUNTS)
    if count <= 0:
        return ()
    # mounts may have come since they were counted
    buffer = ctypes.create_string_buffer((count + 8) * _STATFS.size)
    filled = call(buffer, len(buffer), _MNT_NOWAIT)
    return parse(buffer.raw[: max(filled, 0) * _STATFS.size])


def parse(raw: bytes) -> tuple[Mount, ...]:
    """Return the mounts of an array of struct statfs."""
    return tuple(_mounts(raw))


def _mounts(raw: bytes) -> Iterator[Mount]:
    for fields in _STATFS.iter_unpack(raw[: len(raw) - len(raw) % _STATFS.size]):
        fstype, point, device = (os.fsdecode(name.split(b"\0", 1)[0]) for name in fields[_NAMES:])
        mount = storage(point, device, fstype)
        # the kernel's own word, for filesystems whose names nobody here knows
        yield mount if fields[_FLAGS] & _MNT_LOCAL else mount._replace(network=True)
