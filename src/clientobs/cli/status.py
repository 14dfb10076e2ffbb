"""`clientobs status`: how the journal, the drain and the endpoint stand."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from clientobs.cli.details import run_words
from clientobs.cli.documents import iso_time, run_document
from clientobs.cli.main import DONE, WRONG
from clientobs.cli.parser import command_parser
from clientobs.cli.screen import Line, line_width, open_screen, pad
from clientobs.cli.text import age, date_time, duration, number, shorten, size, visible
from clientobs.config.resolve import resolve
from clientobs.viewer.homes import existing_home
from clientobs.viewer.losses import MEANINGS
from clientobs.viewer.overview import DrainView, Overview, RunView, overview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.cli.main import Invocation
    from clientobs.config.model import Config, DrainMode
    from clientobs.drain.service.state import SignalState

__all__ = ["run"]

_NS = 1_000_000_000
_LABEL = 10
_RUNS = 10
_STATES = {"alive": ("●", "ok"), "closed": ("✓", "dim"), "dead": ("■", "interrupted")}
_NEXT: Final[dict[DrainMode, str]] = {
    "process": "one starts with the next host",
    "external": "ops start it (drain.mode external)",
    "thread": "it lives in the host (drain.mode thread)",
    "off": "hosts start none (drain.mode off)",
}
_VERDICTS = {
    "delivered": ("✓ delivered", "ok"),
    "more": ("▶ delivering", "open"),
    "retry": ("■ trying again", "warn"),
    "hold": ("✗ on hold, a person is needed", "failed"),
    "": ("nothing sent yet", "dim"),
}


def run(invocation: Invocation) -> int:
    """Print how things stand; 1 where the endpoint refuses until a person does something."""
    parser = command_parser("status", __doc__)
    parser.add_argument("--home", metavar="FOLDER", help="another journal than the one in use")
    parser.add_argument("--all", "-a", action="store_true", help="all runs, not only the last 10 processes")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args(invocation.arguments)
    resolved = resolve({}, environ=invocation.environ, strict=True)
    found = overview(options.home or existing_home(resolved.config, invocation.environ))
    screen = open_screen(invocation.stdout, invocation.environ)
    if options.json:
        screen.json(_document(found))
    else:
        processes = tuple(view for view in found.runs if not view.run.is_witness)
        shown = found.runs if options.all else processes[-_RUNS:]
        screen.lines(_lines(found, shown, time.time_ns(), config=resolved.config, width=screen.width))
    return WRONG if any(view.needs_a_person for view in found.drains) else DONE


def _lines(
    found: Overview, shown: tuple[RunView, ...], now_ns: int, *, config: Config, width: int
) -> Iterator[Line]:
    yield from _journal_lines(found)
    yield []
    for view in found.drains:
        yield from _drain_lines(view, now_ns, config.drain.mode)
        yield []
    if not found.drains:
        configured = config.delivery.configured
        why = "none has worked here yet" if configured else "no endpoint is configured: records stay here"
        yield [*_label("Drain"), (why, "dim")]
        yield []
    yield from _loss_lines(found)
    yield []
    yield from _run_lines(found, shown, now_ns, width)


def _journal_lines(found: Overview) -> Iterator[Line]:
    runs = f"{number(len(found.runs), 'run')}, {found.alive:,} alive"
    yield [
        *_label("Journal"),
        (size(found.size), "strong"),
        (f" in {runs}", ""),
        (f"   {visible(found.home)}", "dim"),
    ]
    for lane, (count, total) in found.lanes.items():
        yield [*_label(""), (f"{lane:<6}", "dim"), (f"{size(total):>10} in {number(count, 'segment')}", "")]
    if found.unread:
        yield [*_label(""), (f"{number(found.unread, 'run')} without a readable header", "warn")]


def _drain_lines(view: DrainView, now_ns: int, mode: DrainMode) -> Iterator[Line]:
    state = view.state
    if view.holder is not None:
        words = f"pid {view.holder.pid or state.pid}, version {visible(view.holder.version or state.version)}"
        yield [
            *_label("Drain"),
            ("● alive", "ok"),
            (f"   {words}, since {date_time(state.started_ns)}", "dim"),
        ]
    else:
        gone = f"   last seen {age((now_ns - state.updated_ns) / _NS)}; {_NEXT[mode]}"
        yield [*_label("Drain"), ("○ not running", "dim"), (gone, "dim")]
    for name, signal in state.signals.items():
        yield from _signal_lines(str(name), signal, now_ns)
    queue = f"{number(state.queue_records, 'record')}, {size(state.queue_bytes)}"
    if state.queue_records or state.queue_bytes:
        queue += f", the oldest {duration(int(state.oldest_seconds * _NS))}"
    yield [*_label(""), ("queue    ", "dim"), (queue, "")]
    for waiting in state.elsewhere.values():
        words = f"{number(int(waiting.get('runs', 0)), 'run')} wait for a drain with their credential"
        yield [*_label(""), ("others   ", "dim"), (f"{words} ({size(int(waiting.get('bytes', 0)))})", "warn")]


def _signal_lines(name: str, signal: SignalState, now_ns: int) -> Iterator[Line]:
    words, style = _VERDICTS.get(signal.verdict, (signal.verdict, ""))
    line: Line = [*_label(""), (f"{visible(name):<9}", "dim"), (visible(words), style)]
    if signal.delivered:
        line.append((f"   {number(signal.delivered, 'record')} in all", ""))
    if signal.sent_ns:
        line.append((f"   answered {age((now_ns - signal.sent_ns) / _NS)}", "dim"))
    if signal.retry_ns > now_ns:
        line.append((f"   next try in {duration(signal.retry_ns - now_ns)}", "dim"))
    yield line
    if signal.reason:
        yield [
            *_label(""),
            ("         ", ""),
            (shorten(visible(signal.reason), 160), "error" if style == "failed" else "warn"),
        ]


def _loss_lines(found: Overview) -> Iterator[Line]:
    if not found.lost:
        yield [*_label("Lost"), ("nothing", "ok")]
        return
    width = max(map(len, found.lost)) + 2
    for index, (reason, count) in enumerate(found.lost.items()):
        lead: Line = [*_label("Lost" if index == 0 else ""), (f"{count:>9,}  ", "warn")]
        meaning = MEANINGS.get(reason)
        yield [*lead, (f"{visible(reason):<{width}}", ""), (meaning.gone if meaning else "", "dim")]


def _run_lines(found: Overview, shown: tuple[RunView, ...], now_ns: int, width: int) -> Iterator[Line]:
    names = max((len(run_words(view.run)) for view in shown), default=0)
    for index, view in enumerate(shown):
        mark, style = _STATES[view.state]
        end = now_ns if view.state == "alive" else view.written_ns
        line: Line = [*_label("Runs" if index == 0 else ""), (f"{mark} ", style)]
        line = pad([*line, (run_words(view.run), "strong")], _LABEL + 4 + min(names, 30))
        line += [
            (f"  pid {view.run.pid:<7}", "dim"),
            (f"{date_time(view.run.started_ns)}  ", "dim"),
            (f"{duration(max(end - view.run.started_ns, 0)):>8}  {size(view.size):>9}  ", ""),
        ]
        session = (view.run.session[:12], "dim")
        yield [*line, session] if line_width([*line, session]) <= width else line
        if view.moved is not None:
            read, written = view.moved
            yield [*_label(""), (f"    read {size(read)}, wrote {size(written)}", "dim")]
    hidden = len(found.runs) - len(shown)
    if hidden:
        yield [*_label(""), (f"{number(hidden, 'more run')}: --all shows them", "dim")]


def _label(text: str) -> Line:
    return [(f"{text:<{_LABEL}}", "title")]


def _document(found: Overview) -> dict[str, Any]:
    return {
        "home": found.home,
        "bytes": found.size,
        "lanes": {lane: {"segments": count, "bytes": total} for lane, (count, total) in found.lanes.items()},
        "lost": dict(found.lost),
        "unreadable_runs": found.unread,
        "drains": [{**asdict(view.state), "alive": view.holder is not None} for view in found.drains],
        "runs": [
            {
                **run_document(view.run),
                "state": view.state,
                "bytes": view.size,
                "process_read": view.moved[0] if view.moved else None,
                "process_written": view.moved[1] if view.moved else None,
                "segments": view.segments,
                "started": iso_time(view.run.started_ns),
                "written": iso_time(view.written_ns),
            }
            for view in found.runs
        ],
    }
