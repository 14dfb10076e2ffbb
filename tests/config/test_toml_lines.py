"""Each key's line is found, whatever strings, comments and arrays stand before it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.config.toml_lines import key_lines, line_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('a = """\nb = 1\n"""\nc = 2', {"a": 1, "c": 4}),
        ("a = '''\n[b]\n'''\nc = 2", {"a": 1, "c": 4}),
        ('a = [ # ]\n 1,\n [2, "]"],\n]\n[t]\nb = 1', {"a": 1, "t": 5, "t.b": 6}),
        ("[ a . 'b c' ] # x\n'd' = 1\ne.f = 2", {"a.b c": 1, "a.b c.d": 2, "a.b c.e.f": 3}),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", {"a": 1, "a.0": 1, "a.0.b": 2, "a.1": 3, "a.1.b": 4}),
        ('"\\u00fc" = "\\"#"\nx = {y = 1}', {"ü": 1, "x": 2}),
        ('a = """x""""\nb = 1', {"a": 1, "b": 2}),
        ("\r\n\r\na = 1\r\n", {"a": 3}),
    ],
)
def test_lines_of_known_texts(text: str, lines: dict[str, int]) -> None:
    tomllib.loads(text)
    assert key_lines(text) == lines


def test_a_key_without_a_line_has_that_of_what_holds_it() -> None:
    lines = key_lines("[delivery]\nheaders = {a = 'b'}\n")
    assert line_of(lines, "delivery.headers.a") == 2
    assert line_of(lines, "delivery.none") == 1
    assert line_of(lines, "none") is None


_VALUES = st.sampled_from(
    [
        "1",
        "'x # y'",
        '"a\\"[{"',
        "[1, 2]",
        '[\n  "]", # [\n]',
        '"""\nz = 1\n[q]\n\\"""" '.rstrip(),
        "'''\n'''",
        "{a = 1}",
    ]
)
_NAMES = st.text("abcdefgh", min_size=1, max_size=6)


@given(st.dictionaries(_NAMES, st.dictionaries(_NAMES, _VALUES, max_size=4), max_size=4), st.booleans())
def test_every_key_of_a_written_file_is_found_on_its_line(
    tables: dict[str, dict[str, str]], comments: bool
) -> None:
    rows: list[str] = []
    expected: dict[str, int] = {}

    def write(key: str, text: str) -> None:
        expected[key] = len(rows) + 1
        rows.extend(text.split("\n"))
        if comments:
            rows.extend(["", "# x = 1"])

    for table, entries in tables.items():
        write(table, f"[{table}]")
        for name, value in entries.items():
            write(f"{table}.{name}", f"{name} = {value}")
    text = "\n".join(rows)
    parsed: dict[str, Any] = tomllib.loads(text)
    assert {name: set(entries) for name, entries in parsed.items()} == {n: set(e) for n, e in tables.items()}
    assert key_lines(text) == expected


@given(st.text(max_size=100))
def test_the_scanner_ends_on_any_text(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in key_lines(text).values())
