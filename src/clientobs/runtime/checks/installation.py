"""Which Python this is, which versions are there, and which interpreter may run the drain."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Final

import clientobs
from clientobs._version import __version__
from clientobs.drain.launch.interpreter import Surroundings, find_candidates
from clientobs.paths.mounts import MountTable
from clientobs.pipeline import otel
from clientobs.runtime.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.runtime.checks.patient import Patient

__all__ = ["check"]

_NEEDED: Final = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-proto",
    "protobuf",
    "grpcio",
    "psutil",
    "wrapt",
)


def check(patient: Patient) -> Iterator[Finding]:
    """Yield interpreter, versions, and what would run the drain."""
    implementation = platform.python_implementation()
    yield Finding(
        section="python",
        level="good",
        text=f"{implementation} {platform.python_version()} at {sys.executable or '(no executable)'}",
        facts={"version": platform.python_version(), "executable": sys.executable},
    )
    yield _clientobs()
    yield from _packages()
    yield from _drain_interpreter(patient)


def _clientobs() -> Finding:
    folder = os.path.dirname(os.path.abspath(clientobs.__file__ or ""))
    facts = {"version": __version__, "folder": folder}
    text = f"clientobs {__version__} in {folder}"
    if MountTable.of_this_machine().is_network(folder):
        text += " (network storage: the drain runs from a local copy)"
    return Finding(section="clientobs", level="good", text=text, facts=facts)


def _packages() -> Iterator[Finding]:
    found: dict[str, str] = {}
    missing: list[str] = []
    for name in _NEEDED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    try:
        otel.load()
    except otel.OtelUnusable as error:
        yield Finding(
            section="packages",
            level="problem",
            text=f"{error}: nothing can be recorded in this interpreter",
            remedy="put a folder with a current opentelemetry-sdk before the one that it was found in",
            facts=dict(found),
        )
    if missing:
        yield Finding(
            section="packages",
            level="warning",
            text=f"not found here: {', '.join(missing)}",
            remedy=f"pip install {' '.join(missing)}, unless the drain runs from another interpreter",
            facts=dict(found),
        )
    listed = ", ".join(f"{name} {version}" for name, version in found.items())
    yield Finding(section="packages", level="good", text=listed or "none", facts=dict(found))


def _drain_interpreter(patient: Patient) -> Iterator[Finding]:
    drain = patient.resolved.config.drain
    if drain.mode != "process":
        words = {
            "external": "started by ops, never by a host (drain.mode external)",
            "thread": "a thread in the host (drain.mode thread), which dies with it",
            "off": "switched off (drain.mode off): records stay in the journal",
        }
        yield Finding(section="drain", level="note", text=words[drain.mode])
        return
    here = Surroundings.here(patient.environ.get("PATH", ""))
    mounts = MountTable.of_this_machine()
    candidates = find_candidates(drain.python, here, is_network=mounts.is_network)
    facts = {"accepted": list(candidates.accepted), "refused": [list(pair) for pair in candidates.refused]}
    if candidates.accepted:
        text = f"would run with {candidates.accepted[0]}"
        yield Finding(section="drain", level="good", text=text, facts=facts)
        return
    reasons = "; ".join(f"{path}: {reason}" for path, reason in candidates.refused[:3])
    yield Finding(
        section="drain",
        level="problem",
        text=f"no interpreter may run it ({reasons or 'none was found'})",
        remedy="name one by CLIENTOBS_DRAIN_PYTHON, run a drain as a service with CLIENTOBS_DRAIN=external, "
        "or set CLIENTOBS_DRAIN=thread",
        facts=facts,
    )
