"""Whether the settings are valid, and whether anything is switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.runtime.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.runtime.checks.patient import Patient

__all__ = ["check"]

_SECTION = "settings"


def check(patient: Patient) -> Iterator[Finding]:
    """Yield what is wrong with the settings."""
    resolved = patient.resolved
    for problem in resolved.problems:
        yield Finding(
            section=_SECTION,
            level="problem",
            text=str(problem),
            remedy="correct it there; until then the next source of that setting holds",
            facts={"file": problem.file, "line": problem.line, "key": problem.key},
        )
    if resolved.config.disabled:
        where = resolved.source("disabled").where or "init(disabled=True)"
        yield Finding(
            section=_SECTION,
            level="warning",
            text=f"clientobs is switched off by {where}: nothing is recorded",
            remedy=f"take {where} back",
        )
    if not resolved.problems:
        files = {source.file for source in resolved.sources.values() if source.file}
        read = f", {', '.join(sorted(files))} read" if files else ""
        count = len(resolved.sources)
        yield Finding(
            section=_SECTION, level="good", text=f"valid{read}; {count} set (see `clientobs config show`)"
        )
