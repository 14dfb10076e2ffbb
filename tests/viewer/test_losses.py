"""Every reason that the code counts a loss under is explained, and no other."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import clientobs
from clientobs.viewer.losses import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(clientobs.__file__).parent
# Words that reach a ledger by a function's result or a table, where no call names both.
PASSED_ON = {
    "journal/writer.py": {"oversize", "closed"},
    "journal/lanes.py": {"reentrant"},
    "drain/runs/tail.py": {"damaged", "torn"},
    "_loss.py": {"other"},
    "drain/logfiles/cursor.py": {"log_file_rotated", "log_file_long"},
    "drain/logfiles/source.py": {"log_files_many"},
}
LEDGERS = {"_loss", "loss"}


def _reasons() -> dict[str, set[str]]:
    """Return reason -> the files that count it."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCES.rglob("*.py")):
        name = path.relative_to(SOURCES).as_posix()
        if name.startswith(("cli/", "viewer/")):
            continue
        text = path.read_text(encoding="utf-8")
        reasons = set(_counted(ast.parse(text))) | {word for word in PASSED_ON.get(name, ()) if word in text}
        for reason in reasons:
            found.setdefault(reason, set()).add(name)
    return found


def _counted(tree: ast.Module) -> Iterator[str]:
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(target := node.target, ast.Name)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == "Share":
            yield from _texts(*(line.value for line in node.body if isinstance(line, ast.AnnAssign)))
        if isinstance(node, ast.Call):
            yield from _texts(*_words_of(node))
            for name in _words_of(node):
                if isinstance(name, ast.Name) and name.id in constants:
                    yield constants[name.id]


def _words_of(call: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call that are reasons of a loss."""
    if isinstance(call.func, ast.Name):
        share = call.func.id == "Share"
        return [keyword.value for keyword in call.keywords if share and keyword.arg == "reason"]
    if not isinstance(call.func, ast.Attribute):
        return []
    name, of = call.func.attr, ast.unparse(call.func.value).rpartition(".")[2]
    if name == "add" and of in LEDGERS:
        return call.args[:1]
    if name in {"pause", "remove"} and len(call.args) == 2:
        return call.args[1:]
    if name.endswith("count_loss"):
        return call.args
    return call.args if name == "_landed" or (name, of) == ("append", "reasons") else []


def _texts(*nodes: ast.expr | None) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.IfExp):
            yield from _texts(node.body, node.orelse)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            yield node.value


def test_every_reason_in_the_code_is_explained_and_no_other() -> None:
    counted = _reasons()
    unexplained = {reason: files for reason, files in counted.items() if reason not in MEANINGS}
    assert unexplained == {}
    assert MEANINGS.keys() - counted.keys() == set()


def test_each_reason_says_what_is_gone_and_what_to_do() -> None:
    for reason, meaning in MEANINGS.items():
        assert meaning.gone.endswith("."), reason
        assert meaning.remedy, reason
        assert not meaning.remedy.endswith("."), reason
