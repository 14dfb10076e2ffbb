"""A trace as a tree of lines: names on the left, durations beside them, a time line on the right.

    ✗ publish_shot  PermissionError                4.31 s  ╺━━━━━━━━━━━━━━━━━━━━━━━━━━━
    ├─ render                                      2.10 s   ╺━━━━━━━━━━━━╸
    │  ├─ frame  frame=1001                        520 ms   ╺━━╸
    │  ⋯ 22 more of frame  480 ms to 2.10 s each, 11.2 s in all
    ╰─ ✗ copy  PermissionError                     1.20 s                  ╺━━━━━━━━━━━

A span that went well carries no mark: what is marked is what somebody looks for. The walk keeps a stack of
its own, because a runaway recursion in a tool makes traces deeper than Python's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clientobs.cli.attributes import all_attributes, attribute_pieces, attribute_text, brief_attributes
from clientobs.cli.details import (
    context_words,
    event_line,
    fold_line,
    link_line,
    log_lines,
    run_words,
    state_words,
)
from clientobs.cli.folding import Fold, Item, below, fold_logs, fold_spans, inside
from clientobs.cli.screen import PIPE_WIDTH, Line, cut, line_width, pad
from clientobs.cli.text import duration, shorten, visible
from clientobs.journal.records import SpanEvent
from clientobs.viewer.model import Log, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clientobs.viewer.model import Trace

__all__ = ["View", "tree_lines"]

_MARKS: Final = {"ok": "", "failed": "✗ ", "open": "▶ ", "interrupted": "■ "}
_PIPED: Final = 400
"""Cells of a line that no terminal cuts: what follows can be read by eye or by grep."""
_LINE_BUDGET: Final = 300
_DEEPEST: Final = 24
_DURATION_CELLS: Final = 10
_SLOW_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a trace is to be laid out. `bars`: draw the time line, which needs a terminal to make sense."""

    now_ns: int
    width: int = PIPE_WIDTH
    bars: bool = False
    everything: bool = False
    """No folding, and every attribute on a line of its own."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One line to be: its left part, and the span whose duration and bar stand beside it."""

    left: Line
    span: Span | None = None


def tree_lines(trace: Trace, view: View) -> Iterator[Line]:
    """Yield the lines of a trace's tree, without its heading."""
    start_ns = trace.start_ns
    total_ns = max(trace.end_ns(view.now_ns) - start_ns, 1)
    bar_cells = max(min(view.width // 3, 44), 12) if view.bars and view.width >= PIPE_WIDTH * 0.7 else 0
    room = view.width - _DURATION_CELLS - (bar_cells + 2 if bar_cells else 0)
    rows = list(_rows(trace, view, start_ns, room))
    longest = max((line_width(row.left) for row in rows if row.span is not None), default=0)
    column = min(longest, room if view.bars else PIPE_WIDTH - _DURATION_CELLS)
    if bar_cells:
        bar_cells = view.width - column - _DURATION_CELLS - 2
    for row in rows:
        if row.span is None:
            yield cut(row.left, view.width) if view.bars else row.left
            continue
        yield _span_line(row.left, row.span, view, column, (start_ns, total_ns, bar_cells))


def _span_line(left: Line, span: Span, view: View, column: int, scale: tuple[int, int, int]) -> Line:
    start_ns, total_ns, bar_cells = scale
    length = span.duration_ns(view.now_ns)
    text = ("≥ " if span.state == "interrupted" else "") + duration(length)
    slow = length >= total_ns * _SLOW_SHARE
    line = pad(cut(left, column) if view.bars else left, column)
    line = [*line, (f"{text:>{_DURATION_CELLS}}", "duration.slow" if slow else "duration")]
    if bar_cells:
        line += [("  ", ""), *_bar(span, view.now_ns, start_ns, total_ns, bar_cells)]
    return line


def _bar(span: Span, now_ns: int, start_ns: int, total_ns: int, cells: int) -> Line:
    """Draw a span's place in the trace, in half cells."""
    first = round(2 * cells * (span.record.start_ns - start_ns) / total_ns)
    first = min(max(first, 0), 2 * cells - 1)
    last = max(round(2 * cells * (span.end_ns(now_ns) - start_ns) / total_ns), first + 1)
    drawn = "╺" if first % 2 else ""
    drawn += "━" * (last // 2 - (first + 1) // 2)
    drawn += "╸" if last % 2 and last // 2 * 2 >= first else ""
    style = "bar" if span.state == "ok" else f"bar.{span.state}"
    return [(" " * (first // 2), ""), (drawn, style)]


def _rows(trace: Trace, view: View, start_ns: int, room: int) -> Iterator[_Row]:
    tops: list[tuple[int, Item]] = fold_spans(trace.roots, view.now_ns, everything=view.everything)
    tops += fold_logs(trace.logs, everything=view.everything)
    tops.sort(key=lambda pair: pair[0])
    # An entry: what to draw, the trunk of its ancestors, its own branch, how deep, the span above it.
    stack: list[tuple[Item, str, str, int, Span | None]] = [
        (item, "", "", 0, None) for _, item in reversed(tops)
    ]
    drawn = 0
    while stack:
        item, trunk, branch, depth, above = stack.pop()
        drawn += 1
        if drawn > _LINE_BUDGET and not view.everything:
            left_out = [entry[0] for entry in stack if isinstance(entry[0], Span)]
            count = sum(1 + below(span) for span in left_out) + (
                1 + below(item) if isinstance(item, Span) else 0
            )
            yield _Row([("⋯ ", "dim"), *fold_line(Fold(spans=count))[:1]] if count else [("⋯", "dim")])
            return
        if not isinstance(item, Span):
            yield from (
                _Row([(trunk + branch, "tree"), *line])
                for line in _item_lines(item, view, start_ns, room, view.width - len(trunk + branch))
            )
            continue
        yield _Row(_label(item, above, trunk + branch, view, room), item)
        under = trunk + {"": "", "├─ ": "│  ", "╰─ ": "   "}[branch]
        yield from _beneath(item, under, view)
        children = inside(item, view.now_ns, everything=view.everything)
        if depth >= _DEEPEST and any(isinstance(child, Span) for child in children):
            children = [child for child in children if not isinstance(child, Span)]
            children.append(Fold(spans=below(item)))
        stack.extend(_branches(children, under, depth + 1, item))


def _branches(
    items: Sequence[Item], trunk: str, depth: int, above: Span
) -> list[tuple[Item, str, str, int, Span | None]]:
    """Return stack entries, last first; a trunk goes on beside a log as long as spans follow it."""
    entries: list[tuple[Item, str, str, int, Span | None]] = []
    more = False
    for item in reversed(items):
        if isinstance(item, Span):
            branch, more = ("├─ " if more else "╰─ "), True
        else:
            branch = "│  " if more else "   "
        entries.append((item, trunk, branch, depth, above))
    return entries


def _label(span: Span, above: Span | None, lead: str, view: View, room: int) -> Line:
    state = span.state
    name = visible(span.record.name)
    style = state if state != "ok" else ("strong" if above is None else "")
    line: Line = [
        (lead, "tree"),
        (_MARKS[state], state),
        (name if view.everything else shorten(name, 80), style),
    ]
    for words in (state_words(span), _crossing(span, above)):
        if words:
            line += [("  ", ""), *words]
    if span.parent_missing:
        line.append(("  (its parent is not in this journal)", "dim"))
    if not view.everything:
        line += attribute_pieces(brief_attributes(span), room - line_width(line))
    return line


def _crossing(span: Span, above: Span | None) -> Line:
    """Return what changes against the span above: the process, the production context."""
    if above is None:
        return []
    line: Line = []
    if span.run is not above.run:
        line.append((f"⇢ {run_words(span.run)} pid {span.run.pid}", "open" if span.run.alive else "dim"))
    changed = context_words(span.context, above.context)
    if changed:
        line.append((("  " if line else "") + " / ".join(changed), "context"))
    return line


def _beneath(span: Span, under: str, view: View) -> Iterator[_Row]:
    lead = (under + ("│  " if span.children else "   "), "tree")
    for link in span.record.links if view.everything else span.record.links[:3]:
        yield _Row([lead, *link_line(link)])
    if view.everything:
        for key, item in all_attributes(span).items():
            yield _Row([lead, (f"{visible(key)} ", "key"), (attribute_text(key, item, 2_000), "value")])


def _item_lines(item: Item, view: View, start_ns: int, room: int, cells: int) -> Iterator[Line]:
    if isinstance(item, Log):
        yield from log_lines(item, start_ns, cells if view.bars else _PIPED, everything=view.everything)
    elif isinstance(item, SpanEvent):
        yield event_line(item, start_ns, room)
    elif isinstance(item, Fold):
        yield fold_line(item)
