"""What happens in this process: whether it records, what is patched, what went wrong in us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs._guarded import faults
from clientobs.runtime.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.runtime.checks.patient import Patient
    from clientobs.runtime.runtime import Runtime

__all__ = ["check"]

_SECTION = "this process"


def check(patient: Patient) -> Iterator[Finding]:
    """Yield how the Runtime of this process stands; only a note where there is none."""
    runtime = patient.runtime
    if runtime is None:
        yield Finding(
            section=_SECTION,
            level="note",
            text="records nothing; inside a host, clientobs.doctor() also tells what is patched there",
        )
    elif runtime.running:
        yield from _running(runtime)
    else:
        yield Finding(
            section=_SECTION,
            level="problem",
            text=f"records nothing: {runtime.reason or 'shut down'}",
            remedy="mend what the reason names, then start the host anew",
        )
    for place, message in faults.messages().items():
        yield Finding(
            section=_SECTION,
            level="warning",
            text=f"a fault of our own in {place}, {faults.counts()[place]} times: {message}",
            remedy="the host was not disturbed; please report it with this line",
            facts={"place": place, "count": faults.counts()[place]},
        )


def _running(runtime: Runtime) -> Iterator[Finding]:
    yield Finding(
        section=_SECTION,
        level="good",
        text=f"records as {runtime.config.service.name!r}, run {runtime.run}",
        facts={"run": runtime.run, "session": runtime.session},
    )
    patched = runtime.patched
    yield Finding(
        section=_SECTION,
        level="good",
        text=f"patched: {', '.join(patched)}" if patched else "nothing is patched",
        facts={"patched": list(patched)},
    )
    lost = runtime.loss.totals()
    if lost:
        told = ", ".join(f"{count} by {reason}" for reason, count in lost.items())
        yield Finding(
            section=_SECTION,
            level="warning",
            text=f"records lost in this run: {told}",
            remedy="docs/reference/losses.md says what each reason means",
            facts={"lost": lost},
        )
