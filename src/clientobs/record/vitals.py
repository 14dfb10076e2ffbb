"""How this process and its machine are at the moment of a problem report: what costs tens of microseconds."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from io import FileIO
from typing import Any, Final

from clientobs import semconv

__all__ = ["machine_vitals", "vitals"]

_STATUS: Final = (
    (b"VmRSS:", semconv.PROCESS_MEMORY_RESIDENT),
    (b"VmHWM:", semconv.PROCESS_USED_MEMORY),
)
_MEMORY: Final = (
    (b"MemTotal:", semconv.MACHINE_MEMORY_TOTAL),
    (b"MemAvailable:", semconv.MACHINE_MEMORY_AVAILABLE),
)


def vitals() -> dict[str, Any]:
    """Return memory, processor time, threads and load under their attribute names; what is not told is left out."""
    found: dict[str, Any] = {
        semconv.PROBLEM_THREADS: threading.active_count(),
        semconv.PROCESS_USED_CPU: round(time.process_time(), 3),
        **machine_vitals(),
    }
    if sys.platform == "linux":
        found.update(_kibibytes("/proc/self/status", _STATUS))
    else:
        found.update(_process_by_psutil())
    return found


def machine_vitals() -> dict[str, Any]:
    """Return the machine's load and memory."""
    found: dict[str, Any] = {}
    if hasattr(os, "getloadavg"):
        with suppress(OSError):  # not to be had in some sandboxes
            found[semconv.PROBLEM_LOAD] = round(os.getloadavg()[0], 2)
    found.update(_kibibytes("/proc/meminfo", _MEMORY) if sys.platform == "linux" else _machine_by_psutil())
    return found


def _kibibytes(path: str, wanted: tuple[tuple[bytes, str], ...]) -> dict[str, int]:
    try:
        with FileIO(path) as file:  # not open(): that is watched
            table = file.readall() or b""
    except OSError:
        return {}
    found: dict[str, int] = {}
    for name, attribute in wanted:
        words = table.partition(name)[2].split(None, 1)
        if words and words[0].isdigit():
            found[attribute] = int(words[0]) * 1024
    return found


# psutil is asked where the SDK has loaded it: an import takes too long for this moment.


def _machine_by_psutil() -> dict[str, int]:
    psutil: Any = sys.modules.get("psutil")
    if psutil is None:
        return {}
    try:
        machine = psutil.virtual_memory()
    except (psutil.Error, OSError):
        return {}
    return {
        semconv.MACHINE_MEMORY_TOTAL: int(machine.total),
        semconv.MACHINE_MEMORY_AVAILABLE: int(machine.available),
    }


def _process_by_psutil() -> dict[str, int]:
    psutil: Any = sys.modules.get("psutil")
    if psutil is None:
        return {}
    try:
        return {semconv.PROCESS_MEMORY_RESIDENT: int(psutil.Process().memory_info().rss)}
    except (psutil.Error, OSError):
        return {}
