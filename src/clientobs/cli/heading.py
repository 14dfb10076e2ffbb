"""The two lines above a trace: what work it was and how it ended, then who, where and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientobs import semconv
from clientobs.cli.details import context_words, run_words, state_words
from clientobs.cli.screen import Line, line_width
from clientobs.cli.text import cell_width, date_time, duration, number, shorten, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.cli.tree import View
    from clientobs.viewer.model import Trace

__all__ = ["footer", "heading", "summary_line", "verdict"]

_SHORT_ID: Final = 12
_NAME_CELLS: Final = 40

_VERDICTS: Final = {
    "ok": ("✓ ok", "ok"),
    "errors": ("✓ ok, with errors inside", "warn"),
    "failed": ("✗ failed", "failed"),
    "open": ("▶ running", "open"),
    "interrupted": ("■ interrupted", "interrupted"),
}
_PAINTED: Final = {"ok": "ok", "errors": "warn", "failed": "error", "open": "open", "interrupted": "warn"}


def verdict(trace: Trace) -> tuple[str, str]:
    """Return how a trace stands, in a word with its mark, and the style for it."""
    return _VERDICTS[trace.state]


def heading(trace: Trace, view: View) -> Iterator[Line]:
    """Yield the heading of one trace."""
    root = trace.roots[0] if trace.roots else None
    context = root.context if root is not None else (trace.logs[0].context if trace.logs else {})
    words, style = verdict(trace)
    length = duration(trace.end_ns(view.now_ns) - trace.start_ns)
    title = " / ".join(context_words(context)) or (run_words(trace.runs[0]) if trace.runs else "trace")
    title = shorten(title, max(view.width - 40, 20))
    left: Line = [("── ", _PAINTED[trace.state]), (title, "title"), (" ", "")]
    right: Line = [(f" {words}", style), (f" · {length} ", "strong"), ("──", _PAINTED[trace.state])]
    rule = max(view.width - line_width(left) - line_width(right), 2)
    yield [*left, ("─" * rule, _PAINTED[trace.state]), *right]
    yield [("   ", ""), (shorten(" · ".join(_where(trace)), view.width - 3), "dim")]
    handles = _handles(trace)
    one_line = " · ".join(handles)
    # Ids are there to be copied: they go on lines of their own rather than being cut.
    for text in [one_line] if cell_width(one_line) + 3 <= view.width else handles:
        yield [("   ", ""), (text, "dim")]
    yield []


def footer(trace: Trace) -> Line:
    """Return the counts of a trace."""
    spans = list(trace.walk())
    logs = sum(len(span.logs) for span in spans) + len(trace.logs)
    broken = sum(span.state == "failed" for span in spans)
    parts = [number(len(spans), "span")]
    if broken:
        parts.append(f"{broken:,} failed")
    if logs:
        parts.append(number(logs, "log record"))
    if len(trace.runs) > 1:
        parts.append(number(len(trace.runs), "process", "processes"))
    return [("   ", ""), (" · ".join(parts), "dim")]


def summary_line(trace: Trace, view: View) -> Line:
    """Return one trace on one line: when, how long, what, in which context, its id."""
    state = trace.state
    mark = verdict(trace)[0][:1] if state != "ok" else " "
    root = trace.roots[0] if trace.roots else None
    name = visible(root.record.name) if root is not None else "(logs only)"
    line: Line = [
        (f"{mark} ", verdict(trace)[1]),
        (f"{date_time(trace.start_ns)}  ", "dim"),
        (f"{duration(trace.end_ns(view.now_ns) - trace.start_ns):>9}  ", "strong"),
        (f"{trace.trace_id:032x}"[:_SHORT_ID] + "  ", "dim"),
        (shorten(name, _NAME_CELLS), _PAINTED[state] if state != "ok" else "strong"),
    ]
    if root is not None:
        reason = state_words(root)
        line += [("  ", ""), *reason] if reason else []
        context = " / ".join(context_words(root.context))
        line += [(f"  {context}", "context")] if context else []
    return line


def _where(trace: Trace) -> list[str]:
    if not trace.runs:
        return []
    run = trace.runs[0]
    root = trace.roots[0] if trace.roots else None
    context = root.context if root is not None else {}
    tool = " ".join(
        visible(str(context[key])) for key in (semconv.TOOL_NAME, semconv.TOOL_VERSION) if key in context
    )
    program = run_words(run)
    # "publisher · publisher 2.1" says one thing twice: where the tool is the program, the tool's words do.
    named = [tool] if tool.partition(" ")[0] == program else [program, tool]
    parts = [date_time(trace.start_ns), *named]
    parts += [visible(run.text(semconv.HOST_NAME)), f"pid {run.pid}"]
    return [part for part in parts if part]


def _handles(trace: Trace) -> list[str]:
    parts = [f"trace {trace.trace_id:032x}"]
    if trace.runs:
        parts.append(f"session {visible(trace.runs[0].session)}")
    return parts
