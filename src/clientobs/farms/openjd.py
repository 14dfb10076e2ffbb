"""Open Job Description, and with it AWS Deadline Cloud: a carrier as parameters of a job and an environment.

A template is written once and submitted often, so the template declares parameters, and each submission gives
them values:

    template["parameterDefinitions"] += openjd.parameter_definitions()
    template["jobEnvironments"] = [openjd.environment(), *template.get("jobEnvironments", [])]
    parameters = openjd.job_parameters(clientobs.carrier())

Or leave the template alone, and add integrations/openjd/clientobs.environment.yaml to the queue or to
`openjd run --environment`. A STRING parameter holds at most 1024 characters, so a baggage that is longer loses members:
https://github.com/OpenJobDescription/openjd-specifications/wiki/2023-09-Template-Schemas
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs.farms.carriers import for_a_job

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_CHARACTERS", "environment", "job_parameters", "parameter_definitions"]

MOST_CHARACTERS: Final = 1024
_PARAMETERS: Final = {"TRACEPARENT": "TraceParent", "TRACESTATE": "TraceState", "BAGGAGE": "TraceBaggage"}


def parameter_definitions() -> list[dict[str, Any]]:
    """Return the parameterDefinitions of a template; empty by default, which clientobs takes for absent.

    >>> [parameter["name"] for parameter in parameter_definitions()]
    ['TraceParent', 'TraceState', 'TraceBaggage']
    """
    return [
        {
            "name": parameter,
            "type": "STRING",
            "default": "",
            "description": f"{variable} of the submission, for clientobs.",
            "userInterface": {"control": "HIDDEN"},
        }
        for variable, parameter in _PARAMETERS.items()
    ]


def environment() -> dict[str, Any]:
    """Return the environment that hands the parameters on to every task; put it first.

    >>> environment()["variables"]["TRACEPARENT"]
    '{{Param.TraceParent}}'
    """
    variables = {variable: f"{{{{Param.{name}}}}}" for variable, name in _PARAMETERS.items()}
    return {"name": "ClientobsCarrier", "variables": variables}


def job_parameters(carrier: Mapping[str, str]) -> dict[str, str]:
    """Return the values of the parameters for one submission.

    For `openjd run`, one `-p NAME=VALUE` each; for a job bundle, an entry each in parameter_values.

    >>> job_parameters({"TRACEPARENT": "00-1-2-01"})
    {'TraceParent': '00-1-2-01'}
    """
    chosen = for_a_job(carrier, limit=MOST_CHARACTERS)
    return {_PARAMETERS[name]: value for name, value in chosen.items()}
