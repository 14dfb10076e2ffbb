"""What tells a process from a later one with the same pid: its start time and the machine's boot.

Read without psutil, because the host needs it for the segment header and psutil costs 10 ms there.
"""

from __future__ import annotations

import struct
import sys
from functools import cache
from typing import Final

from clientobs._own_file import read_kernel

__all__ = ["boot_id", "process_start"]

_BSDINFO: Final = 3  # PROC_PIDTBSDINFO of <sys/proc_info.h>; its start time lies at bytes 120 and 128
_BSDINFO_BYTES: Final = 136
_QUERY_LIMITED_INFORMATION: Final = 0x1000


@cache
def boot_id() -> str:
    """Return an id of this boot of the machine, or "" where the system has none."""
    try:
        if sys.platform == "linux":
            return read_kernel("/proc/sys/kernel/random/boot_id").strip().decode("ascii")
        if sys.platform == "darwin":
            return _darwin_boot()
    except (OSError, ValueError, AttributeError):
        return ""
    return ""  # Windows: the start time below is absolute and does without


def process_start(pid: int) -> str:
    """Return the start time of a running process as text to compare, or "" (no such process, a zombie)."""
    try:
        if sys.platform == "linux":
            return _linux_start(pid)
        if sys.platform == "darwin":
            return _darwin_start(pid)
        if sys.platform == "win32":
            return _windows_start(pid)
    except (OSError, ValueError, IndexError, AttributeError, struct.error):
        return ""
    return ""


def _linux_start(pid: int) -> str:
    # The command name may hold spaces and parentheses: what follows the last one is well-formed.
    fields = read_kernel(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if fields[0] in {b"Z", b"X"}:
        return ""
    return fields[19].decode("ascii")  # field 22 of proc(5): start time in clock ticks after boot


def _darwin_start(pid: int) -> str:
    import ctypes  # noqa: PLC0415

    buffer = ctypes.create_string_buffer(_BSDINFO_BYTES)
    library = ctypes.CDLL(None)
    if library.proc_pidinfo(pid, _BSDINFO, ctypes.c_uint64(0), buffer, _BSDINFO_BYTES) != _BSDINFO_BYTES:
        return ""
    seconds, micros = struct.unpack_from("=QQ", buffer.raw, 120)
    return f"{seconds}.{micros:06d}"


def _darwin_boot() -> str:
    import ctypes  # noqa: PLC0415

    buffer = ctypes.create_string_buffer(64)
    size = ctypes.c_size_t(len(buffer))
    failed = ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", buffer, ctypes.byref(size), None, 0)
    return "" if failed else buffer.value.decode("ascii")


def _windows_start(pid: int) -> str:
    import ctypes  # noqa: PLC0415

    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]  # exists on Windows only
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, 0, pid)
    if not handle:
        return ""
    times = [ctypes.c_uint64() for _ in range(4)]  # creation, exit, kernel, user
    try:
        done = kernel.GetProcessTimes(ctypes.c_void_p(handle), *(ctypes.byref(time) for time in times))
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))
    running = done and not times[1].value
    return str(times[0].value) if running else ""
