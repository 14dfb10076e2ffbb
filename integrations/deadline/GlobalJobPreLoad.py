"""Deadline 10 tells a task nothing of its job: this file does, for clientobs.

Where to put it: `<repository>/custom/plugins/GlobalJobPreLoad.py`. A Worker runs it each time it loads a job, before
the first task, whatever the plug-in. Where there is such a file already (AYON and OpenPype bring one), put this one
beside it as clientobs_deadline.py, and in its `__main__` call `clientobs_deadline.tell_clientobs(deadlinePlugin)`.

It only sets variables for the processes that the job's plug-in starts. The carrier of the submission is among
the job's own (`clientobs.farms.deadline.job_info`), and Deadline sets those itself. Of the task nothing can be said
here, since the application stays loaded from one task to the next: what runs in it marks its tasks by
`clientobs.farm_task()`.

It runs in the Worker's own Python, which is 2.7, 3.7 or 3.10 by the release, and needs nothing installed there.
Whatever goes wrong in it, the job goes on.
"""

from __future__ import unicode_literals  # a job's name may be in any script, and 2.7 tells text from bytes


def __main__(*arguments):
    """Do what Deadline asks for."""
    tell_clientobs(arguments[0])


def tell_clientobs(deadline_plugin):
    """Set the variables that clientobs reads, for the processes of this job."""
    try:
        for name, value in sorted(facts_of(deadline_plugin).items()):
            deadline_plugin.SetProcessEnvironmentVariable(name, value)
    except Exception as error:  # noqa: BLE001  # the job comes first
        deadline_plugin.LogInfo("clientobs: the job is not described: {0}".format(error))


def facts_of(deadline_plugin):
    """Return the variables by name; what a release of Deadline does not know is left out."""
    job = deadline_plugin.GetJob()
    found = {
        "CLIENTOBS_FARM_NAME": "deadline",
        "CLIENTOBS_FARM_JOB_ID": getattr(job, "JobId", None),
        "CLIENTOBS_FARM_JOB_NAME": getattr(job, "JobName", None),
        "CLIENTOBS_FARM_JOB_USER": getattr(job, "JobUserName", None),
        "CLIENTOBS_FARM_LAYER_NAME": getattr(job, "JobPlugin", None),
        "CLIENTOBS_FARM_POOL": getattr(job, "JobPool", None),
        "CLIENTOBS_FARM_WORKER_NAME": _worker_of(deadline_plugin),
    }
    return {name: "{0}".format(value) for name, value in found.items() if value}


def _worker_of(deadline_plugin):
    asked = getattr(deadline_plugin, "GetSlaveName", None)
    return asked() if asked is not None else None
