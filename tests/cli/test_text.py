"""Foreign text shows itself, and obeys nobody."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.cli.text import age, cell_width, duration, number, shorten, size, value, visible

HARMFUL = {"Cc", "Cs"}


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_what_is_visible_holds_no_control_no_override_and_no_lone_surrogate(text: str) -> None:
    shown = visible(text)
    assert not any(unicodedata.category(character) in HARMFUL for character in shown)
    assert not set(shown) & set(
        "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u200b\ufeff\u2028"
    )
    shown.encode("utf-8")


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_in_any_script_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_an_escape_sequence_is_shown_and_not_sent() -> None:
    assert visible("a\x1b[2J\x9b31m\x07\r\n") == "a\\x1b[2J\\x9b31m\\x07\\r\\n"
    assert visible("\u202egpj.exe\ud800") == "\\u202egpj.exe\\ud800"


@pytest.mark.parametrize(
    ("text", "cells", "expected"),
    [
        ("publish", 7, "publish"),
        ("publish", 6, "publi…"),
        ("東京都庁", 8, "東京都庁"),
        ("東京都庁", 6, "東京…"),
        ("e\u0301te\u0301", 3, "e\u0301te\u0301"),
        ("publish", 1, "…"),
        ("publish", 0, ""),
    ],
)
def test_text_is_cut_by_terminal_cells(text: str, cells: int, expected: str) -> None:
    assert shorten(text, cells) == expected
    assert cell_width(expected) <= max(cells, 0)


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500, "1.50 µs"),
        (999_499, "999 µs"),
        (999_500, "1.00 ms"),
        (83_300_000, "83.3 ms"),
        (59_949_000_000, "59.9 s"),
        (60_000_000_000, "1m 00s"),
        (3_599_600_000_000, "1h 00m"),
        (172_800_000_000_000, "2d 0h"),
    ],
)
def test_a_duration_has_three_figures_and_a_unit(nanoseconds: int, expected: str) -> None:
    assert duration(nanoseconds) == expected


def test_values_of_all_kinds_fit_on_one_line() -> None:
    assert value(True) == "true"
    assert value(b"\0" * 2048) == "<2.0 KiB of bytes>"
    assert value([1, "a\nb"]) == "[1, a\\nb]"
    assert value(0.1 + 0.2) == "0.3"
    assert len(value("x" * 100_000, 40)) == 40


def test_figures_come_with_their_nouns() -> None:
    assert (number(1, "span"), number(0, "entry", "entries")) == ("1 span", "0 entries")
    assert (size(1023), size(1 << 30)) == ("1023 B", "1.0 GiB")
    assert age(61) == "1m 01s ago"
