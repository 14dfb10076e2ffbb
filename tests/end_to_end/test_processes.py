"""Failures of child processes, known from what the endpoint received.

The programs were not written to please a test: they call init(), open a span, and swallow what goes wrong.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.memory_bound import MemoryBound

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Inbox, Telemetry
    from support.workstation import Workstation

if sys.platform != "win32":
    import resource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and signals as Linux tells them")

TOOL = """
    import subprocess
    clientobs.init("publisher", version="2.1")

    def run_tool(command, **settings):
        try:
            subprocess.run(command, check=True, **settings)
        except Exception:
            return False
        return True

    with clientobs.context(project="demo", shot="sq010_sh020"), clientobs.span("publish"):
        command, settings = json.loads(sys.argv[1])
        say(run_tool(command, **settings))
"""
FFMPEG = """
import sys, time
time.sleep(0.3)  # what it takes to find out
sys.stderr.write("Input #0, image2, from 'plate.%04d.exr':\\n")
sys.stderr.write("Unknown encoder 'libx265'\\n")
sys.exit(1)
"""

PRODUCTION = {"project": "demo", "shot": "sq010_sh020"}


@pytest.fixture
def ffmpeg(tmp_path: Path) -> str:
    """Return a program of that name that fails as it does."""
    path = tmp_path / "ffmpeg"
    path.write_text(f"#!{sys.executable} -IS\n{FFMPEG}")
    path.chmod(0o755)
    return str(path)


def publish(
    desk: Workstation, receiver: Inbox, command: object, spans: int = 2, **settings: object
) -> tuple[Telemetry, list[Telemetry]]:
    """Run the tool; return its child's span and the events of the trace."""
    desk.run(TOOL, json.dumps([command, settings]))
    receiver.wait_for(lambda: len(receiver.spans()) >= spans, 30)
    by_name = {one.record.name: one for one in receiver.spans()}
    root = by_name["publish"].record
    (child,) = [one for one in receiver.spans() if one.record.parent_span_id == root.span_id]
    assert child.record.trace_id == root.trace_id
    events = [one for one in receiver.logs() if one.record.event_name.startswith("process.")]
    for one in (child, *events):
        assert_always(one, desk, service=("publisher", "2.1"), production=PRODUCTION)
    return child, events


@pytest.mark.diagnosis("failed-child")
def test_a_tool_that_ends_with_1_has_said_why(desk: Workstation, receiver: Inbox, ffmpeg: str) -> None:
    command = [ffmpeg, "-i", "plate.%04d.exr", "--password", "hunter2", "out.mov"]
    child, (told,) = publish(desk, receiver, command, capture_output=True)
    facts = child.attributes
    assert child.record.name == facts["process.executable.name"] == "ffmpeg"
    assert list(facts["process.command_args"]) == [*command[:4], "[redacted]", "out.mov"]
    assert facts["process.exit.code"] == 1
    assert facts["process.stderr.end"].splitlines() == [
        "Input #0, image2, from 'plate.%04d.exr':",
        "Unknown encoder 'libx265'",
    ]
    lasted = child.record.end_time_unix_nano - child.record.start_time_unix_nano
    assert 0.3e9 < lasted < 60e9
    assert told.record.event_name == "process.failed"
    body = told.record.body.string_value
    assert body.startswith("ffmpeg ended with code 1 after ")
    assert body.endswith(": Unknown encoder 'libx265'")
    assert told.record.span_id == child.record.span_id
    assert child.record.status.message == body
    assert "hunter2" not in str(told.record)


@pytest.mark.diagnosis("missing-program")
def test_a_program_that_is_not_on_path(desk: Workstation, receiver: Inbox) -> None:
    desk.environ["PATH"] = "/opt/studio/bin:/usr/bin"
    child, (told,) = publish(desk, receiver, ["oiiotool-9", "in.exr"])
    facts = told.attributes
    assert facts["process.executable.name"] == "oiiotool-9"
    assert facts["process.search_path"] == "/opt/studio/bin:/usr/bin"
    assert facts["code.function.name"] == "run_tool"
    line = (
        desk.command(TOOL)[4].splitlines().index("        subprocess.run(command, check=True, **settings)")
        + 1
    )
    assert (facts["code.file.path"], facts["code.line.number"]) == ("<string>", line)
    assert "oiiotool-9 could not be started: it is not on PATH (/opt/studio/bin:/usr/bin)" in (
        told.record.body.string_value
    )
    assert child.attributes["error.type"] == "FileNotFoundError"


def test_a_child_that_is_killed(desk: Workstation, receiver: Inbox) -> None:
    # A process has the peak of its launcher at least: more than that of the tests is told of the child.
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + (64 << 20)
    source = f"import os; x = b'x' * {size}; os.kill(os.getpid(), 9)"
    child, (told,) = publish(desk, receiver, [sys.executable, "-I", "-S", "-c", source])
    facts = told.attributes
    assert facts["process.exit.signal"] == "SIGKILL"
    assert facts["process.used.memory"] > size
    assert facts["machine.memory.total"] >= facts["machine.memory.available"] > 0
    assert facts["machine.memory.short"] is False
    assert "was killed by SIGKILL after" in told.record.body.string_value
    assert child.attributes["process.exit.code"] == -9


BAKE = """
    import subprocess
    clientobs.init("publisher", version="2.1")
    # 40 MiB a second: of what the kernel takes back before the end, only a look in between knows (each two seconds).
    grow = "import sys, time; sys.stdin.readline(); held = []\\n"
    grow += "while True: held.append(bytes(range(256)) * 16384); time.sleep(0.1)"
    with clientobs.context(project="demo", shot="sq010_sh020"), clientobs.span("bake"):
        child = subprocess.Popen([sys.executable, "-I", "-S", "-c", grow], stdin=subprocess.PIPE)
        say(child.pid)
        wait()
        child.communicate(b"go on")
"""


@pytest.mark.diagnosis("child-out-of-memory")
@pytest.mark.parametrize("bounded", ["the child", "the host and its children, as on a farm"])
def test_a_child_that_the_kernel_kills_for_memory(desk: Workstation, receiver: Inbox, bounded: str) -> None:
    if not MemoryBound.allowed():
        pytest.skip("no memory cgroup can be made here (needs root and a cgroup that is writable)")
    size = 256 << 20
    with MemoryBound(size) as bound:
        host = desk.start(BAKE)
        bound.take(host.heard())
        if bounded != "the child":
            bound.take(host.pid)
        host.go()
        assert host.end() == 0
        assert bound.kills() == 1
    receiver.wait_for(lambda: len(receiver.spans()) == 2, 30)
    (told,) = [one for one in receiver.logs() if one.record.event_name == "process.failed"]
    facts = told.attributes
    assert facts["process.exit.signal"] == "SIGKILL"
    assert facts["process.exit.sender"] == "kernel"
    assert size / 2 < facts["process.used.memory"] < size * 1.2  # what others had loaded is not bounded
    assert facts["machine.memory.short"] is True
    assert facts["machine.memory.available"] > 0
    if bounded != "the child":
        assert facts["machine.memory.total"] == size
    body = told.record.body.string_value
    assert " was killed by SIGKILL after " in body
    assert " by the kernel, for lack of memory (it had used " in body
    assert_always(told, desk, service=("publisher", "2.1"), production=PRODUCTION)


@pytest.mark.diagnosis("empty-file")
def test_code_0_and_an_empty_file(desk: Workstation, receiver: Inbox, tmp_path: Path) -> None:
    out = str(tmp_path / "beauty.1001.exr")
    source = "import sys; open(sys.argv[-1], 'w').close()"
    child, (told,) = publish(desk, receiver, [sys.executable, "-I", "-S", "-c", source, "-o", out])
    assert told.record.event_name == "process.files_empty"
    assert list(told.attributes["process.files.empty"]) == [out]
    assert told.record.span_id == child.record.span_id
    assert told.attributes["process.executable.name"] == os.path.basename(sys.executable)
    assert child.attributes["process.exit.code"] == 0
    assert child.record.status.code == 0


@pytest.mark.diagnosis("expected-exit")
def test_a_code_that_the_studio_handles_is_told_and_no_failure(desk: Workstation, receiver: Inbox) -> None:
    desk.folder.joinpath("clientobs.toml").write_text('[processes]\nexpected = ["grep=1"]\n')
    desk.environ["CLIENTOBS_CONFIG"] = str(desk.folder / "clientobs.toml")
    child, told = publish(desk, receiver, ["grep", "-q", "no such word", "/etc/hostname"])
    assert child.attributes["process.exit.code"] == 1
    assert child.attributes["process.outcome"] == "expected"
    assert child.record.status.code == 0
    assert not told


CHILD = """
    import subprocess
    clientobs.init("parent")
    with clientobs.context(shot="sq010_sh020"), clientobs.span("submit"):
        subprocess.run(json.loads(sys.argv[1]), check=True)
"""
GRANDCHILD = """
    clientobs.init("child")
    with clientobs.span("work"):
        pass
"""


def test_a_child_that_records_itself_is_below_its_own_span(desk: Workstation, receiver: Inbox) -> None:
    desk.run(CHILD, json.dumps(desk.command(GRANDCHILD)))
    receiver.wait_for(lambda: len(receiver.spans()) == 3, 30)
    spans = {one.record.name: one for one in receiver.spans()}
    submit, child = spans["submit"].record, spans[os.path.basename(sys.executable)].record
    work = spans["work"]
    assert work.record.trace_id == child.trace_id == submit.trace_id
    assert work.record.parent_span_id == child.span_id
    assert child.parent_span_id == submit.span_id
    assert work.attributes["production.shot"] == "sq010_sh020"


def test_a_parent_that_is_killed_leaves_word_of_the_child_that_it_had(
    desk: Workstation, receiver: Inbox
) -> None:
    host = desk.start("""
        import subprocess
        clientobs.init("host")
        child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"], stdin=-1)
        say("ready")
        wait()
    """)
    assert host.heard() == "ready"
    host.kill()
    desk.run('clientobs.init("next").flush(20)')
    receiver.wait_for(receiver.spans, 30)
    (child,) = receiver.spans()
    assert child.attributes["clientobs.interrupted"] is True
    assert child.attributes["process.executable.name"] == os.path.basename(sys.executable)
