"""What the farms tell their tasks: the variables of each, and what is no task."""

from __future__ import annotations

import pytest

from clientobs.farms.variables import FARMS, OWN_VARIABLES, read_facts
from clientobs.privacy.inventory import unlisted

DEADLINE_CLOUD = {
    "OPENJD_SESSION_WORKING_DIR": "/sessions/session-1",
    "DEADLINE_QUEUE_ID": "queue-1",
    "DEADLINE_JOB_ID": "job-1",
    "DEADLINE_WORKER_ID": "worker-1",
    "DEADLINE_SESSION_ID": "session-1",
    "DEADLINE_SESSIONACTION_ID": "sessionaction-1-3",
}
DEADLINE_CLOUD_TASK = {**DEADLINE_CLOUD, "DEADLINE_STEP_ID": "step-1", "DEADLINE_TASK_ID": "task-1-37"}


@pytest.mark.parametrize(
    ("environ", "job", "task"),
    [
        (
            {"CUE_JOB_ID": "j", "CUE_JOB": "sq010", "CUE_USER": "u", "CUE_LAYER": "beauty",
             "CUE_FRAME_ID": "f", "CUE_IFRAME": "37"},
            {"farm.name": "opencue", "farm.job.id": "j", "farm.job.name": "sq010", "farm.job.user": "u",
             "farm.layer.name": "beauty"},
            {"farm.task.id": "f", "farm.frame.range": "37"},
        ),
        (
            DEADLINE_CLOUD_TASK,
            {"farm.name": "deadline-cloud", "farm.job.id": "job-1", "farm.session.id": "session-1",
             "farm.worker.name": "worker-1", "farm.pool": "queue-1"},
            {"farm.task.id": "task-1-37", "farm.layer.name": "step-1", "farm.action.id": "sessionaction-1-3"},
        ),
        (
            {"OPENJD_SESSION_WORKING_DIR": "C:\\OpenJD\\CLI-session\\"},
            {"farm.name": "openjd", "farm.session.id": "CLI-session"},
            {},
        ),
        ({"TR_ENV_TID": "3"}, {"farm.name": "tractor"}, {"farm.task.id": "3"}),
        (
            {"SLURM_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "37", "SLURM_RESTART_COUNT": "1"},
            {"farm.name": "slurm", "farm.job.id": "77"},
            {"farm.task.id": "37", "farm.attempt": 2},
        ),
        ({"LSB_JOBID": "77", "LSB_JOBINDEX": "0"}, {"farm.name": "lsf", "farm.job.id": "77"}, {}),
        (
            {"PBS_JOBID": "77.head", "PBS_ARRAY_INDEX": "4"},
            {"farm.name": "pbs", "farm.job.id": "77.head"},
            {"farm.task.id": "4"},
        ),
        (
            {"CLIENTOBS_FARM_NAME": "deadline", "CLIENTOBS_FARM_JOB_ID": "5f", "CLIENTOBS_FARM_ATTEMPT": "x"},
            {"farm.name": "deadline", "farm.job.id": "5f"},
            {},
        ),
        ({"CLIENTOBS_FARM_TASK_ID": "3"}, {"farm.name": "other"}, {"farm.task.id": "3"}),
        (
            {"TR_ENV_JID": "1", "CLIENTOBS_FARM_POOL": "gpu"},
            {"farm.name": "tractor", "farm.job.id": "1", "farm.pool": "gpu"},
            {},
        ),
    ],
)  # fmt: skip
def test_the_variables_of_a_farm_are_its_attributes(
    environ: dict[str, str], job: dict[str, object], task: dict[str, object]
) -> None:
    facts = read_facts(environ)
    assert facts is not None
    assert (facts.job, facts.task) == (job, task)
    assert not unlisted({*job, *task})


def test_an_action_that_loads_the_application_is_no_task() -> None:
    facts = read_facts(DEADLINE_CLOUD)
    assert facts is not None
    assert facts.task == {}


@pytest.mark.parametrize("environ", [{}, {"CUE_JOB_ID": "j"}, {"CUE_JOB": ""}, {"CLIENTOBS_FARM_NAME": ""}])
def test_a_process_outside_a_farm_is_no_task(environ: dict[str, str]) -> None:
    assert read_facts(environ) is None


def test_every_farm_is_told_by_what_it_sets_itself() -> None:
    for farm in FARMS:
        known = {*farm.job.values(), *farm.task.values(), "DEADLINE_SESSIONACTION_ID", "CUE_JOB"}
        assert set(farm.markers) <= known
    assert all(name.startswith("CLIENTOBS_FARM_") for name in OWN_VARIABLES)
