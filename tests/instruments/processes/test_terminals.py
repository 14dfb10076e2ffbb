"""pty.spawn: a child at a terminal of its own."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import pty

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")

PROGRAM = """
import os, pty, sys, clientobs
clientobs.init("host", drain="off")
with clientobs.span("publish"):
    status = pty.spawn(["sh", "-c", "echo $TRACEPARENT; exit 5"], stdin_read=lambda fd: b"")
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_child_has_its_span_its_context_and_its_end(home: Path) -> None:
    done = run_program(PROGRAM)
    assert done.returncode == 5, done.stderr
    found = seen(home)
    (child,) = [span for span in found.spans if "process.command_args" in span.attributes]
    assert child.attributes["process.exit.code"] == 5
    assert child.attributes["process.pid"] > 0
    assert child.parent_id == found.span("publish").span_id
    assert f"00-{child.trace_id:032x}-{child.span_id:016x}" in done.stdout
    assert len({placed.header.run for placed in found.placed}) == 1  # the fork recorded nothing of its own


def test_a_fork_of_the_programs_own_is_no_child_program(home: Path) -> None:
    program = """
        import os, pty, clientobs
        clientobs.init("host", drain="off")
        with clientobs.span("publish"):
            pid, terminal = pty.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
    """
    done = run_program(program, flags=("-W", "ignore::DeprecationWarning"))
    assert (done.returncode, done.stderr) == (0, "")
    assert [span.name for span in seen(home).spans] == ["publish"]


def test_an_argument_that_is_none_is_refused_as_without_us(runtime: object) -> None:
    with pytest.raises(TypeError) as caught:
        pty.spawn()  # type: ignore[call-arg]
    assert "argv" in str(caught.value)
