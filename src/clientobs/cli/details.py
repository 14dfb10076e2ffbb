"""The words beside and beneath a span: outcome, context, attributes, log lines, links, what was left out."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.cli.attributes import PRODUCTION_ORDER, attribute_pieces
from clientobs.cli.screen import wrapped
from clientobs.cli.text import cell_width, duration, number, shorten, value, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clientobs.cli.folding import Fold
    from clientobs.cli.screen import Line, Piece
    from clientobs.journal.records import SpanEvent, SpanLink
    from clientobs.viewer.model import Log, Run, Span

__all__ = [
    "context_words",
    "event_line",
    "fold_line",
    "link_line",
    "log_lines",
    "run_words",
    "state_words",
]

_LEVELS: Final = ((21, "FATAL", "failed"), (17, "ERROR", "error"), (13, "WARN", "warn"), (9, "INFO", ""))
_FRAME: Final = re.compile(r'File "([^"\n]+)", line (\d+),? in (\S+)')
_FAULT: Final = "(most recent call first)"
"""What faulthandler writes over each stack: its stacks begin where Python's own end."""
_LIBRARY: Final = re.compile(
    r"[/\\](lib(64)?[/\\]python\d|lib[/\\][^/\\]+\.py$|(site|dist)-packages[/\\])|^<", re.IGNORECASE
)
_OF_A_WRAPPER: Final = re.compile(r"[/\\]clientobs[/\\](guard|hosts|instruments|record)[/\\]")
"""Frames of ours in other people's tracebacks, wherever clientobs lies: they say nothing of what went wrong."""
_BODY_LINES: Final = 3
_BROKEN: Final = frozenset({"failed", "error"})


def state_words(span: Span) -> Line:
    """Return why a span is marked: its error, its outcome, or that it never ended."""
    attributes = span.record.attributes
    state = span.state
    if state in {"open", "interrupted"}:
        return [("running" if state == "open" else "interrupted", state)]
    if state == "failed":
        kind = str(attributes.get(semconv.ERROR_TYPE, "")).rpartition(".")[2]
        message = span.record.status_message
        if kind == "SystemExit" and message:  # the exit code, and what sys.exit() said
            return [(value(message, 120), "error")]
        return [(value(kind or message or "failed", 60), "error")]
    if attributes.get(semconv.EXIT_WAY) == "SystemExit" and semconv.PROCESS_EXIT_CODE not in attributes:
        return [("exit code unknown", "warn")]  # not a failure that we know of, nor a success
    outcome = attributes.get(semconv.TOOL_OUTCOME)
    return [(value(outcome, 20), "warn")] if outcome not in {None, "ok"} else []


def context_words(context: Mapping[str, Any], beyond: Mapping[str, Any] | None = None) -> list[str]:
    """Return the production context from show to task; only what differs where `beyond` is given."""
    return [
        value(context[key], 40)
        for key in PRODUCTION_ORDER
        if key in context and (beyond is None or beyond.get(key) != context[key])
    ]


def run_words(run: Run) -> str:
    """Return which program and process a run is, in a few words."""
    name = run.text(semconv.DCC_NAME) or run.text(semconv.SERVICE_NAME) or "python"
    version = run.text(semconv.DCC_VERSION) if run.text(semconv.DCC_NAME) else ""
    return visible(" ".join(part for part in (name, version) if part))


def log_lines(log: Log, start_ns: int, cells: int, *, everything: bool) -> Iterator[Line]:
    """Yield a log record or event: moment, level or event name, text; an exception with its last frame.

    What went wrong is broken at blanks to fit `cells` rather than cut off in the middle of its reason.
    """
    record = log.record
    attributes = record.attributes
    level, style = _level(record.severity)
    label = visible(record.event_name) if record.event_name not in {"", semconv.EXCEPTION} else level
    body = _body(record.body)
    error = attributes.get(semconv.EXCEPTION_TYPE)
    if error is not None:
        message = str(attributes.get(semconv.EXCEPTION_MESSAGE, ""))
        body = "" if body in f"{error}: {message}" else f"{body}  "
        body += f"{error if everything else str(error).rpartition('.')[2]}: {message}".rstrip(": ")
    lines = body.splitlines() or [""]
    offset = f"{_offset(log.time_ns - start_ns)}  "
    if style in _BROKEN and not everything:
        room = max(cells - cell_width(offset) - max(cell_width(label), 5) - 2, 20)
        lines = [part for line in lines[:_BODY_LINES] for part in wrapped(line, room)]
    shown = lines if everything else lines[:_BODY_LINES]
    indent = " " * cell_width(offset)
    yield [
        (offset, "dim"),
        (f"{label:<5}  ", style or "dim"),
        _text(shown[0], style),
    ]
    for line in shown[1:]:
        yield [(indent, ""), _text(line, style)]
    if len(shown) < len(lines):
        yield [(indent, ""), (f"⋯ {number(len(lines) - len(shown), 'more line')}", "dim")]
    for text in _stack(attributes.get(semconv.EXCEPTION_STACKTRACE), everything=everything):
        yield [(indent, ""), (text, "dim")]
    for text in _remains(attributes):
        yield [(indent, ""), (text, "dim")]


def _remains(attributes: Mapping[str, Any]) -> Iterator[str]:
    """Yield what else is known of a death: the module, the files that are left, the way its memory went."""
    if module := attributes.get(semconv.CRASH_MODULE):
        yield f"module {visible(str(module))}"
    for path in attributes.get(semconv.CRASH_FILES, ())[:_BODY_LINES]:
        yield f"file {visible(str(path))}"
    if timeline := attributes.get(semconv.SESSION_MEMORY_TIMELINE):
        yield f"memory {' · '.join(visible(str(step)) for step in timeline)}"


def event_line(event: SpanEvent, start_ns: int, room: int) -> Line:
    """Return a span event with its attributes."""
    failed = event.name == semconv.EXCEPTION
    name = visible(event.name)
    attributes = event.attributes
    if failed:
        name = value(attributes.get(semconv.EXCEPTION_TYPE, name))
        message = value(attributes.get(semconv.EXCEPTION_MESSAGE, ""), max(room, 20))
        return [(f"{_offset(event.time_ns - start_ns)}  ", "dim"), (f"{name}: {message}", "error")]
    head: Line = [(f"{_offset(event.time_ns - start_ns)}  ", "dim"), (f"◆ {name}", "")]
    return head + attribute_pieces(attributes, room - 12 - cell_width(name))


def link_line(link: SpanLink) -> Line:
    """Return a link to another trace, with what it is for."""
    why = link.attributes.get(semconv.LINK_KIND)
    return [
        ("→ linked to trace ", "dim"),
        (f"{link.trace_id:032x}", "dim"),
        (f"  {value(why)}" if why else "", "dim"),
    ]


def fold_line(fold: Fold) -> Line:
    """Return the line that stands for what was left out."""
    if fold.logs:
        return [(f"⋯ {number(fold.logs, 'more log line')}", "dim")]
    many = f"{fold.spans:,} more of {visible(fold.name)}" if fold.name else number(fold.spans, "more span")
    pieces: Line = [(f"⋯ {many}", "dim")]
    if fold.failed:
        pieces.append((f"  {fold.failed:,} not well", "error"))
    if fold.total_ns:
        least, most = duration(fold.shortest_ns), duration(fold.longest_ns)
        each = f"{least} each" if least == most else f"{least} to {most} each"
        pieces.append((f"  {each}, {duration(fold.total_ns)} in all", "dim"))
    return pieces


def _level(severity: int) -> tuple[str, str]:
    for least, name, style in _LEVELS:
        if severity >= least:
            return name, style
    return "DEBUG", "dim"


def _offset(nanoseconds: int) -> str:
    sign = "-" if nanoseconds < 0 else "+"
    return f"{sign}{duration(abs(nanoseconds))}"


def _body(body: Any) -> str:
    if body is None:
        return ""
    return body if isinstance(body, str) else value(body, 2_000)


def _text(line: str, style: str) -> Piece:
    return shorten(visible(line), 400), style


def _stack(stack: Any, *, everything: bool) -> list[str]:
    """Return the lines of a stack trace, or the place that it came from."""
    if not isinstance(stack, str) or not stack:
        return []
    if everything:
        return [visible(line) for line in stack.rstrip().splitlines()]
    fault = _FAULT in stack
    found = _FRAME.findall(
        stack.split(_FAULT)[1] if fault else stack
    )  # the first thread is the one that crashed
    frames = [frame for frame in found if not _OF_A_WRAPPER.search(frame[0])]
    frames = frames[::-1] if fault else frames
    if not frames:
        return []
    # The tool's own line says more than the library's that raised; where they differ, both are told.
    own = next((frame for frame in reversed(frames) if not _LIBRARY.search(frame[0])), frames[-1])
    raised = (
        "" if own == frames[-1] else f", raised in {_place(os.path.basename(frames[-1][0]), *frames[-1][1:])}"
    )
    return [f"at {_place(*own)}{raised}"]


def _place(path: str, line_number: str, function: str) -> str:
    return f"{visible(path)}:{line_number} in {visible(function)}"
