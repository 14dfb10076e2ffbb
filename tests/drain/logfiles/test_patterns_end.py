"""No line, however hostile, keeps a pattern of ours busy: steps are counted, not seconds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clientobs.config.log_presets import PRESETS
from clientobs.drain.logfiles import grammar
from drain.logfiles.matching_steps import TooManyStepsError, endless_repeats, match_end, search_steps

SAMPLES = Path(__file__).parent / "samples"
PATTERNS = {**{name: preset["pattern"] for name, preset in PRESETS.items()}, "generic": grammar._GENERIC}
LONG = 1 << 20
MOST = 10_000
"""Steps over one line: less than its stamp and its message cost elsewhere."""
FILLS = (" ", "0", "A", "a.", "[", "<>", ": ", "|")


def lines_of(name: str) -> list[str]:
    files = [SAMPLES / f"{name}.log"] if name in PRESETS else sorted(SAMPLES.glob("*.log"))
    return [line for file in files for line in file.read_text(encoding="utf-8-sig").splitlines() if line]


def beginnings(name: str) -> list[str]:
    """Return how the lines of a sample begin, cut at each few characters: there a pattern has most ways to go."""
    return sorted({line[:length] for line in lines_of(name)[:40] for length in range(0, 60, 6)})


@pytest.mark.parametrize("name", PATTERNS)
def test_the_counting_matcher_matches_as_re_does(name: str) -> None:
    for line in lines_of(name):
        found = re.match(PATTERNS[name], line)
        assert match_end(PATTERNS[name], line, MOST)[0] == (found.end() if found else None), line


@pytest.mark.parametrize("name", PATTERNS)
def test_a_line_of_a_megabyte_takes_a_bounded_number_of_steps(name: str) -> None:
    longest = 0
    for begin in beginnings(name):
        for fill in FILLS:
            line = begin + fill * (LONG // len(fill))
            longest = max(longest, match_end(PATTERNS[name], line, MOST)[1])
    assert 0 < longest < MOST


@pytest.mark.parametrize("name", PATTERNS)
def test_each_repeat_in_a_pattern_has_an_end(name: str) -> None:
    assert PATTERNS[name].startswith("^")
    assert endless_repeats(PATTERNS[name]) == []


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if "errors" in preset])
def test_looking_for_errors_takes_steps_in_proportion_to_the_text(name: str) -> None:
    for pattern in PRESETS[name]["errors"]:
        assert endless_repeats(pattern) == []
        for fill in (*FILLS, "threw a ", "License "):
            text = fill * (4000 // len(fill))
            assert search_steps(pattern, text, 100 * len(text)) < 100 * len(text)


@pytest.mark.parametrize("pattern", [r"^(\w+\s?)+$", r"^(a|a)*b", r"^(?:a+){2,40}b"])
def test_a_pattern_without_end_is_found_out(pattern: str) -> None:
    with pytest.raises(TooManyStepsError):
        match_end(pattern, "a" * 40 + "!", MOST)


def test_an_endless_repeat_is_found_wherever_it_stands() -> None:
    assert len(endless_repeats(r"^(?:a|b(?P<level>c*)){1,2}(?!d+)")) == 2
