"""`clientobs.report_problem`: what an artist says, with what came before it, under a code to read out.

The caller's thread appends one event and goes on: what came before is in memory already (pipeline/recent.py), and a
screenshot is written by the keeper, within a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import guarded
from clientobs.errors import ConfigError
from clientobs.record import recorder as _recorder
from clientobs.record.codes import new_code
from clientobs.record.vitals import vitals

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.pipeline.recent import Line, Recent
    from clientobs.record.recorder import Recorder

__all__ = ["MAX_SCREENSHOT", "emit_report", "report_problem"]

MAX_SCREENSHOT: Final = 16 * 1024 * 1024
"""Bytes."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_WARN: Final = 13
_MAX_LINES: Final = 50
_MAX_TEXT: Final = 300


def report_problem(message: str, *, screenshot: Callable[[], bytes] | None = None, **attributes: Any) -> str:
    """Record what a person says is wrong, and return a short code to read out, like "K7Q-3FD".

    Searching the code in Loki, or `clientobs show K7Q-3FD`, leads to the words, to what was done and what failed
    before them, and to the session. `attributes` are recorded with it. `screenshot` is called once, on this
    thread, where a picture is wanted: it returns PNG bytes, which stay on this machine and go into a bundle only.

    Returns "" where nothing can be recorded (clientobs is off, or was never started; `clientobs.doctor()` says
    why): a code that leads nowhere would be worse than none. Waits for nothing, and raises nothing but ConfigError
    for a screenshot that can't be called.

    >>> code = report_problem("The publish button does nothing", window="Publisher")
    """
    if screenshot is not None and not callable(screenshot):
        raise ConfigError(
            f"report_problem(screenshot=<{type(screenshot).__name__}>) can't be called; use a function that returns"
            " the bytes of a PNG, or None"
        )
    return _report(message, screenshot, attributes)


@guarded("report_problem", default="")
def _report(message: object, screenshot: Callable[[], bytes] | None, attributes: dict[str, Any]) -> str:
    recorder = _recorder.active()
    if recorder is None or recorder.recent is None:
        return ""
    code = new_code()
    found = {
        **vitals(),
        **_before(recorder.recent, time.time_ns()),
        **(_picture(recorder, code, screenshot) if screenshot is not None else {}),
    }
    # First, so that no bound on attributes cuts them off, and last, so that they hold.
    return emit_report(recorder, code, message, {**found, **attributes, **found})


def emit_report(recorder: Recorder, code: str, message: object, attributes: dict[str, Any]) -> str:
    """Write the event, and return the code where it is in the journal, else ""."""
    from opentelemetry._logs import SeverityNumber  # noqa: PLC0415  # loaded with the SDK

    told = message if type(message) is str else recorder.redactor.value("message", message)
    own = {semconv.PROBLEM_CODE: code, semconv.PROBLEM_MESSAGE: told}
    number = SeverityNumber(_WARN)
    recorder.voice.logger.emit(
        severity_number=number,
        severity_text=number.name,
        body=f"Problem reported ({code}): {told}",
        attributes=recorder.redactor.attributes({**own, **attributes, **own}),
        event_name=semconv.PROBLEM_REPORT,
    )
    return code if recorder.recent is not None and code in recorder.recent.reports else ""


def _before(recent: Recent, now_ns: int) -> dict[str, Any]:
    """Return what was done, logged and went wrong before now, under its attribute names."""
    from opentelemetry.trace import get_current_span  # noqa: PLC0415  # loaded with the SDK

    here = get_current_span()
    traces: dict[str, str] = {}
    if here.get_span_context().is_valid:
        name = str(getattr(here, "name", "") or "span")[:_MAX_TEXT]
        traces[f"{here.get_span_context().trace_id:032x}"] = f"{name} (open)"
    for errand in reversed(recent.errands.copy()):
        ended = f"{'failed ' if errand.failed else ''}{_ago(now_ns - errand.end_ns)} ago"
        traces.setdefault(f"{errand.trace_id:032x}", f"{errand.name} ({ended})")
    errors = [_error(line, now_ns) for line in recent.errors.copy()]
    lines = [f"{line.severity} {line.text}".strip() for line in recent.lines.copy()]
    found = {
        semconv.PROBLEM_TRACES: list(traces),
        semconv.PROBLEM_TRACE_NAMES: list(traces.values()),
        semconv.PROBLEM_ERRORS: errors,
        semconv.LAST_LOG_LINES: lines[-_MAX_LINES:],
    }
    return {name: value for name, value in found.items() if value}


def _error(line: Line, now_ns: int) -> str:
    trace = f", trace {line.trace_id:032x}" if line.trace_id else ""
    return f"{line.text} ({_ago(now_ns - line.time_ns)} ago{trace})"


def _ago(nanoseconds: int) -> str:
    seconds = max(0, nanoseconds) / 1e9
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004


def _picture(recorder: Recorder, code: str, screenshot: Callable[[], bytes]) -> dict[str, Any]:
    """Take the picture, hand it on to be written, and return where it will lie, or why there is none."""
    try:
        data = screenshot()
    except Exception as error:  # noqa: BLE001  # the host's own code: told in the report, no fault of ours
        return {semconv.PROBLEM_SCREENSHOT_ERROR: f"{type(error).__name__} while it was taken"}
    if not isinstance(data, bytes) or not data.startswith(_PNG):
        return {semconv.PROBLEM_SCREENSHOT_ERROR: "not the bytes of a PNG"}
    if len(data) > MAX_SCREENSHOT:
        return {semconv.PROBLEM_SCREENSHOT_ERROR: f"{len(data)} bytes are more than {MAX_SCREENSHOT}"}
    path = recorder.attach(f"{code}.png", data) if recorder.attach is not None else ""
    if not path:
        return {semconv.PROBLEM_SCREENSHOT_ERROR: "no room: too many pictures in this session"}
    return {semconv.PROBLEM_SCREENSHOT: path, semconv.PROBLEM_SCREENSHOT_SIZE: len(data)}
