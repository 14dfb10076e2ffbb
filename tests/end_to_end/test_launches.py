"""Programs that are there and can't be started, or end before they have begun: what arrives says what they lack."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox, Telemetry
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="first lines, modes and ELF are POSIX's")

TOOL = """
    import subprocess
    clientobs.init("publisher", version="2.1")

    def convert(command):
        try:
            subprocess.run(command, check=True, capture_output=True)
        except Exception:
            return False

    with clientobs.context(shot="sq010_sh020"), clientobs.span("publish"):
        convert(json.loads(sys.argv[1]))
"""


def failed(desk: Workstation, receiver: Inbox, *command: str) -> Telemetry:
    """Run the tool; return what arrived of its child's failure."""
    desk.run(TOOL, json.dumps(command))
    receiver.wait_for(lambda: any(one.record.event_name == "process.failed" for one in receiver.logs()), 30)
    (told,) = [one for one in receiver.logs() if one.record.event_name == "process.failed"]
    assert_always(told, desk, service=("publisher", "2.1"), production={"shot": "sq010_sh020"})
    assert told.attributes["code.function.name"] == "convert"
    return told


def made(folder: Path, content: bytes, mode: int = 0o755) -> str:
    path = folder / "oiiotool"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.diagnosis("missing-program")
@pytest.mark.parametrize("way", ["by its path", "on PATH"])
def test_a_script_whose_interpreter_is_gone_is_not_told_as_missing(
    desk: Workstation, receiver: Inbox, tmp_path: Path, way: str
) -> None:
    path = made(tmp_path, b"#!/studio/python39/bin/python\nprint(1)\n")
    desk.environ["PATH"] = f"{tmp_path}:/usr/bin:/bin"
    told = failed(desk, receiver, path if way == "by its path" else "oiiotool")
    assert told.attributes["process.interpreter"] == "/studio/python39/bin/python"
    body = told.record.body.string_value
    assert f"{path} is there, but /studio/python39/bin/python, which is to run it, is not" in body


@pytest.mark.diagnosis("missing-program")
def test_a_tool_that_lost_its_mode_on_the_way_is_told_with_it(
    desk: Workstation, receiver: Inbox, tmp_path: Path
) -> None:
    path = made(tmp_path, b"#!/bin/sh\n", 0o644)
    told = failed(desk, receiver, path)
    assert told.attributes["file.mode"] == "0644"
    assert f"{path} is not executable (mode 0644)" in told.record.body.string_value


@pytest.mark.diagnosis("failed-child")
@pytest.mark.skipif(sys.platform != "linux", reason="binaries as Linux has them")
def test_a_tool_whose_shared_library_is_missing_says_which(
    desk: Workstation, receiver: Inbox, tmp_path: Path
) -> None:
    binary = Path("/bin/true").read_bytes()
    if b"\0libc.so.6\0" not in binary:
        pytest.skip("the programs of this system need no library that can be renamed")
    told = failed(desk, receiver, made(tmp_path, binary.replace(b"\0libc.so.6\0", b"\0libq.so.6\0")))
    assert told.attributes["process.exit.code"] == 127
    body = told.record.body.string_value
    assert "error while loading shared libraries: libq.so.6" in body


SUPERVISED = """
    import subprocess
    clientobs.init("publisher", version="2.1")
    with clientobs.context(shot="sq010_sh020"), clientobs.span("render"):
        child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"], stdin=-1)
        say(child.pid)
        child.wait()
"""


@pytest.mark.diagnosis("failed-child")
def test_a_child_that_somebody_else_kills_is_not_told_as_out_of_memory(
    desk: Workstation, receiver: Inbox
) -> None:
    host = desk.start(SUPERVISED)
    os.kill(host.heard(), 9)
    assert host.end() == 0
    receiver.wait_for(lambda: any(one.record.event_name == "process.failed" for one in receiver.logs()), 30)
    (told,) = [one for one in receiver.logs() if one.record.event_name == "process.failed"]
    assert told.attributes["process.exit.signal"] == "SIGKILL"
    assert "process.exit.sender" not in told.attributes
    assert told.attributes["machine.memory.short"] is False
    assert "; memory was not short (" in told.record.body.string_value
