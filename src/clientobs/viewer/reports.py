"""Everything that a problem report's code leads to: the report, what was done before, what went wrong before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.viewer.model import Log, Trace
    from clientobs.viewer.recordings import Recordings

__all__ = ["FoundReport", "find_report"]

_ERROR: Final = 17
_MOST_ERRORS: Final = 20
_MOST_TRACES: Final = 5
_HEX: Final = 16
_FARTHEST_NS: Final = 24 * 3600 * 10**9
"""What came more than a day before a report is not looked for."""


@dataclass(slots=True, kw_only=True)
class FoundReport:
    """A report with what leads on from it. `errors` are the session's before it, the newest last."""

    code: str
    log: Log
    session: str
    traces: list[Trace] = field(default_factory=list)
    errors: list[Log] = field(default_factory=list)

    def value(self, name: str) -> Any:
        """Return an attribute of the report, None where it has none."""
        return self.log.record.attributes.get(name)


def find_report(recordings: Recordings, code: str) -> FoundReport | None:
    """Return the newest report with this code, or None."""
    log = _find(recordings.fresh(), code)
    if log is None:
        return None
    session = str(log.record.attributes.get(semconv.PROBLEM_SESSION) or log.run.session)
    found = FoundReport(code=code, log=log, session=session)
    _fill(found, recordings.fresh())
    return found


def _find(recordings: Recordings, code: str) -> Log | None:
    for folder, segment in recordings.newest_first():
        if segment.lane != "vital":  # reports are in the vital lane, which is small
            continue
        recordings.read(folder, segment)
        _, logs = recordings.book.take()
        for log in reversed(logs):
            if (
                log.record.event_name == semconv.PROBLEM_REPORT
                and log.record.attributes.get(semconv.PROBLEM_CODE) == code
            ):
                return log
    return None


def _fill(found: FoundReport, recordings: Recordings) -> None:
    wanted = _trace_ids(found.log)
    runs = set(recordings.runs_named(found.session))
    errors: list[Log] = []
    book = recordings.book
    for folder, segment in recordings.newest_first():
        if segment.mtime_ns < found.log.time_ns - _FARTHEST_NS:
            break
        recordings.read(folder, segment)
        errors += [log for log in book.logs() if log.run.run in runs and _is_error_before(log, found.log)]
        book.loose.clear()
        for trace_id in set(book.ids()).difference(wanted):
            book.forget(trace_id)
    unique = {(log.run.run, log.time_ns, str(log.record.body)): log for log in errors}
    found.errors = sorted(unique.values(), key=lambda log: log.time_ns)[-_MOST_ERRORS:]
    known = set(book.ids())
    found.traces = [book.trace(trace_id) for trace_id in wanted if trace_id in known]


def _trace_ids(log: Log) -> list[int]:
    told = log.record.attributes.get(semconv.PROBLEM_TRACES)
    ids = [log.record.trace_id] if log.record.trace_id else []
    ids += [trace_id for text in _texts(told) if (trace_id := _number(text))]
    return list(dict.fromkeys(ids))[:_MOST_TRACES]


def _is_error_before(log: Log, report: Log) -> bool:
    return (
        log.record.severity >= _ERROR
        and log.time_ns <= report.time_ns
        and log.record.event_name != semconv.PROBLEM_REPORT
    )


def _texts(value: Any) -> Iterable[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _number(text: str) -> int:
    try:
        return int(text, _HEX) if len(text) == 2 * _HEX else 0
    except ValueError:
        return 0
