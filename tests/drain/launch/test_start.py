"""What `start.py` does before there is a drain; its effects on one are in test_launch.py."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clientobs.drain.launch import start, surroundings

SCRIPT = Path(start.__file__)


def test_any_interpreter_since_3_6_can_read_it() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))
    assert "annotations" not in SCRIPT.read_text()  # `from __future__ import annotations` came with 3.7


def test_it_needs_nothing_but_the_standard_library_before_it_knows_its_interpreter() -> None:
    top = [
        node for node in ast.parse(SCRIPT.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    assert not [node for node in top if isinstance(node, ast.ImportFrom)]
    assert names == {"contextlib", "json", "os", "signal", "sys"}


def test_its_names_of_variables_are_those_of_the_launcher() -> None:
    ours = {name: value for name, value in vars(start).items() if str(value).startswith("CLIENTOBS_DRAIN_")}
    assert {f"_{name}": value for name, value in vars(surroundings).items() if f"_{name}" in ours} == ours


@pytest.mark.skipif(os.name != "posix", reason="hands on by exec")
def test_where_no_candidate_is_fit_the_reasons_are_written_down(tmp_path: Path) -> None:
    (tmp_path / "drain").mkdir()
    (tmp_path / "other").symlink_to(sys.executable)
    environ = {surroundings.CANDIDATES: json.dumps([str(tmp_path / "other")]), surroundings.IMPORT_PATH: "[]"}
    # -S: without site-packages no interpreter finds clientobs
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", SCRIPT, "--home", tmp_path, "--destination", "d1"],
        env=environ, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 78
    unfit = json.loads((tmp_path / "drain/interpreter.failed").read_text())["unfit"]
    assert [reason for _, reason in unfit] == [
        "can't import what the drain needs: No module named 'clientobs'"
    ] * 2


def test_a_fault_leaves_its_last_words_for_the_doctor(tmp_path: Path) -> None:
    (tmp_path / "drain").mkdir()
    site = tmp_path / "site/clientobs/drain"
    site.mkdir(parents=True)
    for package in (site.parent, site):  # without it an installed clientobs would win over a namespace
        (package / "__init__.py").write_text("")
    (site / "__main__.py").write_text("def main(argv): raise RuntimeError('broken installation')")
    environ = {
        surroundings.IMPORT_PATH: json.dumps([str(tmp_path / "site")]),
        "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),
    }
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT, "--home", tmp_path, "--destination", "d1"],
        env=environ, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "RuntimeError: broken installation" in (tmp_path / "drain/last-words.txt").read_text()
