"""What was told of a run's hangs, read by the next drain and by who judges its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from clientobs.drain.hangs.told import Told
from clientobs.drain.runs.evidence import HANGS_FILE, read_evidence


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / HANGS_FILE)


def test_the_next_drain_knows_what_was_told_and_under_which_beginning(path: str) -> None:
    told = Told(path)
    told.add(10, "told", wall=1010)
    told.add(10, "noted", wall=1010, host=12)
    read = Told(path)
    assert read.has(10, "told")
    assert not read.has(10, "over")
    assert read.known_as(12) == 10
    assert read.known_as(13) == 13


def test_a_hang_that_its_host_has_as_well_is_one_and_over_when_that_is(tmp_path: Path, path: str) -> None:
    told = Told(path)
    told.add(10, "told", wall=1010)
    told.add(10, "noted", wall=1010, host=12)
    assert read_evidence(str(tmp_path), closed=False, clean=str).hung_since_ns == 1010
    told.add(10, "over", wall=1010)
    assert read_evidence(str(tmp_path), closed=False, clean=str).hung_since_ns == 0


@pytest.mark.parametrize(
    "line", ["{", "5", '{"since": "x"}', "{}", '{"since": 1, "what": 2, "host": "x"}', "\xff"]
)
def test_a_damaged_line_costs_what_follows_it_at_most(path: str, line: str) -> None:
    Told(path).add(10, "told", wall=1010)
    with open(path, "a", encoding="latin-1") as file:
        file.write(line + "\n")
    assert Told(path).has(10, "told")
