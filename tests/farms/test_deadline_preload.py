"""integrations/deadline/GlobalJobPreLoad.py, as a Worker of Deadline 10 runs it: in old Pythons too."""

from __future__ import annotations

import json
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from clientobs.farms.variables import OWN_VARIABLES, read_facts

PRELOAD = Path(__file__).parents[2] / "integrations" / "deadline" / "GlobalJobPreLoad.py"


class Job:
    JobId = "5f1c0ffee"
    JobName = "sq010_sh020 beauty"
    JobUserName = "jane.doe"
    JobPlugin = "MayaBatch"
    JobPool = "gpu"


class Plugin:
    """What of DeadlinePlugin the file calls."""

    def __init__(self, job: object) -> None:
        self.job = job
        self.environ: dict[str, str] = {}
        self.log: list[str] = []

    def GetJob(self) -> object:  # noqa: N802  # as Deadline has it
        if isinstance(self.job, Exception):
            raise self.job
        return self.job

    def GetSlaveName(self) -> str:  # noqa: N802  # as Deadline has it
        return "render042"

    def SetProcessEnvironmentVariable(self, name: str, value: str) -> None:  # noqa: N802  # as Deadline has it
        self.environ[name] = value

    def LogInfo(self, text: str) -> None:  # noqa: N802  # as Deadline has it
        self.log.append(text)


def preload(plugin: Any) -> None:
    runpy.run_path(str(PRELOAD))["__main__"](plugin)


def test_a_process_of_the_job_knows_its_job() -> None:
    plugin = Plugin(Job())
    preload(plugin)
    assert set(plugin.environ) <= OWN_VARIABLES
    facts = read_facts(plugin.environ)
    assert facts is not None
    assert {**facts.job, **facts.task} == {
        "farm.name": "deadline",
        "farm.job.id": "5f1c0ffee",
        "farm.job.name": "sq010_sh020 beauty",
        "farm.job.user": "jane.doe",
        "farm.layer.name": "MayaBatch",
        "farm.pool": "gpu",
        "farm.worker.name": "render042",
    }
    assert plugin.log == []


@pytest.mark.parametrize("job", [RuntimeError("no connection to the repository"), object(), None])
def test_a_job_that_cannot_be_described_runs_all_the_same(job: object) -> None:
    plugin = Plugin(job)
    preload(plugin)
    assert "CLIENTOBS_FARM_JOB_ID" not in plugin.environ


def older_pythons() -> list[Path]:
    return sorted(Path.home().glob(".pyenv/versions/[23].7*/bin/python"))


@pytest.mark.skipif(not older_pythons(), reason="neither Python 2.7 nor 3.7 is installed here")
@pytest.mark.parametrize("python", older_pythons(), ids=lambda path: path.parts[-3])
def test_the_pythons_of_older_workers_run_it(python: Path) -> None:
    program = """
import json, sys
namespace = {"__name__": "preload"}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), namespace)
class Plugin(object):
    environ = {}
    def GetJob(self):
        return type("Job", (), {"JobId": "5f", "JobName": u"\\u5c71"})
    def SetProcessEnvironmentVariable(self, name, value):  # noqa: N802  # as Deadline has it
        self.environ[name] = value
    def LogInfo(self, text):
        self.environ["log"] = text
namespace["__main__"](Plugin())
print(json.dumps(Plugin.environ))
"""
    done = subprocess.run([python, "-c", program, PRELOAD], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["CLIENTOBS_FARM_JOB_ID"] == "5f"
