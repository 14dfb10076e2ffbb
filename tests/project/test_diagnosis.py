"""The table of failures is proved: each row has tests that run it for real, and compare what the row promises."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from clientobs.privacy.inventory import unlisted
from project.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = ROOT / "docs" / "explanation" / "diagnosis.md"
ROW: Final = re.compile(r"^\| (?P<id>[a-z][a-z-]*) \| (?P<what>.+) \| (?P<told>.+) \| (?P<tests>.+) \|$")
NAME: Final = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)`")
FILE: Final = re.compile(r"`(end_to_end/\w+\.py)`")
LONG: Final = {"torture", "hosts"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of failure, or of healthy work."""

    id: str
    names: tuple[str, ...]
    files: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A test that bears the marker; `text` is its source, with the functions of its module that it may call."""

    test: str
    file: str
    rows: tuple[str, ...]
    is_long: bool
    text: str


def rows() -> list[Row]:
    found = (ROW.match(line) for line in PAGE.read_text(encoding="utf-8").splitlines())
    return [
        Row(
            id=match["id"],
            names=tuple(name for name in NAME.findall(match["told"]) if not name.startswith("os._")),
            files=frozenset(FILE.findall(match["tests"])),
        )
        for match in found
        if match and match["id"] != "id"
    ]


def proofs() -> list[Proof]:
    tests = sorted((ROOT / "tests" / "end_to_end").glob("test_*.py"))
    return [proof for path in tests for proof in proofs_in(path)]


def proofs_in(path: Path) -> Iterator[Proof]:
    source = path.read_text(encoding="utf-8")
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    texts = {name: ast.get_source_segment(source, node) or "" for name, node in functions.items()}
    for name, node in functions.items():
        marks = [mark for decorator in node.decorator_list if (mark := mark_of(decorator))]
        claimed = tuple(row for mark, values in marks if mark == "diagnosis" for row in values)
        if claimed:
            called = [text for helper, text in texts.items() if helper in words_of(node)]
            yield Proof(
                test=name,
                file=path.relative_to(ROOT / "tests").as_posix(),
                rows=claimed,
                is_long=bool(LONG & {mark for mark, _ in marks}),
                text="\n".join([texts[name], *called]),
            )


def mark_of(decorator: ast.expr) -> tuple[str, list[str]] | None:
    """Return name and texts of a `pytest.mark.NAME(...)`."""
    call = decorator if isinstance(decorator, ast.Call) else None
    target = call.func if call is not None else decorator
    if not isinstance(target, ast.Attribute) or not ast.unparse(target).startswith("pytest.mark."):
        return None
    values = [one.value for one in call.args if isinstance(one, ast.Constant)] if call is not None else []
    return target.attr, [value for value in values if isinstance(value, str)]


def words_of(node: ast.FunctionDef) -> set[str]:
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return names | {one.arg for one in node.args.args}


ROWS: Final = rows()
PROOFS: Final = proofs()


def test_the_table_has_its_rows_once_each() -> None:
    ids = [row.id for row in ROWS]
    assert len(ids) == len(set(ids)) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_row_has_a_test_of_the_default_run_in_the_files_that_it_names(row: Row) -> None:
    proving = [proof for proof in PROOFS if row.id in proof.rows]
    assert any(not proof.is_long for proof in proving), "no test bears this row's marker"
    assert {proof.file for proof in proving} == row.files


@pytest.mark.parametrize("row", [row for row in ROWS if row.names], ids=lambda row: row.id)
def test_each_name_that_a_row_promises_is_compared_by_its_tests(row: Row) -> None:
    text = "\n".join(proof.text for proof in PROOFS if row.id in proof.rows)
    assert [name for name in row.names if name not in text] == []


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.test)
def test_each_marker_names_rows_that_there_are(proof: Proof) -> None:
    assert set(proof.rows) <= {row.id for row in ROWS}


def test_each_name_of_the_table_is_one_that_clientobs_sends() -> None:
    names = {name for row in ROWS for name in row.names}
    missing = (
        set(unlisted(names, "attribute")) & set(unlisted(names, "event")) & set(unlisted(names, "metric"))
    )
    assert missing == set()
