"""Vitals of the machine, read by psutil: how busy, how full, how much moved.

One drain of a machine measures, whatever number of users and destinations there are (a lock decides). It
says nothing about the person: no idle times, no processes, no windows. Network storage is never touched: a
statvfs on a dead NFS mount would hang the drain, so only the file system of the journal home is asked for.

Everything is summed over devices: some 25 series, named as in the OpenTelemetry system conventions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import psutil

from clientobs import semconv
from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["INTERVAL", "MACHINE", "Vitals"]

INTERVAL: Final = 15.0
"""Seconds between two readings."""

MACHINE: Final = "machine"
"""Stands where a run's id stands in the aggregator."""

Sort: TypeAlias = Literal["gauge", "counter", "level"]
Reading: TypeAlias = tuple[str, str, Sort, dict[str, str], float]
"""Name, unit, sort, attributes, value: of a counter and a level, what it stands at now."""

_CPU_MODES: Final = ("user", "system", "iowait", "idle")


class Vitals:
    """Reads the machine and gives the differences, in the shape in which a host's metrics come.

    >>> vitals = Vitals(folder="/")
    >>> "system.memory.usage" in [metric[1] for metric in vitals.read(time_ns=10)]
    True
    """

    def __init__(self, *, folder: str) -> None:
        self._folder = folder
        self._before: dict[tuple[str, str], float] = {}
        self._since_ns = 0
        psutil.cpu_times_percent(interval=None)  # the first answer means nothing: it has no time before it

    def read(self, time_ns: int) -> tuple[tuple[Any, ...], ...]:
        """Return one collection as `MetricsRecord.metrics`; what cannot be read is left out."""
        found: dict[str, tuple[list[Any], list[Any]]] = {}
        for source in (_processor, _memory, _paging, _disks, _network, self._file_system):
            for name, unit, sort, attributes, value in _all_of(source):
                delta = value if sort == "gauge" else self._difference(name, sort, attributes, value)
                if delta is None:
                    continue
                head = [0, name, unit, "", "gauge" if sort == "gauge" else "sum", sort == "counter"]
                points = found.setdefault(name, (head, []))[1]
                points.append((attributes, delta, self._since_ns or time_ns, time_ns, ()))
        self._since_ns = time_ns
        return tuple((*head, tuple(points)) for head, points in found.values())

    def _difference(self, name: str, sort: Sort, attributes: dict[str, str], value: float) -> float | None:
        """Return what was added since the last reading; None where a counter has nothing to compare with."""
        key = (name, repr(attributes))
        before = self._before.get(key)
        self._before[key] = value
        if sort == "level":
            return value - (before or 0)
        # A counter that fell has lost a device and its total with it: no number would be right.
        return None if before is None or value < before else value - before

    def _file_system(self) -> Iterator[Reading]:
        usage = psutil.disk_usage(self._folder)
        for state, value in (("used", usage.used), ("free", usage.free)):
            attributes = {semconv.SYSTEM_FILESYSTEM_STATE: state}
            yield semconv.SYSTEM_FILESYSTEM_USAGE, "By", "level", attributes, value


def _all_of(source: Callable[[], Iterator[Reading]]) -> list[Reading]:
    """Return what a source gives before it fails: containers and odd kernels lack files that psutil reads."""
    readings: list[Reading] = []
    with quiet("drain.vitals"):
        readings.extend(source())
    return readings


def _processor() -> Iterator[Reading]:
    shares = psutil.cpu_times_percent(interval=None)
    for mode in _CPU_MODES:
        share = getattr(shares, mode, None)
        if share is not None:
            yield semconv.SYSTEM_CPU_UTILIZATION, "1", "gauge", {semconv.CPU_MODE: mode}, share / 100
    yield semconv.SYSTEM_CPU_LOGICAL_COUNT, "{cpu}", "level", {}, psutil.cpu_count() or 1


def _memory() -> Iterator[Reading]:
    memory = psutil.virtual_memory()
    for state in ("used", "free", "cached", "buffers"):
        value = getattr(memory, state, None)
        if value is not None:
            yield semconv.SYSTEM_MEMORY_USAGE, "By", "level", {semconv.SYSTEM_MEMORY_STATE: state}, value
    yield semconv.SYSTEM_MEMORY_LIMIT, "By", "level", {}, memory.total
    yield semconv.SYSTEM_MEMORY_UTILIZATION, "1", "gauge", {}, memory.percent / 100


def _paging() -> Iterator[Reading]:
    swap = psutil.swap_memory()
    for state, value in (("used", swap.used), ("free", swap.free)):
        yield semconv.SYSTEM_PAGING_USAGE, "By", "level", {semconv.SYSTEM_PAGING_STATE: state}, value


def _disks() -> Iterator[Reading]:
    counters = psutil.disk_io_counters()
    if counters is None:
        return
    for direction, moved, times in (
        ("read", counters.read_bytes, counters.read_count),
        ("write", counters.write_bytes, counters.write_count),
    ):
        attributes = {semconv.DISK_IO_DIRECTION: direction}
        yield semconv.SYSTEM_DISK_IO, "By", "counter", attributes, moved
        yield semconv.SYSTEM_DISK_OPERATIONS, "{operation}", "counter", attributes, times


def _network() -> Iterator[Reading]:
    counters = psutil.net_io_counters()
    if counters is None:
        return
    for direction, moved, errors in (
        ("receive", counters.bytes_recv, counters.errin),
        ("transmit", counters.bytes_sent, counters.errout),
    ):
        attributes = {semconv.NETWORK_IO_DIRECTION: direction}
        yield semconv.SYSTEM_NETWORK_IO, "By", "counter", attributes, moved
        yield semconv.SYSTEM_NETWORK_ERRORS, "{error}", "counter", attributes, errors
