"""How this process and its machine are at the moment of a problem report: what costs tens of microseconds."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final

from clientobs import semconv
from clientobs.record.memory import kibibytes, machine_memory, of_kernel

__all__ = ["machine_vitals", "vitals"]

_STATUS: Final = (
    (b"VmRSS:", semconv.PROCESS_MEMORY_RESIDENT),
    (b"VmHWM:", semconv.PROCESS_USED_MEMORY),
)


def vitals() -> dict[str, Any]:
    """Return memory, processor time, threads and load under their attribute names; what is not told is left out."""
    return {
        semconv.PROBLEM_THREADS: threading.active_count(),
        semconv.PROCESS_USED_CPU: round(time.process_time(), 3),
        **machine_vitals(),
        **_own_memory(),
    }


def machine_vitals() -> dict[str, Any]:
    """Return the machine's load and memory."""
    found: dict[str, Any] = {}
    if hasattr(os, "getloadavg"):
        with suppress(OSError):  # not to be had in some sandboxes
            found[semconv.PROBLEM_LOAD] = round(os.getloadavg()[0], 2)
    memory = machine_memory()
    if memory is not None:
        found[semconv.MACHINE_MEMORY_TOTAL] = memory.total
        found[semconv.MACHINE_MEMORY_AVAILABLE] = memory.available
    return found


def _own_memory() -> dict[str, int]:
    if sys.platform == "linux":
        table = of_kernel("/proc/self/status")
        sizes = {attribute: kibibytes(table, name) for name, attribute in _STATUS}
        return {attribute: found for attribute, found in sizes.items() if found}
    psutil: Any = sys.modules.get("psutil")  # asked where the SDK has loaded it, see memory.py
    if psutil is None:
        return {}
    try:
        return {semconv.PROCESS_MEMORY_RESIDENT: int(psutil.Process().memory_info().rss)}
    except (psutil.Error, OSError):
        return {}
