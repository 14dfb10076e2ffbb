"""A host with several interpreters in one process: each one that records comes to its end, and so does the host."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
INSIDE = """
import clientobs
runtime = clientobs.init("inside", drain="off")
with clientobs.span("work"): pass
"""
PROGRAM = f"""
import {MODULE} as interpreters
one = interpreters.create({{isolated}})
interpreters.run_string(one, {INSIDE!r})
interpreters.destroy(one)
print("went on")
"""


@pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="from 3.12 on an interpreter made in Python may not have daemon threads",
)
def test_an_interpreter_that_records_ends_without_ending_the_process(home: Path) -> None:
    done = run_program(PROGRAM.format(isolated="isolated=False"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")
    assert seen(home).span("work")
