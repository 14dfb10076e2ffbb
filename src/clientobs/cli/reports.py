"""A problem report on the screen: who says what, what went wrong before, and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.cli.details import context_words, log_lines, run_words
from clientobs.cli.documents import log_document, run_document, trace_document
from clientobs.cli.screen import Line, wrapped
from clientobs.cli.text import date_time, size, value, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.viewer.model import Run
    from clientobs.viewer.recordings import Recordings
    from clientobs.viewer.reports import FoundReport

__all__ = ["bundle_lines", "report_document", "report_lines"]

_LINES: Final = 10
_SHOWN_APART: Final = frozenset(
    {
        semconv.PROBLEM_CODE,
        semconv.PROBLEM_MESSAGE,
        semconv.PROBLEM_TRACES,
        semconv.PROBLEM_TRACE_NAMES,
        semconv.PROBLEM_ERRORS,
        semconv.LAST_LOG_LINES,
    }
)
_IN_THE_HEADING: Final = ("production.", "tool.", semconv.SESSION_ID)
_SIZES: Final = frozenset(
    {
        semconv.PROCESS_MEMORY_RESIDENT,
        semconv.PROCESS_USED_MEMORY,
        semconv.MACHINE_MEMORY_TOTAL,
        semconv.MACHINE_MEMORY_AVAILABLE,
        semconv.PROBLEM_SCREENSHOT_SIZE,
    }
)


def report_lines(report: FoundReport, width: int, *, everything: bool) -> Iterator[Line]:
    """Yield the report, what it carries, and the errors of its session before it; its traces come after."""
    yield from _heading(report, width)
    yield []
    for paragraph in str(report.value(semconv.PROBLEM_MESSAGE) or "").splitlines() or [""]:
        for part in wrapped(visible(paragraph), max(width - 5, 30)):
            yield [("   ", ""), (part, "strong")]
    yield []
    yield from _listed("what was done before, the newest first", report.value(semconv.PROBLEM_TRACE_NAMES))
    lines = report.value(semconv.LAST_LOG_LINES)
    if isinstance(lines, list):
        yield from _listed("last log lines", lines if everything else lines[-_LINES:])
    yield from _errors(report, width, everything=everything)
    yield from _rest(report.log.record.attributes)
    yield []


def _heading(report: FoundReport, width: int) -> Iterator[Line]:
    log = report.log
    run = log.run
    yield [
        ("── ", "warn"),
        (f"problem {report.code}", "title"),
        (" ", ""),
        ("─" * max(width - 22, 2), "warn"),
    ]
    where = [date_time(log.time_ns), run_words(run), visible(run.text(semconv.HOST_NAME)), f"pid {_pid(run)}"]
    yield [
        ("   ", ""),
        (
            " · ".join(
                [part for part in where if part] + context_words({**log.record.attributes, **log.context})
            ),
            "dim",
        ),
    ]
    yield [("   ", ""), (f"session {visible(report.session)}", "dim")]


def _errors(report: FoundReport, width: int, *, everything: bool) -> Iterator[Line]:
    if not report.errors:
        yield from _listed("errors before it", report.value(semconv.PROBLEM_ERRORS))
        return
    yield [("   errors of the session before it", "dim")]
    for error in report.errors:
        for line in log_lines(error, report.log.time_ns, max(width - 5, 30), everything=everything):
            yield [("     ", ""), *line]


def bundle_lines(recordings: Recordings, width: int) -> Iterator[Line]:
    """Yield what a bundle is about: when and where it was made, the runs in it, the reports in it."""
    reader = recordings.fresh()
    runs, reports = {}, []
    for folder, segment in reader.newest_first():
        if segment.lane == "vital":
            reader.read(folder, segment)
            runs.update(reader.runs)
            logs = reader.book.take()[1]
            reports += [log for log in logs if log.record.event_name == semconv.PROBLEM_REPORT]
    yield [("── ", "title"), ("bundle", "title"), (f"  made {date_time(recordings.now_ns)}", "dim")]
    known = [run for run in runs.values() if not run.is_witness]
    for run in sorted(known, key=lambda one: one.started_ns):
        ended = "was running" if run.alive else run.closed or "ended without a clean close"
        words = [
            date_time(run.started_ns),
            run_words(run),
            visible(run.text(semconv.HOST_NAME)),
            f"pid {run.pid}",
        ]
        yield [
            ("   ", ""),
            (" · ".join([*words, ended]), ""),
            (f"  session {visible(run.session)[:12]}", "dim"),
        ]
    for log in sorted(reports, key=lambda one: one.time_ns):
        told = value(log.record.attributes.get(semconv.PROBLEM_MESSAGE, ""), max(width - 40, 40))
        code = value(log.record.attributes.get(semconv.PROBLEM_CODE, ""), 20)
        yield [("   ", ""), (f"problem {code}", "warn"), (f"  {date_time(log.time_ns)}  ", "dim"), (told, "")]
    yield []


def report_document(report: FoundReport, now_ns: int) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "code": report.code,
        "session": report.session,
        "run": run_document(report.log.run),
        "report": log_document(report.log),
        "errors": [log_document(log) for log in report.errors],
        "traces": [trace_document(trace, now_ns) for trace in report.traces],
    }


def _pid(run: Run) -> object:
    """Return the process that a report is about: another one may have written it down."""
    return run.resource.get(semconv.PROCESS_PID, run.pid) if run.is_witness else run.pid


def _listed(title: str, items: Any) -> Iterator[Line]:
    if isinstance(items, list) and items:
        yield [(f"   {title}", "dim")]
        for item in items:
            yield [("     ", ""), (value(str(item), 300), "")]


def _rest(attributes: dict[str, Any]) -> Iterator[Line]:
    shown = {
        name: item
        for name, item in attributes.items()
        if name not in _SHOWN_APART and not name.startswith(_IN_THE_HEADING)
    }
    if not shown:
        return
    yield [("   then and there", "dim")]
    for name, item in shown.items():
        text = size(item) if name in _SIZES and isinstance(item, int) else value(item, 200)
        yield [("     ", ""), (f"{visible(name)} ", "key"), (text, "value")]
