"""How much memory there is: of the machine, or of the container where that has a bound of its own."""

from __future__ import annotations

import sys
from io import FileIO
from typing import Any, Final, NamedTuple

__all__ = ["MachineMemory", "kibibytes", "machine_memory", "number_in", "read_file"]

_LINUX: Final = sys.platform == "linux"
_SHORT: Final = 0.05
"""Share of the machine's memory: what is less to be had is short."""
_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_USED: Final = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


class MachineMemory(NamedTuple):
    """Bytes that the machine, or the container, has, and that are to be had."""

    total: int
    available: int

    @property
    def short(self) -> bool:
        """Whether there was little left."""
        return self.available < self.total * _SHORT


def machine_memory() -> MachineMemory | None:
    """Return the memory there is; elsewhere than on Linux by psutil, where the SDK has loaded it."""
    if not _LINUX:
        return _by_psutil()
    table = read_file("/proc/meminfo")
    total, available = kibibytes(table, b"MemTotal:"), kibibytes(table, b"MemAvailable:")
    if not total:
        return None
    for limit, used in zip(_LIMITS, _USED, strict=True):
        bound = number_in(read_file(limit))
        if 0 < bound < total:
            return MachineMemory(bound, max(0, min(available, bound - number_in(read_file(used)))))
    return MachineMemory(total, available)


def read_file(path: str) -> bytes:
    """Return a file of the kernel's, b"" where it is not to be read; not by open(), which is watched."""
    try:
        with FileIO(path) as file:
            return file.readall() or b""
    except OSError:  # gone, or not on this system
        return b""


def number_in(text: bytes) -> int:
    """Return the number that a file holds, 0 for none ("max")."""
    text = text.strip()
    return int(text) if text.isdigit() else 0


def kibibytes(table: bytes, name: bytes) -> int:
    r"""Return in bytes what a table of the kernel's has under a name, 0 for nothing.

    >>> kibibytes(b"VmPeak:   12 kB\nVmRSS:\t   4 kB\n", b"VmRSS:")
    4096
    """
    _, found, rest = table.partition(name)
    words = rest.split(None, 1)
    return number_in(words[0]) * 1024 if found and words else 0


def _by_psutil() -> MachineMemory | None:
    psutil: Any = sys.modules.get("psutil")  # an import takes too long for the moments at which this is asked
    if psutil is None:
        return None
    try:
        found = psutil.virtual_memory()
    except (psutil.Error, OSError):
        return None
    return MachineMemory(int(found.total), int(found.available))
