"""The exit status of a process that is not our child: Linux 6.15 and newer keep it for who holds a pidfd of it.

Until then only a parent knows by which signal a process ended, or that `_exit()` was called in C. Where the system
tells, nothing has to be concluded from what is missing: an abort() that faulthandler didn't see is a crash, a SIGTERM
is no SIGKILL, a quiet `_exit(0)` is an exit.

    struct pidfd_info {                 include/uapi/linux/pidfd.h
        __u64 mask, cgroupid;           in: what is asked for; out: what was told
        __u32 pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
        __s32 exit_code;                as wait() has it, once the process has been reaped
    };                                  64 bytes: PIDFD_INFO_SIZE_VER0
"""

from __future__ import annotations

import os
import struct
import sys
import time
from typing import Final

__all__ = ["ExitHandle"]

_SIZE: Final = 64
_GET_INFO: Final = 3 << 30 | _SIZE << 16 | 0xFF << 8 | 11
"""PIDFD_GET_INFO, _IOWR(0xFF, 11, struct pidfd_info)."""
_EXIT: Final = 1 << 3
"""PIDFD_INFO_EXIT."""
_MASK: Final = struct.Struct("=Q")
_CODE: Final = struct.Struct("=i")
_REAPED_WITHIN: Final = 1.0
"""Seconds that a parent gets to ask how it ended: a zombie tells nobody else."""
_POLL: Final = 0.02


class ExitHandle:
    """A process, held so that how it ends can be asked when it has; None is told where the system doesn't tell."""

    def __init__(self, pid: int) -> None:
        self._descriptor = _open(pid)

    def status(self) -> int | None:
        """Return the exit status, negative for a signal as in subprocess; waits until its parent has asked."""
        deadline = time.monotonic() + _REAPED_WITHIN
        while self._descriptor is not None:
            told, code = _info(self._descriptor)
            if told & _EXIT:
                return os.waitstatus_to_exitcode(code)
            if not told or time.monotonic() >= deadline:
                break
            time.sleep(_POLL)
        return None

    def close(self) -> None:
        """Let go of it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _open(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, AttributeError):  # gone; a kernel before 5.3, or a Python that was built for one
        return None
    if _info(descriptor)[0]:
        return descriptor
    os.close(descriptor)
    return None


def _info(descriptor: int) -> tuple[int, int]:
    """Return which answers there are, 0 where the kernel knows no such question, and the code of the exit."""
    import fcntl  # noqa: PLC0415  # POSIX's

    buffer = bytearray(_SIZE)
    _MASK.pack_into(buffer, 0, _EXIT)
    try:
        fcntl.ioctl(descriptor, _GET_INFO, buffer)
    except OSError:
        return 0, 0
    return _MASK.unpack_from(buffer)[0], _CODE.unpack_from(buffer, _SIZE - _CODE.size)[0]
