"""A MemoryError told although there is no memory: a reserve, and how much there was.

Where the memory of a process is used up, telling of it fails for the same reason. So a few megabytes of address
space are kept that nothing has ever been written to: they take no memory of the machine. They are given back before
a MemoryError is told, and taken again at the next exception of another kind, if they are to be had.
"""

from __future__ import annotations

import mmap
import sys
from typing import Any, Final

from clientobs import semconv
from clientobs.record.behind import behind, is_a
from clientobs.record.memory import of_kernel
from clientobs.record.vitals import vitals

__all__ = ["RESERVE", "is_shortage", "keep_reserve", "shortage_facts"]

_SIZE: Final = 4 << 20
_LINKS: Final = 4
_USED: Final = b"VmSize:"
_LIMIT: Final = b"Max address space"
_WANTED: Final = (
    semconv.PROCESS_MEMORY_RESIDENT,
    semconv.MACHINE_MEMORY_TOTAL,
    semconv.MACHINE_MEMORY_AVAILABLE,
)

RESERVE: Final[list[mmap.mmap]] = []
"""Given back by `RESERVE.clear()`: a function of Python's would need memory for its frame (3.10)."""


def keep_reserve() -> None:
    """Take the reserve, unless it is there or not to be had."""
    if not RESERVE:
        try:
            RESERVE.append(_pages())
        except (MemoryError, OSError):
            return


def _pages() -> mmap.mmap:
    """Return pages that nobody has touched, from the system: malloc may give some it had, and writes zeros there."""
    if sys.platform == "win32":
        return mmap.mmap(-1, _SIZE)
    return mmap.mmap(-1, _SIZE, flags=mmap.MAP_PRIVATE)  # a forked child's own, no memory shared with it


def is_shortage(error: BaseException | None) -> bool:
    """Say whether an exception is a MemoryError, or was raised because of one."""
    for _ in range(_LINKS):
        if error is None:
            return False
        if is_a(error, MemoryError):
            return True
        error = behind(error)
    return False


def shortage_facts() -> dict[str, Any]:
    """Return what the process has and may have, and what the machine had left."""
    found = vitals()
    facts = {name: found[name] for name in _WANTED if name in found}
    if sys.platform == "linux":
        used, limit = _number("status", _USED), _number("limits", _LIMIT)  # "unlimited" is none
        facts |= {semconv.PROCESS_ADDRESS_SPACE: used * 1024} if used else {}
        facts |= {semconv.PROCESS_MEMORY_LIMIT: limit} if limit else {}
    return facts


def _number(file_name: str, label: bytes) -> int:
    """Return the number behind a label in a file of /proc/self, 0 where there is none."""
    words = of_kernel(f"/proc/self/{file_name}").partition(label)[2].split(None, 1)
    return int(words[0]) if words and words[0].isdigit() else 0
