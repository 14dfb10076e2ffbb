"""What `clientobs.doctor()` found: findings, each with what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, TypeAlias

__all__ = ["Finding", "Level", "Report"]

Level: TypeAlias = Literal["good", "note", "warning", "problem"]
"""note: worth knowing. warning: something is not as good as it could be. problem: it does not work."""

_MARKS: Final = {"good": "ok     ", "note": "note   ", "warning": "warning", "problem": "PROBLEM"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do: each warning and each problem has one."""

    section: str
    level: Level
    text: str
    remedy: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    """The same for programs: versions, paths, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings, in the order in which things depend on each other.

    >>> Report(findings=(Finding(section="home", level="good", text="writable"),)).exit_code
    0
    """

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What does not work."""
        return tuple(finding for finding in self.findings if finding.level == "problem")

    @property
    def ok(self) -> bool:
        """Whether everything works, warnings apart."""
        return not self.problems

    @property
    def exit_code(self) -> int:
        """0, or 1 where something does not work."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON."""
        return {"ok": self.ok, "findings": [asdict(finding) for finding in self.findings]}

    def __str__(self) -> str:
        lines = []
        for finding in self.findings:
            lines.append(f"{_MARKS[finding.level]}  {finding.section}: {finding.text}")
            if finding.remedy:
                lines.append(f"         -> {finding.remedy}")
        return "\n".join(lines)
