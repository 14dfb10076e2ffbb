"""Memory: a child's peak, the machine's at the moment when a signal ended a child, and whether the kernel did it.

The peak that wait4 tells is that of the process, not of the program: a process that is about to become a program
has, for an instant, the memory of the one that launched it, and its peak is never less than the launcher's (measured:
/bin/true below a process of 311 MiB is told as 311 MiB). So it counts only where it is larger than our own; else what
a look at the running child has found.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

from clientobs.record.memory import MachineMemory, kibibytes, machine_memory, number_in, of_kernel

__all__ = ["MachineMemory", "kernel_kills", "machine_memory", "own_peak", "peak_of", "processor_time_of"]

_LINUX: Final = sys.platform == "linux"


def peak_of(pid: int) -> int:
    """Return the peak of a running process's memory in bytes, 0 where that is not known."""
    if not _LINUX:
        return _asked_of_psutil(pid)
    return kibibytes(of_kernel(f"/proc/{pid}/status"), b"VmHWM:")


def processor_time_of(pid: int) -> float:
    """Return the seconds of processor time of a process, also of one that has ended and waits to be reaped."""
    if not _LINUX:
        return 0.0
    fields = of_kernel(f"/proc/{pid}/stat").rpartition(b")")[2].split()
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


def kernel_kills() -> int:
    """Return how many processes the kernel has killed for memory since the machine started; 0 where it is not told."""
    if not _LINUX:
        return 0
    _, found, rest = of_kernel("/proc/vmstat").partition(b"\noom_kill ")
    return number_in(rest.partition(b"\n")[0]) if found else 0


def _asked_of_psutil(pid: int) -> int:
    psutil: Any = sys.modules.get("psutil")  # the SDK has loaded it
    if psutil is None:
        return 0
    try:
        found = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(getattr(found, "peak_wset", found.rss))
