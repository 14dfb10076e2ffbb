"""Debian's Blender that dies by SIGSEGV inside a Python call: its crash, with scene and shot. The nox session `hosts`.

Blender's own handler for SIGSEGV writes <tmp>/<scene>.crash.txt and raises the signal again. It is installed before
Python starts, so faulthandler comes first and hands on to it: both have their say, and the crash names Blender's file.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.blender import BLENDER, borrowed, reason_not_to_run

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox
    from support.workstation import Workstation

pytestmark = pytest.mark.hosts

SCENE = """
import bpy, clientobs, ctypes, os
clientobs.init("rig-builder", version="3.2")
clientobs.set_context(project="demo", shot="sq010_sh020")
scene = os.path.join(os.path.dirname(__file__), "hero_rig_v012.blend")
bpy.ops.wm.save_as_mainfile(filepath=scene)

def solve_ik():
    ctypes.string_at(0)

class Solver(bpy.types.Operator):
    bl_idname, bl_label = "studio.solve", "Solve"

    def execute(self, context):
        with clientobs.span("solve rig", **{"dcc.scene.path": bpy.data.filepath}):
            clientobs.event("solver", "solving 412 joints")
            solve_ik()
        return {"FINISHED"}

bpy.utils.register_class(Solver)
bpy.ops.studio.solve()
"""
START = """
    import subprocess
    done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    say(done.returncode)
"""


@pytest.fixture(scope="module", autouse=True)
def _blender_runs_here() -> None:
    if reason := reason_not_to_run():
        pytest.skip(reason)


def test_a_blender_that_crashes_in_a_python_call_shows_scene_and_shot(
    desk: Workstation, receiver: Inbox, tmp_path: Path
) -> None:
    script, temporary = desk.folder / "scene.py", tmp_path / "temporary"
    script.write_text(SCENE)
    temporary.mkdir()
    environ = {**borrowed(), "TMPDIR": str(temporary), "TEMP": str(temporary)}
    host = desk.start(START, str(BLENDER), "-b", "--python", str(script), environ=environ)
    assert host.heard(patience=90) in {-signal.SIGSEGV, 128 + signal.SIGSEGV}
    assert host.end() == 0
    desk.clientobs("drain", "--once", environ={"TMPDIR": str(temporary)})
    receiver.wait_for(lambda: [one for one in receiver.logs() if one.record.event_name == "app.crash"], 30)
    (crash,) = [one for one in receiver.logs() if one.record.event_name == "app.crash"]
    told = crash.attributes
    assert crash.record.body.string_value == "The application crashed (SIGSEGV) during 'solve rig'."
    assert told["production.shot"] == "sq010_sh020"
    assert told["dcc.scene.path"] == str(desk.folder / "hero_rig_v012.blend")
    assert told["session.log_lines"][-1] == "INFO solving 412 joints"
    frames = told["exception.stacktrace"].splitlines()
    assert frames[0].startswith("Current thread")
    assert "in solve_ik" in told["exception.stacktrace"]
    assert told["app.crash.files"] == [str(temporary / "hero_rig_v012.crash.txt")]
    (span,) = [one for one in receiver.spans() if one.record.name == "solve rig"]
    assert span.attributes["dcc.scene.path"] == str(desk.folder / "hero_rig_v012.blend")
    assert crash.record.span_id == span.record.span_id
