"""A real farm: openjd runs the tasks of a job, and what the endpoint received says which failed, where and why."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox, Telemetry
    from support.workstation import Workstation

OPENJD = shutil.which(
    "openjd", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)
INTEGRATION = Path(__file__).parents[2] / "integrations" / "openjd" / "clientobs.environment.yaml"

pytestmark = [
    pytest.mark.skipif(OPENJD is None, reason="openjd-cli is not installed (dependency group `test`)"),
    pytest.mark.skipif(os.name != "posix", reason="the test's tasks are started and killed the POSIX way"),
]

SUBMITTER = """
    import subprocess
    from clientobs.farms import openjd
    clientobs.init("submitter")
    job_id = "job-2f9a"
    with clientobs.context(project="demo", shot="sq010_sh020"), clientobs.span("submit") as span:
        span.set_attribute("farm.job.id", job_id)
        parameters = {**openjd.job_parameters(clientobs.carrier()), "JobId": job_id}
        trace = clientobs.trace_id()
    codes = []
    # openjd ends a session at the first task that fails; a farm hands the other tasks to another worker.
    for frames in ([1, 2, 3], [4], [5]):
        tasks = json.dumps([{"Frame": str(frame)} for frame in frames])
        words = [word for item in parameters.items() for word in ("-p", "=".join(item))]
        command = [*sys.argv[1:], "--tasks", tasks, *words]
        environ = {k: v for k, v in os.environ.items() if k not in clientobs.carrier()}
        codes.append(subprocess.run(command, env=environ, stdout=subprocess.DEVNULL).returncode)
    say({"trace": trace, "codes": codes})
"""
TASK = """
import os, signal, sys
import clientobs

frame = int(sys.argv[1])
clientobs.init("render", version="2.1")
with clientobs.farm_task(frame=frame, layer="beauty"), clientobs.span("render frame"):
    if frame == 3:
        raise RuntimeError("aiImage: could not open plate.0003.exr")
    if frame == 4:
        clientobs.event("render.started", "Rendering frame 4")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def template(python: str, script: Path) -> dict[str, Any]:
    run = {"command": python, "args": [str(script), "{{Task.Param.Frame}}"]}
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": "Render",
        "parameterDefinitions": [{"name": "JobId", "type": "STRING"}],
        "jobEnvironments": [{"name": "Job", "variables": {"CLIENTOBS_FARM_JOB_ID": "{{Param.JobId}}"}}],
        "steps": [
            {
                "name": "beauty",
                "parameterSpace": {
                    "taskParameterDefinitions": [{"name": "Frame", "type": "INT", "range": "1-5"}]
                },
                "script": {"actions": {"onRun": run}},
            }
        ],
    }


def test_five_tasks_of_a_submission_of_which_one_fails_and_one_is_killed(
    desk: Workstation, receiver: Inbox
) -> None:
    script, job = desk.folder / "task.py", desk.folder / "job.json"
    script.write_text(TASK)
    job.write_text(json.dumps(template(sys.executable, script)))
    host = desk.start(SUBMITTER, str(OPENJD), "run", str(job), "--environment", str(INTEGRATION))
    told = host.heard(patience=60)
    assert told["codes"][0] != 0
    assert told["codes"][1] != 0
    assert told["codes"][2] == 0
    host.end()

    def tasks() -> dict[str, Telemetry]:
        found = [one for one in receiver.spans() if one.record.name == "farm task"]
        return {str(one.attributes["farm.frame.range"]): one for one in found}

    receiver.wait_for(lambda: len(tasks()) == 5 and len(ends(receiver)) == 6, 60)
    (submit,) = [one for one in receiver.spans() if one.record.name == "submit"]
    assert submit.record.trace_id.hex() == told["trace"]
    assert len({one.record.trace_id for one in tasks().values()} | {submit.record.trace_id}) == 6
    for frame, task in tasks().items():
        (link,) = task.record.links
        assert (link.trace_id, link.span_id) == (submit.record.trace_id, submit.record.span_id)
        assert task.attributes["farm.job.id"] == submit.attributes["farm.job.id"] == "job-2f9a"
        assert task.attributes["farm.name"] == "openjd"
        assert task.attributes["production.shot"] == "sq010_sh020"
        assert task.resource["service.version"] == "2.1"
        assert task.record.status.code == (2 if frame in "34" else 0)
    sessions = [tasks()[frame].attributes["farm.session.id"] for frame in "12345"]
    assert len({*sessions[:3]}) == 1
    assert len({*sessions}) == 3

    failed, killed = tasks()["3"], tasks()["4"]
    (error,) = [one for one in receiver.logs() if one.record.event_name == "exception"]
    assert error.record.body.string_value == "RuntimeError: aiImage: could not open plate.0003.exr"
    assert error.record.trace_id == failed.record.trace_id
    assert failed.record.status.message.endswith("could not open plate.0003.exr")
    assert killed.attributes["clientobs.interrupted"] is True
    session = killed.attributes["session.id"]
    (end,) = [one for one in ends(receiver) if one.attributes["session.id"] == session]
    assert end.attributes["session.status"] in ("abnormal", "unknown")


def ends(receiver: Inbox) -> list[Telemetry]:
    return [one for one in receiver.logs() if one.record.event_name == "session.end"]
