"""Each example shows what its docstring promises, and says nothing else."""

from __future__ import annotations

import ast
import doctest
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PROMISE = "You will see"
ON_POSIX_ONLY = {"killed", "native_crash"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_shows_what_it_promises(example: Path, tmp_path: Path) -> None:
    if example.stem in ON_POSIX_ONLY and os.name == "nt":
        pytest.skip("kill -9 is a thing of POSIX")
    done = subprocess.run(
        [sys.executable, "-X", "dev", example],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    wanted = promise_of(example)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    checker = doctest.OutputChecker()
    difference = checker.output_difference(doctest.Example("", wanted), done.stdout, options)
    assert checker.check_output(wanted, done.stdout, options), difference


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(example: Path) -> None:
    lines = example.read_text(encoding="utf-8").count("\n")
    assert 20 <= lines <= 60


def promise_of(example: Path) -> str:
    """Return the indented block at the end of the docstring, as it is printed."""
    docstring = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))) or ""
    _, found, rest = docstring.partition(PROMISE)
    assert found, f"{example.name}: the docstring does not say {PROMISE!r}"
    return textwrap.dedent(rest.partition("\n\n")[2].strip("\n")) + "\n"
