"""The time that a line of a log file bears, as nanoseconds since the epoch.

ISO 8601 is always known; other forms are those of strptime. What a form leaves out comes from the time at which
the line was written, as the file's own date tells it. A clock without a date is of that day, or of the day before
where that would lie ahead; a line that was written more than a day before the last one of its file can't be told
from that, which matters for files that nobody followed for so long.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["is_plausible", "read_elapsed", "read_time"]

_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:([+-]\d\d):?(\d\d))?")
_FRACTION: Final = re.compile(r"(?<=:\d\d)[.,](\d{1,6})\d*")
_DATE: Final = re.compile(r"%[dejxcDFsU]")
_YEAR: Final = re.compile(r"%[YyGxcDFs]")
_AHEAD: Final = timedelta(minutes=1)
_FAR_AHEAD: Final = timedelta(days=1)
_ELAPSED: Final = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d\d)(?:[.,](\d{1,9}))?")
_EARLIEST_NS: Final = 631_152_000 * 1_000_000_000
"""1990: before that no clock was right that a log file of today was written by."""
_AHEAD_NS: Final = 86_400 * 1_000_000_000
"""A time of another zone that says no zone is within this of the truth."""


def read_time(text: str, forms: Sequence[str], *, utc: bool, now: float) -> int | None:
    """Return the time that `text` says in one of `forms` or in ISO 8601, None where it says none.

    Without a zone it is the machine's own time, or `utc`. Without a date it is of the day of `now` (when the
    line was written, seconds since the epoch), or of the day before where that would be ahead of it.

    >>> read_time("2024-05-02 10:11:12,345", (), utc=True, now=0.0)
    1714644672345000000
    >>> read_time("10:11:12", ["%H:%M:%S"], utc=True, now=1714644672.0) == 1714644672 * 10**9
    True
    """
    plain = _FRACTION.sub(r".\1", text.strip())
    zone = timezone.utc if utc else None
    for form in forms:
        try:
            written = datetime.fromtimestamp(now, zone).replace(tzinfo=None)
            return _nanoseconds(_read(plain, form, written), zone)
        except (ValueError, OverflowError, OSError):
            continue
    try:
        return _nanoseconds(_read_iso(plain), zone)
    except (ValueError, OverflowError, OSError):
        return None


def read_elapsed(text: str) -> int | None:
    """Return a time since the start in nanoseconds, of `h:mm:ss` or `mm:ss`, with or without a fraction.

    >>> read_elapsed("00:01:02"), read_elapsed("01:02.500"), read_elapsed("soon")
    (62000000000, 62500000000, None)
    """
    match = _ELAPSED.fullmatch(text.strip())
    if match is None:
        return None
    seconds = int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
    return seconds * 1_000_000_000 + int((match[4] or "").ljust(9, "0"))


def is_plausible(time_ns: int, now: float) -> bool:
    """Say whether a line that was written about `now` (seconds since the epoch) can be of this time.

    >>> is_plausible(0, 1714644672.0), is_plausible(1714644672 * 10**9, 1714644000.0)
    (False, True)
    """
    return _EARLIEST_NS <= time_ns <= int(now) * 1_000_000_000 + _AHEAD_NS


def _read_iso(text: str) -> datetime:
    """Read ISO 8601 as it is written in logs, in a fraction of the time that strptime takes. Raises ValueError."""
    iso = text.replace("/", "-").replace(" ", "T", 1).replace(" ", "").replace("Z", "+00:00")
    match = _ISO.fullmatch(iso)
    if match is None:
        raise ValueError(text)
    seconds, fraction, hours, minutes = match.groups(default="")
    return datetime.fromisoformat(f"{seconds}.{fraction:0<6}{hours}{':' if hours else ''}{minutes}")


def _read(text: str, form: str, written: datetime) -> datetime:
    """Read a time, and put in the date or the year that the form leaves out. Raises ValueError."""
    if _DATE.search(form) and not _YEAR.search(form):
        return _in_a_year(text, form, written)
    found = datetime.strptime(text, form)  # noqa: DTZ007  # its zone: see above
    if not _DATE.search(form):
        found = found.replace(year=written.year, month=written.month, day=written.day)
        return found - timedelta(days=1) if found > written + _AHEAD else found
    return found


def _in_a_year(text: str, form: str, written: datetime) -> datetime:
    # The year goes in before the date is read: without one there is no 29 February, and Python 3.13 warns.
    try:
        found = datetime.strptime(f"{written.year} {text}", f"%Y {form}")  # noqa: DTZ007  # as in _read
        if found <= written + _FAR_AHEAD:
            return found
    except ValueError:
        if written.year % 4 != 1:  # it may be the 29 February of the year before
            raise
    return datetime.strptime(f"{written.year - 1} {text}", f"%Y {form}")  # noqa: DTZ007  # as in _read


def _nanoseconds(found: datetime, zone: timezone | None) -> int:
    whole = found.replace(microsecond=0)
    if whole.tzinfo is None:
        whole = whole.replace(tzinfo=zone) if zone else whole.astimezone()
    # Whole seconds and the fraction apart: a float of today's seconds is exact to 0.2 us only.
    return int(whole.timestamp()) * 1_000_000_000 + found.microsecond * 1000
