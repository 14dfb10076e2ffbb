"""A host with several interpreters in one process, where a sitecustomize starts clientobs in each of them."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

INSIDE = """
import clientobs
runtime = clientobs.init("inside", drain="off")
assert runtime.running, runtime.reason
with clientobs.span("work"): pass
"""
PROGRAM = f"""
import _testcapi
assert _testcapi.run_in_subinterp({INSIDE!r}) == 0
print("went on")
"""


@pytest.mark.skipif(
    importlib.util.find_spec("_testcapi") is None,
    reason="this interpreter comes without the module that makes interpreters as an embedding program does",
)
def test_an_interpreter_that_records_ends_without_ending_the_process(home: Path) -> None:
    done = run_program(PROGRAM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")
    assert seen(home).span("work")
