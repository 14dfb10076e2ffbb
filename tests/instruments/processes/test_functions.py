"""os.system, os.exec* and the way into OpenTelemetry's own tools."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

import clientobs
from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from instruments.processes.conftest import Family


def test_a_program_that_becomes_another_says_so_and_ends_cleanly(home: Path) -> None:
    program = """
        import os, sys, clientobs
        clientobs.init("launcher")
        with clientobs.span("launch"):
            os.execvp("env", ["env", "--", sys.executable, "-S", "-c", "print('replaced')"])
    """
    done = run_program(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "replaced\n", "")
    found = seen(home)
    (told,) = found.events("process.exec")
    assert told.body == "This process becomes env"
    assert told.attributes["process.command_args"][0] == "env"
    (end,) = found.events("session.end")
    assert end.attributes["session.status"] == "exited"


@pytest.mark.skipif(os.execve not in os.supports_fd, reason="no exec of a descriptor on this system")
def test_one_that_becomes_an_open_file_says_so_too(home: Path) -> None:
    program = """
        import os, sys, clientobs
        clientobs.init("launcher")
        program = os.open(sys.executable, os.O_RDONLY)
        os.execve(program, ["replaced", "-S", "-c", "print('replaced')"], dict(os.environ))
    """
    done = run_program(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "replaced\n", "")
    found = seen(home)
    (told,) = found.events("process.exec")
    assert told.body == "This process becomes replaced"
    (end,) = found.events("session.end")
    assert end.attributes["session.status"] == "exited"


def test_a_program_that_could_not_become_another_says_nothing(family: Family) -> None:
    with pytest.raises(FileNotFoundError):
        os.execv("/nonexistent", ["x"])
    with pytest.raises(FileNotFoundError):
        os.execvp("no-such-program", ["x"])
    with clientobs.span("still here"):
        pass
    found = family.recorded()
    assert not found.events("process.exec")
    assert found.span("still here")


@pytest.mark.skipif(sys.platform != "linux", reason="runs /bin/true")
def test_children_are_detached_when_their_parent_becomes_another_program(home: Path) -> None:
    program = """
        import os, subprocess, sys, clientobs
        clientobs.init("launcher")
        child = subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=-1)
        os.set_inheritable(child.stdin.fileno(), False)
        os.execv("/bin/true", ["true"])
    """
    assert run_program(program).returncode == 0
    (child,) = seen(home).spans
    assert child.attributes["process.outcome"] == "detached"


@pytest.mark.skipif(os.name != "posix", reason="the shell's echo")
@pytest.mark.usefixtures("home")
def test_a_command_that_is_run_when_no_name_is_left_runs() -> None:
    program = """
        import os, sys, clientobs
        clientobs.init("t")
        class Late:
            def __init__(self, system=os.system): self.me, self.system = self, system
            def __del__(self): self.system("echo late")
        sys.kept = Late()
    """
    done = run_program(program)
    assert (done.stdout, done.stderr) == ("late\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="runs /bin/true")
def test_a_forked_child_of_spawn_announces_no_exec(family: Family) -> None:
    os.spawnv(os.P_WAIT, "/bin/true", ["true"])
    found = family.recorded()
    assert not found.events("process.exec")
    assert [span.name for span in found.spans] == ["true"]


def test_a_host_that_never_starts_a_process_imports_no_more_for_it(home: Path) -> None:
    program = """
        import sys, clientobs
        import clientobs.instruments.processes
        print(sorted({"subprocess", "psutil", "asyncio", "multiprocessing"} & set(sys.modules)))
    """
    assert run_program(program).stdout == "[]\n"
