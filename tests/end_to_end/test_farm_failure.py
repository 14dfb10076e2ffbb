"""Frame 37 of a farm job fails on one node: what the endpoint received is enough to say why."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the farm runs sh")

SUBMIT = """
    clientobs.init("submitter")
    with clientobs.context(project="demo", shot="sq010_sh020"), clientobs.span("submit"):
        say(clientobs.carrier())
"""
# A studio's script, with init() and a span; the carrier came with the job, the rest from RQD.
RENDER = """
    import subprocess
    clientobs.init("render-frame", version="5.2")
    with clientobs.span("render"):
        frame = os.environ["CUE_IFRAME"]
        tool = "import sys; sys.stderr.write(f'plate.{sys.argv[1]}.exr: bad magic number'); sys.exit(2)"
        done = subprocess.run([sys.executable, "-S", "-c", tool, frame], capture_output=True, text=True)
        if done.returncode:
            sys.exit("frame %s failed" % frame)
"""
COMMAND = ["sh", "-c", "echo 'kick: plate.37.exr: bad magic number' >&2; exit 2"]
RQD = {
    "CUE_SHOW": "demo",
    "CUE_JOB": "demo-sq010_sh020-lighting",
    "CUE_JOB_ID": "7f3c",
    "CUE_LAYER": "beauty",
    "CUE_FRAME": "0037-beauty",
    "CUE_FRAME_ID": "9a1b",
    "CUE_IFRAME": "37",
    "CUE_USER": "jane.doe",
}


@pytest.mark.diagnosis("failed-task")
@pytest.mark.parametrize("way", ["a Python with clientobs", "clientobs run --farm"])
def test_frame_37_fails_on_one_node(desk: Workstation, receiver: Inbox, way: str) -> None:
    submitter = desk.start(SUBMIT)
    carrier = submitter.heard()
    assert submitter.end() == 0
    task = {**RQD, **carrier}
    if way == "a Python with clientobs":
        host = desk.start(RENDER, environ=task)
        assert host.end() == 1
    else:
        done = desk.clientobs("run", "--farm", "--last-words", "--", *COMMAND, environ=task)
        assert (done.returncode, done.stderr.strip()) == (2, "kick: plate.37.exr: bad magic number")
    root_name = "render" if way == "a Python with clientobs" else "farm task"
    receiver.wait_for(lambda: {"submit", root_name} <= {one.record.name for one in receiver.spans()}, 30)
    receiver.wait_for(
        lambda: [one for one in receiver.logs() if one.record.event_name == "process.failed"], 30
    )
    (submit,) = [one for one in receiver.spans() if one.record.name == "submit"]
    (root,) = [one for one in receiver.spans() if one.record.name == root_name]
    (failed,) = [one for one in receiver.logs() if one.record.event_name == "process.failed"]
    (link,) = root.record.links
    assert (link.trace_id, link.span_id) == (submit.record.trace_id, submit.record.span_id)
    assert failed.record.trace_id == root.record.trace_id != submit.record.trace_id
    for one in (root, failed):
        assert one.attributes["farm.name"] == "opencue"
        assert one.attributes["farm.job.id"] == "7f3c"
        assert one.attributes["farm.job.name"] == "demo-sq010_sh020-lighting"
        assert one.attributes["farm.layer.name"] == "beauty"
        assert one.attributes["farm.frame.range"] == "37"
        assert one.attributes["production.shot"] == "sq010_sh020"
        assert one.resource["host.name"] == platform.node()
        assert "jane" not in str(one.attributes)
    if way == "a Python with clientobs":
        assert_always(root, desk, service=("render-frame", "5.2"), production={"project": "demo"})
    assert failed.record.body.string_value.endswith("plate.37.exr: bad magic number")
    assert failed.attributes["process.exit.code"] == 2
    assert sys.platform == "win32" or failed.attributes["process.executable.name"]
