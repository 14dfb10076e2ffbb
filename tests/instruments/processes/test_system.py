"""os.system: a child that records joins the trace, and no child sees an environment that is not the program's."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments.processes.environment import Inherited
from clientobs.record.doorstep import Doorstep, completed
from instruments.processes.conftest import python
from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from instruments.processes.conftest import Family

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells a thread's children")

SOURCES = str(Path(clientobs.__file__).parents[1])
RECORDS = """
import sys; sys.path.insert(0, sys.argv[1])
import clientobs
clientobs.init("child", drain="off", exit_flush=0)
with clientobs.span(sys.argv[2]): pass
"""
TELLS = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
OTHERS = "00-11111111111111111111111111111111-2222222222222222-01"


def recording(name: str) -> str:
    return shlex.join([sys.executable, "-c", RECORDS, SOURCES, name])


def notes(home: Path) -> list[str]:
    return os.listdir(home / "calls") if (home / "calls").exists() else []


@pytest.mark.parametrize(
    "form", ["{}", "cd / && {}; true", "({}) | cat", "sh -c {!r}"], ids=["plain", "list", "pipe", "shell"]
)
def test_a_child_that_records_joins_below_the_call_whatever_the_shell_makes_of_it(
    family: Family, form: str
) -> None:
    with clientobs.context(shot="sh020"), clientobs.span("publish"):
        trace = clientobs.trace_id()
        command = recording("inside")
        os.system(form.format(command) if "!r" not in form else f"sh -c {shlex.quote(command)}")
    found = family.recorded()
    (inside,) = [one for one in found.spans if one.name == "inside"]
    assert f"{inside.trace_id:032x}" == trace
    calls = [one.span_id for one in found.spans if one.attributes.get("process.launcher") == "os.system"]
    assert [inside.parent_id] == calls
    placed = next(one for one in found.placed if one.record is inside)
    assert placed.production["production.shot"] == "sh020"
    assert notes(family.home) == []


def test_calls_of_several_threads_lead_each_child_to_its_own(family: Family) -> None:
    program = """
        import os, sys, threading, clientobs
        clientobs.init("parent", drain="off", exit_flush=0)
        def call(name, command):
            with clientobs.span("publish " + name):
                os.system(command)
        threads = [threading.Thread(target=call, args=pair) for pair in zip(*[iter(sys.argv[1:])] * 2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """

    names = [f"inside {number}" for number in range(3)]
    done = run_program(program, *(word for name in names for word in (name, recording(name))))
    assert (done.returncode, done.stderr) == (0, "")
    found = seen(family.home)
    parents = {span.span_id: span for span in found.spans}
    for name in names:
        call = parents[found.span(name).parent_id]
        assert parents[call.parent_id].name == f"publish {name}"


def test_no_child_sees_an_environment_that_is_not_the_program_s(family: Family, tmp_path: Path) -> None:
    def told() -> Any:
        os.system(shlex.join([*python(TELLS), str(tmp_path / "told")]))
        return json.loads((tmp_path / "told").read_text())

    before = Inherited({})._read()  # type: ignore[misc]  # there is one on this system
    with clientobs.span("publish"):
        ours = told()
    assert Inherited({})._read() == before  # type: ignore[misc]
    clientobs.uninstrument("processes")
    assert told() == ours


def test_a_traceparent_that_the_command_sets_wins(family: Family) -> None:
    with clientobs.span("publish"):
        os.system(f"TRACEPARENT={OTHERS} {recording('elsewhere')}")
    assert f"{family.recorded().span('elsewhere').trace_id:032x}" == OTHERS.split("-")[1]


def test_a_call_that_fails_leaves_no_note(family: Family) -> None:
    with clientobs.span("publish"), pytest.raises(ValueError, match="null"):
        os.system("a\0b")
    assert notes(family.home) == []


def test_a_program_that_gets_no_context_finds_no_note(tmp_path: Path) -> None:
    assert Doorstep(str(tmp_path)).leave({}, "") == ""
    assert Doorstep(None).leave({"TRACEPARENT": OTHERS}, "") == ""
    assert os.listdir(tmp_path) == []


def test_a_note_of_a_process_that_was_killed_is_taken_away_and_meant_for_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    for name in (f"{os.getppid()}.1.{os.getppid()}", "999999.7.1", "odd"):
        (folder / name).write_text(f"TRACEPARENT={OTHERS}")
    assert completed({"A": "1"}, str(tmp_path)) == {"A": "1"}
    path = Doorstep(str(tmp_path)).leave({"TRACEPARENT": OTHERS}, "")
    assert os.listdir(folder) == [os.path.basename(path)]


def test_threads_that_leave_the_first_notes_at_once_all_leave_theirs(tmp_path: Path) -> None:
    for round_ in range(20):
        doorstep = Doorstep(str(tmp_path / str(round_)))
        os.mkdir(tmp_path / str(round_))
        gate = threading.Barrier(8)
        left: list[str] = []

        def leave(
            doorstep: Doorstep = doorstep, gate: threading.Barrier = gate, left: list[str] = left
        ) -> None:
            gate.wait()
            left.append(doorstep.leave({"TRACEPARENT": OTHERS}, ""))
            gate.wait()  # no thread's number is used again meanwhile

        threads = [threading.Thread(target=leave) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(left)) == 8
        assert {name.split(".")[1] for name in map(os.path.basename, left)} != {""}
        assert sorted(os.listdir(tmp_path / str(round_) / "calls")) == sorted(map(os.path.basename, left))


def test_a_traceparent_of_the_program_s_own_start_gives_way_and_another_stays(tmp_path: Path) -> None:
    program = """
        import os, sys
        from clientobs.record.doorstep import completed
        print(completed({"TRACEPARENT": sys.argv[2]}, sys.argv[1]).get("TRACEPARENT"))
    """
    doorstep = Doorstep(str(tmp_path))
    path = doorstep.leave({"TRACEPARENT": OTHERS}, "00-start")

    said = [run_program(program, str(tmp_path), given).stdout.strip() for given in ("00-start", "00-own")]
    doorstep.take_away(path)
    assert said == [OTHERS, "00-own"]
