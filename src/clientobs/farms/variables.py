"""What each farm tells its tasks in their environment, as farm.* attributes: one table.

A farm's variables are of two sorts. Those of the job hold as long as the process lives. Those of the task are
those of the task that the process was started for: Deadline and the adaptors of OpenJD keep the application
loaded, and then the second task finds the variables of the first (see `record/farm.py`).

Where the names come from:

- Deadline Cloud: "Environment variables" in its developer guide, and its worker agent. It runs OpenJD sessions.
- OpenJD: openjd-sessions. It names the session's folder and nothing else.
- OpenCue: `CUE_*` as RQD sets them for a frame.
- Tractor: TrEnvHandler of tractor-blade.
- Slurm, LSF, PBS: the manuals of sbatch, bsub and qsub.
- Deadline 10 sets none. integrations/deadline/GlobalJobPreLoad.py sets CLIENTOBS_FARM_*, and so may any farm that is
  not listed here: these win over all others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FARMS", "OTHER", "OWN_VARIABLES", "Farm", "FarmFacts", "read_facts"]


class Farm(NamedTuple):
    """One farm: any of the `markers` says that a process is its task; attributes by their variables."""

    name: str
    markers: tuple[str, ...]
    job: Mapping[str, str]
    task: Mapping[str, str]


class FarmFacts(NamedTuple):
    """What a process knows of its farm: the variable that said so, and the attributes of job and task."""

    marker: str
    job: dict[str, Any]
    task: dict[str, Any]


OTHER: Final = "other"
"""farm.name of a task whose farm nobody has named."""

FARMS: Final = (
    Farm(
        "opencue",
        ("CUE_FRAME_ID", "CUE_JOB"),
        {
            semconv.FARM_JOB_ID: "CUE_JOB_ID",
            semconv.FARM_JOB_NAME: "CUE_JOB",
            semconv.FARM_JOB_USER: "CUE_USER",
            semconv.FARM_LAYER_NAME: "CUE_LAYER",
        },
        {semconv.FARM_TASK_ID: "CUE_FRAME_ID", semconv.FARM_FRAME_RANGE: "CUE_IFRAME"},
    ),
    Farm(  # before OpenJD, whose variable it sets too
        "deadline-cloud",
        ("DEADLINE_SESSIONACTION_ID", "DEADLINE_SESSION_ID"),
        {
            semconv.FARM_JOB_ID: "DEADLINE_JOB_ID",
            semconv.FARM_SESSION_ID: "DEADLINE_SESSION_ID",
            semconv.FARM_WORKER_NAME: "DEADLINE_WORKER_ID",
            semconv.FARM_POOL: "DEADLINE_QUEUE_ID",
        },
        {
            semconv.FARM_TASK_ID: "DEADLINE_TASK_ID",
            semconv.FARM_LAYER_NAME: "DEADLINE_STEP_ID",
            semconv.FARM_ACTION_ID: "DEADLINE_SESSIONACTION_ID",
        },
    ),
    Farm(
        "openjd",
        ("OPENJD_SESSION_WORKING_DIR",),
        {semconv.FARM_SESSION_ID: "OPENJD_SESSION_WORKING_DIR"},
        {},
    ),
    Farm(
        "tractor",
        ("TR_ENV_JID", "TR_ENV_TID"),
        {semconv.FARM_JOB_ID: "TR_ENV_JID"},
        {semconv.FARM_TASK_ID: "TR_ENV_TID"},
    ),
    Farm(
        "slurm",
        ("SLURM_JOB_ID",),
        {
            semconv.FARM_JOB_ID: "SLURM_JOB_ID",
            semconv.FARM_JOB_NAME: "SLURM_JOB_NAME",
            semconv.FARM_JOB_USER: "SLURM_JOB_USER",
            semconv.FARM_WORKER_NAME: "SLURMD_NODENAME",
            semconv.FARM_POOL: "SLURM_JOB_PARTITION",
        },
        {semconv.FARM_TASK_ID: "SLURM_ARRAY_TASK_ID", semconv.FARM_ATTEMPT: "SLURM_RESTART_COUNT"},
    ),
    Farm(
        "lsf",
        ("LSB_JOBID",),
        {
            semconv.FARM_JOB_ID: "LSB_JOBID",
            semconv.FARM_JOB_NAME: "LSB_JOBNAME",
            semconv.FARM_POOL: "LSB_QUEUE",
        },
        {semconv.FARM_TASK_ID: "LSB_JOBINDEX"},
    ),
    Farm(
        "pbs",
        ("PBS_JOBID",),
        {
            semconv.FARM_JOB_ID: "PBS_JOBID",
            semconv.FARM_JOB_NAME: "PBS_JOBNAME",
            semconv.FARM_POOL: "PBS_QUEUE",
        },
        {semconv.FARM_TASK_ID: "PBS_ARRAY_INDEX"},
    ),
)
"""The farms, in the order in which they are asked for."""

_OWN: Final = "CLIENTOBS_FARM_"
_OWN_JOB: Final = {
    semconv.FARM_NAME: f"{_OWN}NAME",
    semconv.FARM_JOB_ID: f"{_OWN}JOB_ID",
    semconv.FARM_JOB_NAME: f"{_OWN}JOB_NAME",
    semconv.FARM_JOB_USER: f"{_OWN}JOB_USER",
    semconv.FARM_SESSION_ID: f"{_OWN}SESSION_ID",
    semconv.FARM_WORKER_NAME: f"{_OWN}WORKER_NAME",
    semconv.FARM_POOL: f"{_OWN}POOL",
}
_OWN_TASK: Final = {
    semconv.FARM_LAYER_NAME: f"{_OWN}LAYER_NAME",
    semconv.FARM_FRAME_RANGE: f"{_OWN}FRAME_RANGE",
    semconv.FARM_TASK_ID: f"{_OWN}TASK_ID",
    semconv.FARM_ACTION_ID: f"{_OWN}ACTION_ID",
    semconv.FARM_ATTEMPT: f"{_OWN}ATTEMPT",
}
OWN_VARIABLES: Final = frozenset({*_OWN_JOB.values(), *_OWN_TASK.values()})
"""The variables of clientobs itself, for farms that tell their tasks nothing."""

_COUNTED_FROM_ZERO: Final = frozenset({"SLURM_RESTART_COUNT"})
_NO_TASK: Final = {"LSB_JOBINDEX": "0"}
"""Values that stand for no task: LSF gives every job an index."""


def read_facts(environ: Mapping[str, str]) -> FarmFacts | None:
    """Return what the farm says of this process, or None where no farm started it.

    >>> facts = read_facts({"TR_ENV_JID": "1207", "TR_ENV_TID": "3"})
    >>> facts.marker, facts.job, facts.task
    ('TR_ENV_JID', {'farm.name': 'tractor', 'farm.job.id': '1207'}, {'farm.task.id': '3'})
    >>> read_facts({"HOME": "/home/render"}) is None
    True
    """
    own_job, own_task = _values(_OWN_JOB, environ), _values(_OWN_TASK, environ)
    for farm in FARMS:
        marker = next((name for name in farm.markers if environ.get(name)), None)
        if marker is not None:
            break
    else:
        if not own_job and not own_task:
            return None
        named = next(name for name in environ if name.startswith(_OWN) and environ[name])
        return FarmFacts(named, {semconv.FARM_NAME: OTHER, **own_job}, own_task)
    job = {semconv.FARM_NAME: farm.name, **_values(farm.job, environ), **own_job}
    task = _values(farm.task, environ)
    if semconv.FARM_TASK_ID not in task:
        # An action that is no task's: the one of Deadline Cloud that enters an environment and loads the application.
        task.pop(semconv.FARM_ACTION_ID, None)
    return FarmFacts(marker, job, {**task, **own_task})


def _values(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute, variable in variables.items():
        value = environ.get(variable, "").strip()
        if not value or _NO_TASK.get(variable) == value:
            continue
        if attribute == semconv.FARM_ATTEMPT:
            if value.isdecimal():
                found[attribute] = int(value) + (variable in _COUNTED_FROM_ZERO)
            continue
        found[attribute] = _last_part(value) if variable == "OPENJD_SESSION_WORKING_DIR" else value
    return found


def _last_part(path: str) -> str:
    # The folder's name is the session's; where it lies is no business of a farm's attributes.
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]
