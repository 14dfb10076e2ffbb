"""`clientobs.counter`, `histogram`, `gauge`: OpenTelemetry instruments, made once and found again by name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

from clientobs._guarded import quiet
from clientobs._patterns import pattern
from clientobs.errors import ConfigError
from clientobs.record import recorder as _recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Counter", "Gauge", "Histogram", "add_distribution", "add_sum", "counter", "gauge", "histogram"]

# opentelemetry.io/docs/specs/otel/metrics/api/#instrument-name-syntax and #instrument-unit
_NAME: Final = pattern(r"[A-Za-z][-_./A-Za-z0-9]{0,254}\Z")
_UNWANTED: Final = pattern(r"[^-_./A-Za-z0-9]")
_MOST_NAME: Final = 255
_UNIT: Final = pattern(r"[\x00-\x7f]{0,63}\Z")

Number: TypeAlias = int | float
Sort: TypeAlias = Literal["counter", "histogram", "gauge"]
T = TypeVar("T", bound="_Instrument")


class _Instrument:
    """An instrument that finds its OpenTelemetry counterpart at first use.

    It may be made at import, before `init()`; it follows the meter provider of the day.
    """

    __slots__ = ("_description", "_meter", "_method", "_name", "_sort", "_unit")

    def __init__(self, sort: Sort, name: str, unit: str, description: str) -> None:
        self._sort = sort
        self._name = name
        self._unit = unit
        self._description = description
        self._meter: Any = None
        self._method: Callable[..., None] | None = None

    def _record(self, value: Number, attributes: dict[str, Any]) -> None:
        recorder = _recorder.active()
        if recorder is None:
            return
        with quiet("metrics.record"):
            if not _is_measurable(value, self._sort):
                recorder.count_loss("malformed")
                return
            meter = recorder.voice.meter()
            if meter is not self._meter or self._method is None:
                self._method = self._bind(meter)
                self._meter = meter
            self._method(value, recorder.redactor.attributes(attributes) if attributes else None)

    def _bind(self, meter: Any) -> Callable[..., None]:
        if self._sort == "counter":
            return meter.create_counter(self._name, self._unit, self._description).add  # type: ignore[no-any-return]
        if self._sort == "histogram":
            return meter.create_histogram(self._name, self._unit, self._description).record  # type: ignore[no-any-return]
        return meter.create_gauge(self._name, self._unit, self._description).set  # type: ignore[no-any-return]


def _is_measurable(value: Any, sort: Sort) -> bool:
    """Say whether OTLP has a place for this measurement: finite, within a float, and no step back of a sum."""
    try:
        return math.isfinite(value) and (sort == "gauge" or not value < 0)
    except (TypeError, ValueError, OverflowError):  # no number, a complex one, or one beyond all floats
        return False


class Counter(_Instrument):
    """A sum that only grows."""

    __slots__ = ()

    def add(self, /, value: Number = 1, **attributes: Any) -> None:
        """Add `value` (not negative) under these attributes."""
        self._record(value, attributes)


class Histogram(_Instrument):
    """A distribution: durations, sizes."""

    __slots__ = ()

    def record(self, /, value: Number, **attributes: Any) -> None:
        """Record one value under these attributes."""
        self._record(value, attributes)


class Gauge(_Instrument):
    """The value of now: a queue's length, a cache's fill."""

    __slots__ = ()

    def set(self, /, value: Number, **attributes: Any) -> None:
        """Set the value under these attributes."""
        self._record(value, attributes)


_made: Final[dict[tuple[str, str], Any]] = {}


def counter(name: str, unit: str = "1", description: str = "") -> Counter:
    """Return the counter of that name, the same object each time.

    `unit` is UCUM ("By", "s", "{frame}").

    >>> counter("frames.rendered", "{frame}").add(24, renderer="karma")
    """
    return _once(Counter, "counter", name, unit, description)


def histogram(name: str, unit: str = "1", description: str = "") -> Histogram:
    """Return the histogram of that name, the same object each time.

    >>> histogram("scene.load.duration", "s").record(12.5)
    """
    return _once(Histogram, "histogram", name, unit, description)


def gauge(name: str, unit: str = "1", description: str = "") -> Gauge:
    """Return the gauge of that name, the same object each time.

    >>> gauge("render.queue.length", "{job}").set(3)
    """
    return _once(Gauge, "gauge", name, unit, description)


def add_distribution(
    name: str,
    unit: str,
    description: str,
    bounds: Sequence[float],
    points: Sequence[tuple[dict[str, Any], Sequence[int], float | None]],
) -> None:
    """Add values that the caller counted by bucket, one `(attributes, counts, sum)` for each series.

    For what happens too often for an instrument: a value costs an OpenTelemetry histogram microseconds. There is
    one count more than there are bounds; a sum that is None is told from the middle of the buckets.
    """
    recorder = _recorder.active()
    if recorder is not None and recorder.add_distribution is not None and points:
        with quiet("metrics.distribution"):
            recorder.add_distribution(name, unit, description, tuple(bounds), points)


def add_sum(name: str, unit: str, description: str, series: Sequence[tuple[dict[str, Any], int]]) -> None:
    """Add increments of a counter that the caller added up, one `(attributes, count)` for each series.

    The SDK's metrics, which take milliseconds to load, are not needed for it.
    """
    recorder = _recorder.active()
    if recorder is not None and recorder.add_sum is not None and series:
        with quiet("metrics.sum"):
            recorder.add_sum(name, unit, description, series)


def _once(kind: type[T], sort: Sort, name: str, unit: str, description: str) -> T:
    if type(name) is not str or not name:
        given = "''" if type(name) is str else f"<{type(name).__name__}>"
        raise ConfigError(f'{sort}({given}) has no name; use a text such as "frames.rendered"')
    known = _made.get((sort, name))
    if known is None:
        _check(sort, unit, description)
        made = kind(sort, _valid_name(name), unit if _UNIT.match(unit) else "", description)
        known = _made.setdefault((sort, name), made)
    return known  # type: ignore[no-any-return]


def _check(sort: Sort, unit: object, description: object) -> None:
    """Raise ConfigError for a wrong type; a wrong text may be a user's, and is made a right one."""
    if not isinstance(unit, str):
        raise ConfigError(f'{sort}(unit=<{type(unit).__name__}>) is no unit; use a text such as "By"')
    if not isinstance(description, str):
        raise ConfigError(f"{sort}(description=<{type(description).__name__}>) is no text; use a sentence")


def _valid_name(name: str) -> str:
    """Return a name as OpenTelemetry wants it: up to 255 ASCII letters, digits and . - _ /, a letter first.

    The SDK refuses others at the first measurement, where nobody hears of it.
    """
    if _NAME.match(name):
        return name
    valid = _UNWANTED.sub("_", name)
    return (valid if valid[0].isalpha() else f"n{valid}")[:_MOST_NAME]
