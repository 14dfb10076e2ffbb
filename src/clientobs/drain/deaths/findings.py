"""What was found out of one death, kept as `<run>/death.json`: the verdict is the same however often it is asked.

A kernel's ring buffer is overwritten, a crash file is opened and deleted, a machine restarts. So what a verdict rests
on outside of the run's folder is written into it before anything is delivered, and never looked for again.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

__all__ = [
    "EXIT_STATUS_FILE",
    "FINDINGS_FILE",
    "NOTHING_FOUND",
    "Findings",
    "MachineEnd",
    "Sample",
    "read_findings",
    "write_findings",
]

FINDINGS_FILE: Final = "death.json"
EXIT_STATUS_FILE: Final = "exit-status"
"""In the run's folder too: what its parent saw (cli/supervise/exit_status.py)."""

MachineEnd: TypeAlias = Literal["", "power_loss", "rebooted"]
"""How the machine went down, "" where it did not, or nothing tells."""

_MAX_BYTES: Final = 256 << 10
_NO_WAITING: Final = getattr(os, "O_NONBLOCK", 0)
"""A pipe in its place is no file to wait for."""
_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Sample(NamedTuple):
    """Memory of a process: bytes at a time on the clock of its run."""

    mono_ns: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is known of a death from outside; texts are redacted.

    rebooted       whether the machine has started again since the run began
    machine        how it went down, where its records tell
    out_of_memory  the kernel's own words for having ended the process, or ours for its count of such kills
    crash          name of the signal or exception by which the system's records say that it crashed
    hang           the system's words for having ended it because it did not answer
    module         binary in which it crashed, with the function or offset where that was recorded
    source         where crash, hang and module are from
    stacks         Python's stacks, where a fault file of the host's own has them
    files          crash files that the host or the system has left, by path
    memory         the process's memory on its way there, oldest first
    exit_status    by the kernel, negative for a signal
    """

    rebooted: bool = False
    machine: MachineEnd = ""
    out_of_memory: str = ""
    crash: str = ""
    hang: str = ""
    module: str = ""
    source: str = ""
    stacks: str = ""
    files: tuple[str, ...] = ()
    memory: tuple[Sample, ...] = ()
    exit_status: int | None = None


NOTHING_FOUND: Final = Findings()


def read_findings(run_folder: str) -> Findings | None:
    """Return what was written of a run; None where nothing was, or where it is not to be read."""
    try:
        descriptor = os.open(os.path.join(run_folder, FINDINGS_FILE), os.O_RDONLY | _FLAGS | _NO_WAITING)
    except OSError:
        return None
    try:
        with os.fdopen(descriptor, "rb") as file:
            return _findings(json.loads(file.read(_MAX_BYTES)))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def write_findings(run_folder: str, findings: Findings) -> None:
    """Write them down whole or not at all. Raises OSError."""
    path = os.path.join(run_folder, FINDINGS_FILE)
    draft = f"{path}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(asdict(findings), file)
    os.replace(draft, path)


def _findings(plain: dict[str, Any]) -> Findings:
    texts = ("out_of_memory", "crash", "hang", "module", "source")
    machine, status = plain["machine"], plain.get("exit_status")
    return Findings(
        rebooted=bool(plain["rebooted"]),
        machine=machine if machine in {"power_loss", "rebooted"} else "",
        files=tuple(str(path) for path in plain["files"]),
        stacks=str(plain.get("stacks", "")),
        memory=tuple(Sample(int(mono), int(size)) for mono, size in plain["memory"]),
        exit_status=status if type(status) is int else None,
        **{name: str(plain[name]) for name in texts},
    )
