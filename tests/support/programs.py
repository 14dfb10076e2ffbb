"""Run small programs that use clientobs in an interpreter of their own, as a host would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clientobs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["answer_of", "run_program"]

# The program runs the very code that the test has imported, installed or not.
_SOURCES = str(Path(clientobs.__file__).parents[1])


def run_program(
    source: str,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    timeout: float = 60,
    flags: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `source`; the journal home is that of the calling test unless `environ` says otherwise."""
    return subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(source), *arguments],
        env={**os.environ, "PYTHONPATH": _SOURCES, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=Path(__file__).parent,  # not the checkout: a program must not import from where it stands
    )


def answer_of(source: str, *arguments: str, **settings: Any) -> Any:
    """Run `source`, which ends by printing one line of JSON, and return that."""
    done = run_program(source, *arguments, **settings)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout.splitlines()[-1])
