"""A carrier on its way into a job: which of its variables, within which bounds.

A job may be submitted by a task of another job. Its carrier then says of which farm, job and task it comes; as the
new job has its own, these members of the baggage stay behind, and a process that finds none of them knows that
the carrier came with a submission (`runtime/origin.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clientobs.errors import ConfigError

__all__ = ["NAMES", "for_a_job", "shortened"]

NAMES: Final = ("TRACEPARENT", "TRACESTATE", "BAGGAGE")
"""OpenTelemetry's environment carrier: https://opentelemetry.io/docs/specs/otel/context/env-carriers/"""


def for_a_job(carrier: Mapping[str, str], *, limit: int | None = None) -> dict[str, str]:
    """Return the variables to put into a job's environment, each at most `limit` characters.

    What is longer loses whole members from its end; a TRACEPARENT is never longer than 55. A value that no carrier of
    ours has (a line break, which would be a line of its own in a job's description) is left out. Raises ConfigError for
    what is no mapping.

    >>> for_a_job({"TRACEPARENT": "00-1-2-01", "BAGGAGE": "farm.job.id=7,production.shot=sh020", "PATH": "/bin"})
    {'TRACEPARENT': '00-1-2-01', 'BAGGAGE': 'production.shot=sh020'}
    """
    if not isinstance(carrier, Mapping):
        raise ConfigError(
            f"{type(carrier).__name__} is no carrier; hand on what clientobs.carrier() has returned"
        )
    chosen = {name: carrier[name] for name in NAMES if _is_sound(carrier.get(name))}
    if "BAGGAGE" in chosen:
        members = [m for m in chosen["BAGGAGE"].split(",") if not m.strip().startswith("farm.")]
        chosen["BAGGAGE"] = ",".join(members)
    if limit is not None:
        chosen = {name: shortened(value, limit) for name, value in chosen.items()}
    return {name: value for name, value in chosen.items() if value}


def _is_sound(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def shortened(members: str, limit: int) -> str:
    """Return as many of the comma-separated members as fit into `limit` characters.

    >>> shortened("a=1,b=22,c=3", 8)
    'a=1,b=22'
    """
    if len(members) <= limit:
        return members
    return members[: members.rfind(",", 0, limit + 1) + 1].rstrip(",")
