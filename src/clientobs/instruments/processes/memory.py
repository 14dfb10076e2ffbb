"""Memory: a child's peak, the machine's at the moment when a signal ended a child, and whether the kernel did it.

The peak that wait4 tells is that of the process, not of the program: a process that is about to become a program
has, for an instant, the memory of the one that launched it, and its peak is never less than the launcher's (measured:
/bin/true below a process of 311 MiB is told as 311 MiB). So it counts only where it is larger than our own; else what
a look at the running child has found.
"""

from __future__ import annotations

import os
import sys
from io import FileIO
from typing import Any, Final, NamedTuple

__all__ = ["MachineMemory", "kernel_kills", "machine_memory", "own_peak", "peak_of", "processor_time_of"]

_LINUX: Final = sys.platform == "linux"
_SHORT: Final = 0.05
"""Share of the machine's memory: what is less to be had is short."""
_V1: Final = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
_V2: Final = ("/sys/fs/cgroup", "memory.max", "memory.current")
_MOST_LEVELS: Final = 16


class MachineMemory(NamedTuple):
    """Bytes that the machine, or the container, has, and that are to be had."""

    total: int
    available: int

    @property
    def short(self) -> bool:
        """Whether there was little left."""
        return self.available < self.total * _SHORT


def peak_of(pid: int) -> int:
    """Return the peak of a running process's memory in bytes, 0 where that is not known."""
    if not _LINUX:
        return _asked_of_psutil(pid)
    return _kibibytes(_read(f"/proc/{pid}/status"), b"VmHWM:")


def processor_time_of(pid: int) -> float:
    """Return the seconds of processor time of a process, also of one that has ended and waits to be reaped."""
    if not _LINUX:
        return 0.0
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if len(fields) < 13:  # noqa: PLR2004  # utime and stime are the 14th and 15th, the first two are cut off
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own_peak() -> int:
    """Return the peak of this process's memory in bytes, as wait4 counts it."""
    resource: Any = sys.modules.get("resource")
    if resource is None:
        return 0
    return peak_in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def peak_in_bytes(maximum: int) -> int:
    """Return ru_maxrss in bytes: Linux counts KiB, macOS bytes."""
    return maximum if sys.platform == "darwin" else maximum * 1024


def machine_memory() -> MachineMemory | None:
    """Return the machine's memory, or the container's where that has a bound of its own."""
    if not _LINUX:
        import psutil  # noqa: PLC0415  # a child was killed: rare, and worth it

        found = psutil.virtual_memory()
        return MachineMemory(found.total, found.available)
    table = _read("/proc/meminfo")
    total, available = _kibibytes(table, b"MemTotal:"), _kibibytes(table, b"MemAvailable:")
    if not total:
        return None
    bounds = [(_number(_read(limit)), used) for limit, used in _groups()]
    bound, used = min(((bound, used) for bound, used in bounds if bound), default=(total, ""))
    if bound >= total:
        return MachineMemory(total, available)
    return MachineMemory(bound, max(0, min(available, bound - _number(_read(used)))))


def _groups() -> list[tuple[str, str]]:
    """Return the files that bound this process's memory, and that say what is used: its cgroups up to the root.

    A farm gives each job a group of its own, below the one that a container has.
    """
    found: list[tuple[str, str]] = []
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(b":", 2)
        names = _V1 if b"memory" in controllers.split(b",") else None if controllers else _V2
        folder = os.fsdecode(path).rstrip("/")
        for _ in range(_MOST_LEVELS if names else 0):
            root, limit, used = names or _V2
            found.append((f"{root}{folder}/{limit}", f"{root}{folder}/{used}"))
            if not folder:
                break
            folder = folder.rpartition("/")[0]
    return found


def kernel_kills() -> int:
    """Return how many processes the kernel has killed for memory since the machine started; 0 where it is not told."""
    if not _LINUX:
        return 0
    _, found, rest = _read("/proc/vmstat").partition(b"\noom_kill ")
    return _number(rest.partition(b"\n")[0]) if found else 0


def _asked_of_psutil(pid: int) -> int:
    psutil: Any = sys.modules.get("psutil")  # the SDK has loaded it
    if psutil is None:
        return 0
    try:
        found = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(getattr(found, "peak_wset", found.rss))


def _read(path: str) -> bytes:
    # Not open(): that is watched.
    try:
        with FileIO(path) as file:
            return file.readall() or b""
    except OSError:  # gone, or not on this system
        return b""


def _number(text: bytes) -> int:
    text = text.strip()
    return int(text) if text.isdigit() else 0


def _kibibytes(table: bytes, name: bytes) -> int:
    _, found, rest = table.partition(name)
    words = rest.split(None, 1)
    return _number(words[0]) * 1024 if found and words else 0
