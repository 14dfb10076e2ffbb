"""A real host: Debian's Blender as a child, with its own clientobs, in one trace with the program that started it.

It needs a Blender whose Python has what clientobs needs, or is of the version and kind of this one and borrows it
(`clientobs run`): `apt-get install blender` and Python 3.11 on Debian 12. The nox session `hosts` runs it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support.blender import BLENDER, borrowed, reason_not_to_run

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox
    from support.workstation import Workstation

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module", autouse=True)
def _blender_runs_here() -> None:
    reason = reason_not_to_run()
    if reason:
        pytest.skip(reason)


PARENT = """
    import subprocess
    clientobs.init("publish")
    with clientobs.context(shot="sq010_sh020"), clientobs.span("publish"):
        blender = [*sys.argv[1:], "--python-exit-code", "3", "--python", os.path.abspath("scene.py")]
        done = subprocess.run(blender, capture_output=True, text=True)
        say([clientobs.trace_id(), done.returncode])
"""
SCENE = """
import bpy, clientobs, os
runtime = clientobs.init("exporter", version="3.2")
with clientobs.span("export", **{"dcc.version": bpy.app.version_string}):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(os.path.dirname(__file__), "cube.blend"))
with clientobs.span("read back"):
    raise FileNotFoundError("no such rig: hero_v012.blend")
"""


@pytest.mark.parametrize("run", [[], ["--"]], ids=["plain", "under clientobs run"])
def test_a_blender_and_what_started_it_are_one_trace(
    desk: Workstation, receiver: Inbox, run: list[str]
) -> None:
    (desk.folder / "scene.py").write_text(SCENE)
    prefix = [sys.executable, "-m", "clientobs.cli.main", "run", *run] if run else []
    host = desk.start(PARENT, *prefix, str(BLENDER), "-b", environ=borrowed())
    trace, code = host.heard(patience=90)
    assert code == 3
    host.end()
    receiver.wait_for(
        lambda: {"publish", "export", "read back"} <= {one.record.name for one in receiver.spans()}, 15
    )
    spans = {one.record.name: one for one in receiver.spans()}
    for name in ("publish", "export", "read back"):
        assert spans[name].record.trace_id.hex() == trace
    assert spans["export"].resource["process.pid"] != spans["publish"].resource["process.pid"]
    assert spans["export"].resource["service.name"] == "exporter"
    assert spans["export"].resource["service.version"] == "3.2"
    assert spans["export"].attributes["production.shot"] == "sq010_sh020"
    assert not any(one.record.links for one in receiver.spans())
    receiver.wait_for(lambda: [one for one in receiver.logs() if one.record.event_name == "exception"], 60)
    (error,) = [one for one in receiver.logs() if one.record.event_name == "exception"]
    assert error.record.body.string_value == "FileNotFoundError: no such rig: hero_v012.blend"
    failed = [one for one in receiver.logs() if one.record.event_name == "process.failed"]
    assert [one.attributes["process.exit.code"] for one in failed] == [3]
