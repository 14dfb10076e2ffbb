"""How much memory there is: of the machine, or of the container where that has a bound of its own."""

from __future__ import annotations

import os
import sys
from typing import Any, Final, NamedTuple

from clientobs._own_file import read_file, read_kernel

__all__ = ["MachineMemory", "kibibytes", "machine_memory", "number_in", "of_kernel"]

_LINUX: Final = sys.platform == "linux"
_SHORT: Final = 0.05
"""Share of the machine's memory: what is less to be had is short."""
_V1: Final = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
_V2: Final = ("/sys/fs/cgroup", "memory.max", "memory.current")
_MOST_LEVELS: Final = 16
_MOST_OF_TABLE: Final = 16_384


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
    table = _table()
    total, available = kibibytes(table, b"MemTotal:"), kibibytes(table, b"MemAvailable:")
    if not total:
        return None
    bounds = [(number_in(of_kernel(limit)), used) for limit, used in _groups()]
    bound, used = min(((bound, used) for bound, used in bounds if bound), default=(total, ""))
    if bound >= total:
        return MachineMemory(total, available)
    return MachineMemory(bound, max(0, min(available, bound - number_in(of_kernel(used)))))


def _groups() -> list[tuple[str, str]]:
    """Return the files that bound this process's memory, and that say what is used: its cgroups up to the root.

    A farm gives each job a group of its own, below the one that a container has.
    """
    found: list[tuple[str, str]] = []
    for line in of_kernel("/proc/self/cgroup").splitlines():
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


def of_kernel(path: str) -> bytes:
    """Return a file of the kernel's, b"" where it is not to be read."""
    try:
        return read_kernel(path)
    except OSError:  # gone, or not on this system
        return b""


def _table() -> bytes:
    try:
        return read_file("/proc/meminfo", _MOST_OF_TABLE, slow=True)  # in an LXC container lxcfs answers it
    except OSError:
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
