"""`clientobs doctor`: examine this machine; exit code 1 where something does not work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.cli.parser import command_parser
from clientobs.cli.screen import Line, line_width, open_screen, wrapped
from clientobs.cli.text import number, visible
from clientobs.config.resolve import resolve
from clientobs.runtime.doctor import Report, examine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.cli.main import Invocation

__all__ = ["run"]

_MARKS = {
    "good": ("✓ ", "ok"),
    "note": ("· ", "dim"),
    "warning": ("■ ", "interrupted"),
    "problem": ("✗ ", "failed"),
}
_STYLES = {"good": "", "note": "dim", "warning": "warn", "problem": "error"}
_SECTION = 14


def run(invocation: Invocation) -> int:
    """Examine and print; 1 where something does not work."""
    parser = command_parser("doctor", __doc__)
    parser.add_argument("--offline", action="store_true", help="do not ask the endpoint")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args(invocation.arguments)
    resolved = resolve({}, environ=invocation.environ, strict=False)
    report = examine(resolved, invocation.environ, network=not options.offline)
    screen = open_screen(invocation.stdout, invocation.environ)
    if options.json:
        screen.json(report.as_dict())
    else:
        screen.lines(_lines(report, screen.width if screen.terminal else 0))
    return report.exit_code


def _paragraph(lead: Line, text: str, style: str, width: int) -> Iterator[Line]:
    """Yield a text behind its lead, further lines indented as far; `width` 0 breaks none."""
    indent = line_width(lead)
    for part in wrapped(visible(text), max(width - indent, 30)) if width else [visible(text)]:
        yield [*lead, (part, style)]
        lead = [(" " * indent, "")]


def _lines(report: Report, width: int) -> Iterator[Line]:
    section = ""
    for finding in report.findings:
        label = finding.section if finding.section != section else ""
        section = finding.section
        style = _STYLES[finding.level]
        lead: Line = [(f"{label:<{_SECTION}}", "title"), _MARKS[finding.level]]
        yield from _paragraph(lead, finding.text, style, width)
        if finding.remedy:
            yield from _paragraph([(" " * (_SECTION + 2), ""), ("→ ", "open")], finding.remedy, "", width)
    yield []
    warnings = sum(finding.level == "warning" for finding in report.findings)
    if report.ok:
        words = f", {number(warnings, 'warning')}" if warnings else ""
        yield [("✓ ", "ok"), (f"everything works{words}", "strong")]
    else:
        words = f"{number(len(report.problems), 'problem')}, {number(warnings, 'warning')}"
        yield [("✗ ", "failed"), (words, "strong")]
