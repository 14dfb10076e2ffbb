"""The last things that this process recorded: log lines, errors, and what was done.

A problem report tells what came before it, and must not read the journal back on the user interface's thread. So
the processors, which see every record redacted, leave texts and numbers of the last ones here. Nothing of the host
is kept, and the whole is bounded: 50 lines and 10 errors of at most a few hundred characters, 8 names.

No locks: appending to a bounded deque and copying it are one step each for the interpreter.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LINES", "Errand", "Line", "Recent"]

LINES: Final = 50
_ERRORS: Final = 10
_ERRANDS: Final = 8
_REPORTS: Final = 4
_MAX_LINE: Final = 500
_MAX_ERROR: Final = 1_000
_OURS: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_ERROR: Final = 17  # SeverityNumber.ERROR


class Line(NamedTuple):
    """A log line or an error: when, how severe, what, and in which trace (0: in none)."""

    time_ns: int
    severity: str
    text: str
    trace_id: int


class Errand(NamedTuple):
    """One thing that was done: a span without a parent in this process, which has ended."""

    trace_id: int
    name: str
    end_ns: int
    failed: bool


class Recent:
    """Filled by the processors, read by `report_problem`.

    >>> recent = Recent()
    >>> recent.log(1, 9, "INFO", "opened", "", {}, 0)
    >>> recent.log(2, 17, "ERROR", "no plate", "", {}, 7)
    >>> [line.text for line in recent.lines], [line.text for line in recent.errors]
    (['opened', 'no plate'], ['no plate'])
    """

    __slots__ = ("errands", "errors", "lines", "reports")

    def __init__(self) -> None:
        self.lines: deque[Line] = deque(maxlen=LINES)
        self.errors: deque[Line] = deque(maxlen=_ERRORS)
        self.errands: deque[Errand] = deque(maxlen=_ERRANDS)
        self.reports: deque[str] = deque(maxlen=_REPORTS)
        """The codes of the last reports that are in the journal."""

    def log(
        self,
        time_ns: int,
        severity: int,
        severity_text: str,
        body: Any,
        name: str,
        attributes: Mapping[str, Any],
        trace_id: int,
    ) -> None:
        """Keep what is needed of a log record that is in the journal; all of it is redacted."""
        if name == semconv.PROBLEM_REPORT:
            self.reports.append(str(attributes.get(semconv.PROBLEM_CODE, "")))
            return
        text = body if type(body) is str else "" if body is None else str(body)
        # Events say what happened, as lines do; but those of every session are no news.
        if not name.startswith("session."):
            self.lines.append(Line(time_ns, severity_text, text[:_MAX_LINE], trace_id))
        if severity >= _ERROR:
            self.errors.append(Line(time_ns, severity_text, _told(text, attributes)[:_MAX_ERROR], trace_id))

    def ended(self, trace_id: int, name: str, end_ns: int, *, failed: bool) -> None:
        """Keep what was done; called for spans without a parent in this process alone."""
        self.errands.append(Errand(trace_id, name, end_ns, failed))


def _told(text: str, attributes: Mapping[str, Any]) -> str:
    """Return an error's words, and the place that it came from where it has a traceback."""
    kind = attributes.get(semconv.EXCEPTION_TYPE)
    if kind is not None and str(kind) not in text:
        text = f"{text}: {kind}: {attributes.get(semconv.EXCEPTION_MESSAGE, '')}"
    stack = attributes.get(semconv.EXCEPTION_STACKTRACE)
    frame = _frame_of(stack) if type(stack) is str else ""
    return f"{text} ({frame})" if frame else text


def _frame_of(stack: str) -> str:
    """Return the innermost frame of a traceback that is not our own."""
    frames = [line.strip() for line in stack.splitlines() if line.startswith('  File "')]
    return next((frame for frame in reversed(frames) if _OURS not in frame), "")
