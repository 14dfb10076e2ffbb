"""One time series of the machine: deltas of any number of runs in, a running total out.

    SumSeries          counters add up; up-down counters too, but a run's share goes when the run goes
    GaugeSeries        the newest value, whichever run it came from
    HistogramSeries    counts add up bucket by bucket

Points are the tuples of `MetricsRecord`. Each series starts where its first delta starts, and its total only
starts anew with the series. `dump()` and `load()` carry it over from one drain to the next: a counter that went
back to zero with each drain would stand at 12 after every coffee break, and never show an increase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = [
    "GaugeSeries",
    "HistogramSeries",
    "Number",
    "Point",
    "Series",
    "SumSeries",
    "new_series",
    "restored_series",
]

Number: TypeAlias = int | float
Point: TypeAlias = tuple[Any, ...]

_MAX_EXEMPLARS: Final = 4


class Series(Protocol):
    """What the aggregator asks of a series."""

    start_ns: int
    cost: int
    """Series of the back end's bill: 1, or for a histogram its buckets, sum and count."""

    def add(self, run: str, point: Point) -> bool:
        """Take one delta in; False where it does not fit (other bounds)."""

    def forget(self, run: str) -> bool:
        """Take out what one run holds at the moment; say whether that changed the total."""

    def holders(self) -> Collection[str]:
        """Return the runs that hold something at the moment."""

    def value(self) -> Any:
        """Return the total, in the shape that a point has."""

    def exemplars(self) -> tuple[Any, ...]:
        """Return the newest exemplars."""

    def dump(self) -> list[Any]:
        """Return what `load` needs."""

    def load(self, state: Sequence[Any]) -> None:
        """Go on from a `dump`."""


class SumSeries:
    """A counter (monotonic) or up-down counter.

    >>> requests = SumSeries(start_ns=0, monotonic=False)
    >>> requests.add("a", ({}, 2, 0, 1, ())), requests.add("b", ({}, 3, 0, 1, ())), requests.value()
    (True, True, 5)
    >>> requests.forget("a"), requests.value()
    (True, 3)
    """

    __slots__ = ("_exemplars", "_monotonic", "_parts", "_total", "cost", "start_ns")

    def __init__(self, *, start_ns: int, monotonic: bool) -> None:
        self.start_ns = start_ns
        self.cost = 1
        self._monotonic = monotonic
        self._total: Number = 0
        self._parts: dict[str, Number] = {}
        self._exemplars: tuple[Any, ...] = ()

    def add(self, run: str, point: Point) -> bool:
        """Add one delta; a negative one of a counter is a fault of its writer and is refused."""
        value = point[1]
        if self._monotonic:
            if value < 0:
                return False
            self._total += value
        else:
            self._parts[run] = self._parts.get(run, 0) + value
        self._exemplars = _newest(self._exemplars, point)
        return True

    def forget(self, run: str) -> bool:
        """Take out a dead run's share of an up-down counter: nobody will count it down."""
        return bool(self._parts.pop(run, 0))

    def holders(self) -> Collection[str]:
        """Return the runs with a share in an up-down counter."""
        return self._parts

    def value(self) -> Number:
        """Return the total."""
        return self._total + sum(self._parts.values())

    def exemplars(self) -> tuple[Any, ...]:
        """Return the newest exemplars."""
        return self._exemplars

    def dump(self) -> list[Any]:
        """Return total and shares."""
        return [self.start_ns, self._total, dict(self._parts)]

    def load(self, state: Sequence[Any]) -> None:
        """Go on from a `dump`."""
        self.start_ns, self._total, parts = state
        self._parts = dict(parts)


class GaugeSeries:
    """The newest value by its own time; of two at one time, the one that came later."""

    __slots__ = ("_exemplars", "_time_ns", "_value", "cost", "start_ns")

    def __init__(self, *, start_ns: int) -> None:
        self.start_ns = start_ns
        self.cost = 1
        self._value: Number = 0
        self._time_ns = 0
        self._exemplars: tuple[Any, ...] = ()

    def add(self, run: str, point: Point) -> bool:  # noqa: ARG002  # a gauge belongs to no run
        """Take the value if it is not older than the one at hand."""
        if point[3] >= self._time_ns:
            self._value, self._time_ns = point[1], point[3]
            self._exemplars = _newest(self._exemplars, point)
        return True

    def forget(self, run: str) -> bool:  # noqa: ARG002
        """Do nothing: the last known value stays until the series is stale."""
        return False

    def holders(self) -> Collection[str]:
        """Return nobody."""
        return ()

    def value(self) -> Number:
        """Return the newest value."""
        return self._value

    def exemplars(self) -> tuple[Any, ...]:
        """Return the newest exemplars."""
        return self._exemplars

    def dump(self) -> list[Any]:
        """Return value and time."""
        return [self.start_ns, self._value, self._time_ns]

    def load(self, state: Sequence[Any]) -> None:
        """Go on from a `dump`."""
        self.start_ns, self._value, self._time_ns = state


class HistogramSeries:
    """Counts per bucket, with sum, least and greatest.

    Two tools may declare one name with other bounds; their counts can't be added without inventing where
    the values lay, so the bounds that came first hold and the others are refused (and counted as lost).
    """

    __slots__ = ("_bounds", "_counts", "_exemplars", "_least", "_most", "_sum", "_total", "cost", "start_ns")

    def __init__(self, *, start_ns: int, bounds: Sequence[Number]) -> None:
        self.start_ns = start_ns
        self.cost = len(bounds) + 3  # the buckets with +Inf, _sum and _count
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0
        self._sum: Number = 0
        self._least: Number | None = None
        self._most: Number | None = None
        self._exemplars: tuple[Any, ...] = ()

    def add(self, run: str, point: Point) -> bool:  # noqa: ARG002  # counts only grow: no share to keep
        """Add one delta; False where its bounds are others."""
        count, total, least, most, bounds, counts = point[1]
        if tuple(bounds) != self._bounds or len(counts) != len(self._counts):
            return False
        self._total += count
        self._sum += total
        self._counts = [mine + other for mine, other in zip(self._counts, counts, strict=True)]
        if least is not None:
            self._least = least if self._least is None else min(self._least, least)
        if most is not None:
            self._most = most if self._most is None else max(self._most, most)
        self._exemplars = _newest(self._exemplars, point)
        return True

    def forget(self, run: str) -> bool:  # noqa: ARG002
        """Do nothing: what was counted has happened."""
        return False

    def holders(self) -> Collection[str]:
        """Return nobody."""
        return ()

    def value(self) -> tuple[Any, ...]:
        """Return (count, sum, least, greatest, bounds, bucket counts)."""
        return self._total, self._sum, self._least, self._most, self._bounds, tuple(self._counts)

    def exemplars(self) -> tuple[Any, ...]:
        """Return the newest exemplars."""
        return self._exemplars

    def dump(self) -> list[Any]:
        """Return start and totals."""
        return [self.start_ns, self._total, self._sum, self._least, self._most, self._bounds, self._counts]

    def load(self, state: Sequence[Any]) -> None:
        """Go on from a `dump`."""
        self.start_ns, self._total, self._sum, self._least, self._most, bounds, counts = state
        self._bounds, self._counts = tuple(bounds), list(counts)
        self.cost = len(self._bounds) + 3


def new_series(kind: str, monotonic: bool, point: Point) -> Series:
    """Return an empty series for points of this kind; ValueError for a kind that nobody knows."""
    start_ns = point[2] or point[3]
    if kind == "histogram":
        return HistogramSeries(start_ns=start_ns, bounds=point[1][4])
    return _scalar(kind, monotonic, start_ns)


def restored_series(kind: str, monotonic: bool, state: Sequence[Any]) -> Series:
    """Return the series that a `dump` came from; ValueError where it is none."""
    series = HistogramSeries(start_ns=0, bounds=()) if kind == "histogram" else _scalar(kind, monotonic, 0)
    series.load(state)
    return series


def _scalar(kind: str, monotonic: bool, start_ns: int) -> Series:
    if kind == "sum":
        return SumSeries(start_ns=start_ns, monotonic=monotonic)
    if kind == "gauge":
        return GaugeSeries(start_ns=start_ns)
    raise ValueError(f"unknown kind of metric: {kind!r}; known are sum, gauge and histogram")


def _newest(kept: tuple[Any, ...], point: Point) -> tuple[Any, ...]:
    fresh = point[4] if len(point) > 4 else ()  # noqa: PLR2004  # exemplars are the fifth field
    return (*kept, *fresh)[-_MAX_EXEMPLARS:] if fresh else kept
