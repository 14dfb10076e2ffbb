"""No file is opened at a low number by what runs in a host: a host that closes such numbers would meet ours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "clientobs"
ELSEWHERE = ("cli", "viewer", "testing", "drain")
"""Processes of their own."""

IN_THE_HOST_ALL_THE_SAME = ("drain/launch", "drain/lock.py", "drain/handover.py")
"""What a host does to have a drain."""

OPENING = {
    "open",
    "open_",
    "fdopen",
    "FileIO",
    "scandir",
    "listdir",
    "walk",
    "iterdir",
    "read_text",
    "read_bytes",
}
ALLOWED = {
    "_high.py": "the way itself",
    "_own_folder.py": "where the way is not to be had",
    "_libc.py": "one that only makes room, before a second thread is there",
    "hosts/qt_dialog.py": "a buffer of Qt, in memory",
    "instruments/files/instrument.py": "what the host opens",
    "drain/launch/start.py": "runs in the drain's own process",
    "drain/launch/localcopy.py": "runs in the drain's own process",
    "drain/launch/posix.py": "macOS, where this is not to be had",
    "drain/launch/manifest.py": "the writing of it runs in the drain's own process",
}


def is_in_the_host(path: Path) -> bool:
    name = path.relative_to(PACKAGE).as_posix()
    return not name.startswith(ELSEWHERE) or name.startswith(IN_THE_HOST_ALL_THE_SAME)


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def openings(source: str) -> list[int]:
    """Return the lines on which something is opened by one of Python's own ways."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = [(call.lineno, getattr(call.func, "id", getattr(call.func, "attr", ""))) for call in calls]
    return [line for line, name in names if name in OPENING]


@pytest.mark.parametrize("path", sorted(filter(is_in_the_host, PACKAGE.rglob("*.py"))), ids=name_of)
def test_nothing_is_opened_at_a_low_number(path: Path) -> None:
    assert name_of(path) in ALLOWED or openings(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line", ["with open(p) as f: pass", "x = os.open(p, 0)", "io.FileIO(p)", "p.read_text()"]
)
def test_each_way_is_seen(line: str) -> None:
    assert openings(line) == [1]
