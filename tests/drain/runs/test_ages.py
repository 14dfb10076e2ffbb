from __future__ import annotations

import pytest

from clientobs.drain.runs.ages import Ages
from clientobs.journal.records import Header

SECOND = 10**9
DAY = 86_400 * SECOND
NOW = 1_700_000_000 * SECOND


def header(boot: str) -> Header:
    return Header(
        run="r", session="s", lane="bulk", number=1, pid=1, boot_id=boot, wall_ns=NOW, mono_ns=100 * SECOND
    )


def ages(boot: str, *, mono_s: int, wall_ns: int) -> Ages:
    return Ages(boot_id=boot, mono=lambda: mono_s * SECOND, wall=lambda: wall_ns)


@pytest.mark.parametrize("jump", [-DAY, 0, DAY, 400 * DAY])
def test_within_one_boot_no_clock_makes_a_record_older(jump: int) -> None:
    assert ages("b", mono_s=160, wall_ns=NOW + jump).seconds(header("b"), 130 * SECOND) == 30


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_live_run_is_of_this_boot_even_where_boots_have_no_id(jump: int) -> None:
    assert ages("", mono_s=160, wall_ns=NOW + jump).seconds(header(""), 130 * SECOND, alive=True) == 30


def test_across_a_boot_the_date_is_asked() -> None:
    assert ages("b2", mono_s=5, wall_ns=NOW + 3600 * SECOND).seconds(header("b1"), 130 * SECOND) == 3570


def test_a_record_of_the_future_is_new() -> None:
    assert ages("b2", mono_s=5, wall_ns=NOW - DAY).seconds(header("b1"), 130 * SECOND) == 0
