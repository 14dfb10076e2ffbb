"""QProcess: told of by Qt's own signals, whoever starts the process, and left as it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from support.qt import answer_of_qt, bindings
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs that are run are those of POSIX")

RUN = """
def run(program, words, **options):
    process = core.QProcess()
    process.finished.connect(lambda *_: said.append(bytes(process.readAllStandardError()).decode()))
    process.start(program, words)
    process.waitForFinished()
    return process
said = []
"""


def children(home: Path) -> list[dict[str, Any]]:
    found = [span for span in seen(home).spans if "process.command_args" in span.attributes]
    found.sort(key=lambda span: span.start_ns)
    return [{**span.attributes, "parent": span.parent_id, "id": span.span_id} for span in found]


@bindings()
def test_a_child_has_one_span_with_its_end_and_its_words(binding: str, home: Path) -> None:
    program = """
with clientobs.span("publish") as publish:
    run("sh", ["-c", "exit 0"])
    run("sh", ["-c", "echo Unknown encoder >&2; exit 3"])
print(json.dumps([said, id_of(publish)]))
"""
    said, publish = answer_of_qt(binding, RUN + program)
    good, bad = children(home)
    assert said == ["", "Unknown encoder\n"]
    assert (good["process.exit.code"], bad["process.exit.code"]) == (0, 3)
    assert good["parent"] == bad["parent"] == publish
    assert good["process.pid"] > 0
    (failed,) = seen(home).events("process.failed")
    assert failed.body.endswith("Unknown encoder")


@bindings()
def test_a_missing_program_and_a_signal_are_told(binding: str, home: Path) -> None:
    program = """
run("no-such-program-here", [])
killed = core.QProcess(); killed.start("sleep", ["600"]); killed.waitForStarted()
os.system(f"kill -9 {killed.processId()}"); killed.waitForFinished()
stopped = core.QProcess(); stopped.start("sleep", ["600"]); stopped.waitForStarted()
stopped.kill(); stopped.waitForFinished()
print(json.dumps([killed.exitCode()]))
"""
    answer_of_qt(binding, RUN + program)
    missing, killed, _, stopped = children(home)  # the third is the kill
    assert (killed["process.exit.code"], stopped["process.exit.code"]) == (-9, -9)
    assert missing["error.type"] == "FileNotFoundError"
    bodies = [log.body for log in seen(home).events("process.failed")]
    assert len(bodies) == 2  # kill() is the program's own wish
    assert "PATH" in bodies[0]
    assert "SIGKILL" in bodies[1]


@bindings()
def test_the_context_reaches_the_child_and_no_environment_of_the_program_s(binding: str, home: Path) -> None:
    program = """
def listed(process): return sorted(process.processEnvironment().toStringList())
inheriting = core.QProcess()
inheriting.start("sh", ["-c", "echo $TRACEPARENT"])
between = listed(inheriting)
inheriting.waitForFinished()
own = core.QProcess()
environment = core.QProcessEnvironment(); environment.insert("A", "1")
own.setProcessEnvironment(environment)
own.start("/usr/bin/env", [])
own.waitForFinished()
empty = core.QProcess()
carrying = core.QProcessEnvironment(); carrying.insert("TRACEPARENT", "mine")
empty.setProcessEnvironment(carrying)
empty.start("/usr/bin/env", [])
empty.waitForFinished()
texts = [bytes(each.readAllStandardOutput()).decode() for each in (inheriting, own, empty)]
print(json.dumps([between, listed(inheriting), listed(own), texts, "TRACEPARENT" in os.environ]))
"""
    between, after, own, (first, second, third), leaked = answer_of_qt(binding, RUN + program)
    ids = [f"{child['id']:016x}" for child in children(home)]
    assert (between, after, own, leaked) == ([], [], ["A=1"], False)
    assert ids[0] in first
    assert second.startswith("A=1\nTRACEPARENT=")
    assert ids[1] in second
    assert third == "TRACEPARENT=mine\n"


@bindings()
def test_execute_and_start_detached_are_told(binding: str, home: Path) -> None:
    program = """
codes = [core.QProcess.execute("sh", ["-c", "exit 7"]), core.QProcess.execute("no-such-program", [])]
started = core.QProcess.startDetached("true", [])
print(json.dumps([codes, bool(started[0] if isinstance(started, tuple) else started)]))
"""
    assert answer_of_qt(binding, program) == [[7, -2], True]
    by_name = {child["process.command_args"][0]: child for child in children(home)}
    assert by_name["sh"]["process.exit.code"] == 7
    assert by_name["no-such-program"]["error.type"] == "FileNotFoundError"
    assert by_name["true"]["process.outcome"] == "detached"


SEES = """
import json, os, sys
with open(sys.argv[1], "w") as file:
    status = open("/proc/self/status").read().splitlines()
    json.dump({
        "argv": sys.argv, "cwd": os.getcwd(), "session": os.getsid(0) == os.getpid(),
        "parent": os.getppid() == int(os.environ["THE_PARENT"]), "group": os.getpgrp() == os.getpid(),
        "signals": [line for line in status if line.startswith(("SigBlk", "SigIgn", "Umask"))],
        "streams": [os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in range(3)],
        "same": [os.readlink(f"/proc/self/fd/{n}") == os.readlink(f"/proc/{os.environ['THE_PARENT']}/fd/{n}")
                 for n in range(3)],
        "open": sorted(name for name in os.listdir("/proc/self/fd") if int(name) < 100),
        "environ": {name: value for name, value in os.environ.items() if name not in ("TRACEPARENT", "BAGGAGE")},
        "context": os.environ.get("TRACEPARENT"),
    }, file)
os.rename(sys.argv[1], sys.argv[1] + ".done")
"""


@bindings()
@pytest.mark.parametrize("call", ["execute", "detached", "in a folder"])
def test_a_child_without_an_object_sees_what_it_would_have_seen_and_its_trace(
    binding: str, call: str, home: Path, tmp_path: Path
) -> None:
    program = f"""
SEES = {SEES!r}
os.environ["THE_PARENT"] = str(os.getpid())
os.environb[b"ODD"] = b"\\xff\\xfe"
core.QProcess.execute("true", [])
name = sys.argv[2]
words = ["-I", "-S", "-c", SEES, name]
clientobs.set_context(shot="sh010")
answer = {{
    "execute": lambda: core.QProcess.execute(sys.executable, words),
    "detached": lambda: core.QProcess.startDetached(sys.executable, words),
    "in a folder": lambda: core.QProcess.startDetached(sys.executable, words, "/usr"),
}}[{call!r}]()
until = time.monotonic() + 30
while not os.path.exists(name + ".done") and time.monotonic() < until: time.sleep(0.01)
with open(name + ".done") as file: saw = json.load(file)
answer = [type(answer).__name__, [type(part).__name__ for part in answer] if isinstance(answer, tuple) else answer]
print(json.dumps([answer, saw]))
"""
    ours, seen_by_child = answer_of_qt(binding, program, str(tmp_path / "saw"))
    (tmp_path / "saw.done").unlink()
    bare, seen_bare = answer_of_qt(binding, program, str(tmp_path / "saw"), "bare")
    context, nothing = seen_by_child.pop("context"), seen_bare.pop("context")
    for told in (seen_by_child, seen_bare):
        told["environ"].pop("THE_PARENT")
    assert (ours, seen_by_child) == (bare, seen_bare)
    assert nothing is None
    ids = [f"{child['id']:016x}" for child in children(home)]
    assert len(ids) == 2
    # PySide's objects do not tell the pid that its static function answers with.
    without = (binding == "PySide6" and call != "execute") or (binding, call) == ("PySide2", "in a folder")
    assert (context or "---").split("-")[2] == ("" if without else ids[-1])


@bindings()
def test_a_command_in_one_text_is_told_and_left_to_the_binding(binding: str, home: Path) -> None:
    program = """
sys.stderr = open(os.devnull, "w")
print(json.dumps([core.QProcess.execute("true"), core.QProcess.execute("false", ()),
                  core.QProcess.execute("no such program")]))
"""
    assert answer_of_qt(binding, program) == answer_of_qt(binding, program, "bare")
    assert [child["process.command_args"][0] for child in children(home)[:2]] == ["true", "false"]


@bindings()
def test_errors_and_slots_are_the_bindings_own(binding: str) -> None:
    program = """
class Button(core.QObject):
    clicked = Signal(bool)
process = core.QProcess; one = process()
calls = [lambda: process.execute(3), lambda: process.execute("a", "b", "c", "d"), lambda: process.execute(),
         lambda: process.startDetached(1, 2, 3, 4, 5), lambda: one.start(1, 2, 3), lambda: process.start(1),
         lambda: process.execute("a", [1]), lambda: one.kill(9)]
button = Button()
waiting = core.QProcess(); waiting.setProgram("true")
sys.stderr = open(os.devnull, "w")
button.clicked.connect(waiting.start); button.clicked.emit(True)
answer = [text_of(call) for call in calls]
print(json.dumps([*answer, waiting.waitForFinished()]))
"""
    assert answer_of_qt(binding, program) == answer_of_qt(binding, program, "bare")


@bindings()
def test_an_object_is_not_kept_and_one_that_is_gone_is_not_touched(binding: str, home: Path) -> None:
    program = """
process = core.QProcess()
process.start("sleep", ["600"]); process.waitForStarted()
gone = weakref.ref(process)
del process
gc.collect()
parent = core.QObject(); orphan = core.QProcess(parent)
del parent
gc.collect()
print(json.dumps([gone() is None, text_of(lambda: orphan.start("true", [])).partition(":")[0]]))
"""
    assert answer_of_qt(binding, program) == [True, "RuntimeError"]
    (child,) = children(home)
    assert child["process.exit.code"] == -9
