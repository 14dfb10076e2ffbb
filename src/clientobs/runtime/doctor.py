"""`clientobs.doctor()`: what is well, what is not, and what to do about it.

Works where telemetry does not: from a host in which init() failed, with a broken file, without a journal. A
check that fails itself is a finding like any other.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from clientobs.config import environment
from clientobs.config.resolve import Resolved, resolve
from clientobs.runtime.active import active
from clientobs.runtime.checks.patient import Patient
from clientobs.runtime.report import Finding, Report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.runtime.runtime import Runtime

__all__ = ["Finding", "Report", "doctor", "examine"]

_CHECKS: Final = ("settings", "installation", "starts", "home", "delivery", "process")


def doctor(*, network: bool = False) -> Report:
    """Examine this process and machine, and return the report; print it, or read its findings.

    With `network` the endpoint is asked too, which may take as long as its timeout and loads the HTTP
    client; without, the drain's last answer is told. Raises nothing.

    >>> import clientobs
    >>> report = clientobs.doctor()
    >>> {finding.section for finding in report.findings} >= {"python", "clientobs", "settings"}
    True
    """
    environ = environment.current()
    runtime = active()
    return examine(_settings_of(runtime, environ), environ, runtime=runtime, network=network)


def examine(
    resolved: Resolved, environ: Mapping[str, str], *, runtime: Runtime | None = None, network: bool = False
) -> Report:
    """Examine what these settings lead to."""
    patient = Patient(resolved=resolved, environ=environ, runtime=runtime, network=network)
    findings: list[Finding] = []
    for name in _CHECKS:
        findings += _findings_of(name, patient)
    return Report(findings=tuple(findings))


def _findings_of(name: str, patient: Patient) -> list[Finding]:
    found: list[Finding] = []
    try:
        # Loaded one by one: a broken package must not take the other checks with it.
        module = importlib.import_module(f"clientobs.runtime.checks.{name}")
        found.extend(module.check(patient))
    except Exception as error:  # noqa: BLE001  # the doctor outlives its instruments
        found.append(
            Finding(
                section=name,
                level="warning",
                text=f"could not be examined: {type(error).__name__}: {error}",
                remedy="please report it with this line",
            )
        )
    return found


def _settings_of(runtime: Runtime | None, environ: Mapping[str, str]) -> Resolved:
    """Return the settings of the running Runtime, arguments included, or those of the environment."""
    if runtime is None:
        return resolve({}, environ=environ, strict=False)
    return Resolved(config=runtime.config, sources=runtime.sources, problems=runtime.problems)
