"""How often the kernel has killed for want of memory: counters for all to read, where its log may not be read.

    /proc/vmstat                  oom_kill    the whole machine (the instrument of child processes reads it too)
    <cgroup>/memory.events        oom_kill    cgroup v2
    <cgroup>/memory.oom_control   oom_kill    cgroup v1

They count, and name nobody. So they are read while a process lives and once more when it is dead, and count only for a
process that ended without a word in between.
"""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple

__all__ = ["NO_KILLS", "Kills", "cgroup_file", "cgroup_of", "read_kills"]

_VMSTAT: Final = "/proc/vmstat"
_CGROUPS: Final = "/sys/fs/cgroup"
_COUNT: Final = re.compile(rb"^oom_kill (\d{1,19})$", re.MULTILINE)
_MAX_BYTES: Final = 64 << 10


class Kills(NamedTuple):
    """Kills since the machine started, and in the process's own cgroup; -1 where that isn't told."""

    machine: int
    group: int


NO_KILLS: Final = Kills(0, 0)


def read_kills(group_file: str, vmstat: str = _VMSTAT) -> Kills:
    """Return both counts now; `group_file` is what `cgroup_file` has found, or ""."""
    return Kills(_count(vmstat), _count(group_file) if group_file else -1)


def cgroup_file(pid: int, root: str = _CGROUPS) -> str:
    """Return the file that counts the kills in the memory cgroup of a process, "" where there is none."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(_MAX_BYTES)
    except OSError:
        return ""
    for name, folder in cgroup_of(text):
        path = os.path.join(root, name, folder.lstrip("/"), "memory.oom_control" if name else "memory.events")
        if os.path.exists(path):
            return path
    return ""


def cgroup_of(text: str) -> list[tuple[str, str]]:
    r"""Return (controller's folder, path) of the memory cgroups in the text of /proc/<pid>/cgroup, v1 first.

    >>> cgroup_of("4:memory:/render\n1:cpu,cpuacct:/\n0::/user.slice/app.scope\n")
    [('memory', '/render'), ('', '/user.slice/app.scope')]
    """
    found = []
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, folder = rest.partition(":")
        if "memory" in controllers.split(","):
            found.append(("memory", folder))
        elif number == "0" and not controllers:
            found.append(("", folder))
    return found


def _count(path: str) -> int:
    try:
        with open(path, "rb") as file:
            match = _COUNT.search(file.read(_MAX_BYTES))
    except OSError:
        return -1
    return int(match[1]) if match else -1
