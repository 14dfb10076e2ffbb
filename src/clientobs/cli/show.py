"""`clientobs show`: traces as trees, read back from the journal of this machine."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from clientobs.cli.documents import trace_document
from clientobs.cli.follow import follow
from clientobs.cli.heading import footer, heading, summary_line
from clientobs.cli.main import DONE, WRONG
from clientobs.cli.parser import command_parser
from clientobs.cli.reports import bundle_lines, report_document, report_lines
from clientobs.cli.screen import Screen, cut, open_screen
from clientobs.cli.text import number
from clientobs.cli.tree import View, tree_lines
from clientobs.config.resolve import resolve
from clientobs.record.codes import normalized_code
from clientobs.viewer.bundles.read import open_bundle
from clientobs.viewer.deaths import tell_deaths
from clientobs.viewer.homes import existing_home, runs_folder
from clientobs.viewer.recordings import Recordings
from clientobs.viewer.reports import find_report
from clientobs.viewer.selection import by_id, last_traces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clientobs.cli.main import Invocation
    from clientobs.viewer.model import Trace

__all__ = ["run", "show_trace", "view_of"]

_EPILOG = """\
examples:
  clientobs show                   the last trace
  clientobs show --failed          the last trace in which something failed
  clientobs show --list            the last 20 traces, one line each
  clientobs show 4bf92f35          a trace, session or run by its id, or the first digits of it
  clientobs show K7Q-3FD           a problem report, what was done and what failed before it
  clientobs show problem.zip       what is in a bundle; with an id or a code after it, that
  clientobs show --follow          traces as they happen; Ctrl-C ends it

exit codes: 0 shown, 1 nothing to show, 2 wrong arguments"""
_LISTED = 20


def run(invocation: Invocation) -> int:
    """Show what the arguments ask for."""
    parser = _parser()
    options = parser.parse_args(invocation.arguments)
    resolved = resolve({}, environ=invocation.environ, strict=True)
    screen = open_screen(invocation.stdout, invocation.environ)
    bundle, options.id = _split(parser, options.what)
    home = bundle or options.home or existing_home(resolved.config, invocation.environ)
    recordings = open_bundle(bundle) if bundle else Recordings(runs_folder(home))
    code = normalized_code(options.id) if options.id else None
    if code:
        return _show_report(recordings, code, options, screen, invocation)
    if bundle and not options.json:
        screen.lines(bundle_lines(recordings, screen.width))
        options.list = options.list or not options.id
    if options.follow:
        return follow(recordings, screen, everything=options.all, as_json=options.json, failed=options.failed)
    return _show_traces(home, recordings, options, screen, invocation)


def _show_traces(
    home: str, recordings: Recordings, options: argparse.Namespace, screen: Screen, invocation: Invocation
) -> int:
    count = options.number or (_LISTED if options.list or options.id else 1)
    traces = _wanted(recordings, options, count)
    traces.sort(key=lambda trace: trace.start_ns)
    shown = traces[-count:]
    if not options.list:
        tell_deaths(recordings.folder, shown)
    if options.json:
        now = recordings.now_ns
        screen.json({"home": home, "traces": [trace_document(trace, now) for trace in shown]})
    elif options.list:
        _list(shown, screen, recordings.now_ns)
    else:
        _show(shown, screen, recordings.now_ns, everything=options.all)
    if not options.json:
        _remarks(recordings, screen, len(traces) - len(shown))
    return _nothing(invocation, options.id, failed=options.failed) if not shown else DONE


def _wanted(recordings: Recordings, options: argparse.Namespace, count: int) -> list[Trace]:
    if not options.id:
        return last_traces(recordings, count, failed=options.failed)
    return [trace for trace in by_id(recordings, options.id) if not options.failed or trace.state != "ok"]


def _split(parser: argparse.ArgumentParser, what: Sequence[str]) -> tuple[str, str | None]:
    """Return the bundle that the arguments name, "" for none, and the id."""
    bundle = what[0] if what and what[0].lower().endswith(".zip") else ""
    ids = what[1:] if bundle else what
    if len(ids) > 1:
        parser.error(f"one id at a time, not {' '.join(ids)}")
    return bundle, ids[0] if ids else None


def _show_report(
    recordings: Recordings, code: str, options: argparse.Namespace, screen: Screen, invocation: Invocation
) -> int:
    found = find_report(recordings, code)
    if found is None:
        print(
            f"clientobs show: no report {code} is recorded here; in Loki, search "
            f'{{service_name=~".+"}} | problem_code="{code}"',
            file=invocation.stderr,
        )
        return WRONG
    if options.json:
        screen.json(report_document(found, recordings.now_ns))
        return DONE
    screen.lines(report_lines(found, screen.width, everything=options.all))
    _show(found.traces, screen, recordings.now_ns, everything=options.all)
    return DONE


def show_trace(trace: Trace, screen: Screen, now_ns: int | None = None, *, everything: bool = False) -> None:
    """Print one trace: heading, tree, counts."""
    view = view_of(screen, now_ns, everything=everything)
    screen.lines(heading(trace, view))
    screen.lines(tree_lines(trace, view))
    screen.lines([[], footer(trace), []])


def view_of(screen: Screen, now_ns: int | None = None, *, everything: bool = False) -> View:
    """Return the view that suits a screen, as of now."""
    return View(
        now_ns=time.time_ns() if now_ns is None else now_ns,
        width=screen.width,
        bars=screen.console is not None,
        everything=everything,
    )


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("show", __doc__, epilog=_EPILOG)
    parser.add_argument(
        "what",
        nargs="*",
        metavar="ID",
        help="trace, session or run id, or the first 4 or more digits of it; the code of a problem report; "
        "a bundle (OUT.zip), and what of it",
    )
    parser.add_argument("--failed", action="store_true", help="only traces in which a span failed")
    parser.add_argument("--follow", "-f", action="store_true", help="show traces as they happen")
    parser.add_argument("--list", "-l", action="store_true", help="one line a trace")
    parser.add_argument("--number", "-n", type=_positive, metavar="N", help="at most N traces")
    parser.add_argument("--all", "-a", action="store_true", help="every span, log line and attribute")
    parser.add_argument("--home", metavar="FOLDER", help="another journal: a copy, another user's")
    parser.add_argument("--json", action="store_true", help="one JSON document; with --follow one a line")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _show(traces: Sequence[Trace], screen: Screen, now_ns: int, *, everything: bool) -> None:
    for trace in traces:
        show_trace(trace, screen, now_ns, everything=everything)


def _list(traces: Sequence[Trace], screen: Screen, now_ns: int) -> None:
    view = view_of(screen, now_ns)
    lines = (summary_line(trace, view) for trace in traces)
    screen.lines(cut(line, view.width) if view.bars else line for line in lines)


def _remarks(recordings: Recordings, screen: Screen, more: int) -> None:
    if more > 0:
        screen.line((f"   {number(more, 'earlier trace')} not shown; -n shows more", "dim"))
    if recordings.damaged:
        places = number(recordings.damaged, "damaged place")
        screen.line((f"   {places} in the journal skipped; what checks out is shown", "warn"))


def _nothing(invocation: Invocation, text: str | None, *, failed: bool) -> int:
    if text:
        message = f"nothing is known of {text!r} here; `clientobs show --list` lists the last traces"
    else:
        message = "no trace with a failure is recorded here" if failed else "no trace is recorded here yet"
    print(f"clientobs show: {message}", file=invocation.stderr)
    return WRONG
