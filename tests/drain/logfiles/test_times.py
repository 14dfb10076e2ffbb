"""Time stamps of log files."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest

from clientobs.drain.logfiles.times import is_plausible, read_elapsed, read_time

WRITTEN = datetime(2024, 1, 2, 0, 0, 30, tzinfo=timezone.utc).timestamp()


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=timezone.utc).timestamp()) * 10**9  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "forms", "expected"),
    [
        ("2024-01-01 10:11:12,345", (), at(2024, 1, 1, 10, 11, 12) + 345_000_000),
        ("2024-01-01T10:11:12.345678901Z", (), at(2024, 1, 1, 10, 11, 12) + 345_678_000),
        ("2024/01/01 10:11:12", (), at(2024, 1, 1, 10, 11, 12)),
        ("2024-01-01 10:11:12 +0900", (), at(2024, 1, 1, 1, 11, 12)),
        ("2024-01-01 10:11:12+09:00", (), at(2024, 1, 1, 1, 11, 12)),
        (
            "23:59:50",
            ("%H:%M:%S",),
            at(2024, 1, 1, 23, 59, 50),
        ),  # yesterday: the line was written at 00:00:30
        ("00:00:10", ("%H:%M:%S",), at(2024, 1, 2, 0, 0, 10)),
        ("Dec 31 10:11:12", ("%b %d %H:%M:%S",), at(2023, 12, 31, 10, 11, 12)),
        ("Jan 02 00:00:29", ("%b %d %H:%M:%S",), at(2024, 1, 2, 0, 0, 29)),
        ("2024/Jan/01|10:11:12", ("%Y/%b/%d|%H:%M:%S",), at(2024, 1, 1, 10, 11, 12)),
        ("yesterday", (), None),
        ("2024-13-01 10:11:12", (), None),
        ("9999999999", ("%s",), None),
    ],
)
def test_a_time_is_read_in_the_form_that_it_has(
    text: str, forms: tuple[str, ...], expected: int | None
) -> None:
    assert read_time(text, forms, utc=True, now=WRITTEN) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [((2024, 3, 1), at(2024, 2, 29, 10)), ((2025, 1, 1), at(2024, 2, 29, 10)), ((2026, 1, 1), None)],
)
def test_a_leap_day_without_a_year_is_found(written: tuple[int, int, int], expected: int | None) -> None:
    now = datetime(*written, tzinfo=timezone.utc).timestamp()
    assert read_time("Feb 29 10", ["%b %d %H"], utc=True, now=now) == expected


def test_a_time_without_a_zone_is_the_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    try:
        found = read_time("2024-01-01 10:11:12", (), utc=False, now=WRITTEN)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == at(2024, 1, 1, 1, 11, 12)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("00:00:04", 4 * 10**9),
        ("100:00:01", 360_001 * 10**9),
        ("01:02.500", 62_500_000_000),
        ("00:01.2", 1_200_000_000),
        ("1:00:00,25", 3_600_250_000_000),
        ("4 s", None),
        ("00:00:", None),
        ("9999999:00:00", None),
    ],
)
def test_a_time_since_the_start_is_read(text: str, nanoseconds: int | None) -> None:
    assert read_elapsed(text) == nanoseconds


@pytest.mark.parametrize(
    ("written", "is_plausible_"),
    [(at(2024, 1, 2), True), (at(2024, 1, 3), True), (at(2024, 1, 4), False), (at(1989, 12, 31), False)],
)
def test_a_time_more_than_a_day_ahead_of_its_file_or_before_all_of_them_is_not_believed(
    written: int, is_plausible_: bool
) -> None:
    assert is_plausible(written, WRITTEN) == is_plausible_
