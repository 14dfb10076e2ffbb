"""CPython's own tests end as they do without us; the nox session `transparency` runs all of them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from transparency import QUICK, differences, outcomes

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("test.libregrtest") is None,
    reason="this interpreter comes without its own tests, as Debian's does",
)


@pytest.mark.parametrize("module", QUICK)
def test_cpython_s_own_tests_end_alike(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDEVMODE", raising=False)
    bare = outcomes(module, tmp_path, recording=False)
    ours = outcomes(module, tmp_path, recording=True)
    assert len(bare) > 5, bare
    assert "passed" in bare.values()
    assert differences(bare, ours) == {}


def test_a_suite_of_which_nothing_passes_proves_nothing_and_is_a_fault(tmp_path: Path) -> None:
    suite = tmp_path / "fileseq-0.0.1" / "test"
    suite.mkdir(parents=True)
    (suite / "test_unit.py").write_text("import a_library_that_is_not_installed\n")
    program = Path(__file__).parents[1] / "transparency.py"
    done = subprocess.run(
        [sys.executable, program, suite.parent], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "fileseq-0.0.1: 1 tests, 0 pass, 0 differ" in done.stdout
    assert done.returncode == 1


def test_a_test_that_ends_differently_is_found() -> None:
    assert differences({"a": "passed", "b": "passed"}, {"a": "passed"}) == {"b": ("passed", "missing")}
