"""Deadline 10: a carrier as entries of a job info file, or of the JobInfo of its web service.

`EnvironmentKeyValue<n>=NAME=value` sets a variable for the job's tasks:
https://docs.thinkboxsoftware.com/products/deadline/10.4/1_User%20Manual/manual/manual-submission.html
Deadline 10 says nothing of job and task in the environment: integrations/deadline/GlobalJobPreLoad.py does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.farms.carriers import for_a_job

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["job_info"]


def job_info(carrier: Mapping[str, str], *, first: int = 0) -> dict[str, str]:
    """Return the entries of a job info for this carrier, numbered from `first`.

    `first` is how many EnvironmentKeyValue entries the job has already. A line of a job info file is
    `key=value` of an entry.

    >>> job_info({"TRACEPARENT": "00-1-2-01"}, first=2)
    {'EnvironmentKeyValue2': 'TRACEPARENT=00-1-2-01'}
    """
    chosen = for_a_job(carrier).items()
    return {f"EnvironmentKeyValue{n}": f"{name}={value}" for n, (name, value) in enumerate(chosen, first)}
