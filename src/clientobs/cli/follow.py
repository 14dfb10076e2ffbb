"""`clientobs show --follow`: a trace is printed when its last span has ended; a terminal shows open ones too.

What is still open stands below the printed traces and is drawn anew a few times a second. Spans that arrive
for a trace that was printed already (another process, a late callback) are printed as a tree of their own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from clientobs.cli.documents import trace_document
from clientobs.cli.heading import footer, heading
from clientobs.cli.tree import View, tree_lines
from clientobs.errors import NoJournalError
from clientobs.viewer.homes import existing_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TextIO

    from clientobs.cli.screen import Line, Screen
    from clientobs.config.model import Config
    from clientobs.viewer.model import Trace
    from clientobs.viewer.recordings import Recordings

__all__ = ["Follower", "await_home", "follow"]

_POLL_SECONDS = 0.25
_LIVE_LINES = 40


class Follower:
    """Tells, poll by poll, which traces have become complete and which are open."""

    def __init__(self, recordings: Recordings, *, failed: bool = False, from_start: bool = False) -> None:
        self._recordings = recordings
        self._failed = failed
        if from_start:
            return
        recordings.poll()
        for trace_id in recordings.book.ids():
            if not recordings.book.has_open(trace_id):
                recordings.book.forget(trace_id)

    def completed(self) -> list[Trace]:
        """Read what is new and return the traces that nobody works on any more, the earliest first."""
        self._recordings.poll()
        book = self._recordings.book
        book.loose.clear()
        done = [trace_id for trace_id in book.ids() if not book.has_open(trace_id)]
        traces = [book.trace(trace_id) for trace_id in done if not self._failed or book.is_broken(trace_id)]
        for trace_id in done:
            book.forget(trace_id)
        return traces

    def open(self) -> list[Trace]:
        """Return the traces that are being worked on, the latest last."""
        book = self._recordings.book
        return [book.trace(trace_id) for trace_id in book.ids()]


def await_home(config: Config, environ: Mapping[str, str], stderr: TextIO) -> tuple[str, bool]:
    """Return the home to follow, and whether it had to be waited for: whoever follows may begin before a tool does."""
    has_waited = False
    while True:
        try:
            return existing_home(config, environ), has_waited
        except NoJournalError:
            if not has_waited:
                has_waited = True
                print("clientobs show: nothing has been recorded yet; waiting, Ctrl-C ends", file=stderr)
            time.sleep(_POLL_SECONDS)


def follow(
    recordings: Recordings,
    screen: Screen,
    *,
    everything: bool,
    as_json: bool,
    failed: bool = False,
    from_start: bool = False,
    wait: Callable[[float], Any] = time.sleep,
) -> int:
    """Print traces as they become complete, until Ctrl-C; `from_start`: those, too, that are complete already."""
    follower = Follower(recordings, failed=failed, from_start=from_start)
    if screen.console is None or as_json:
        while True:
            for trace in follower.completed():
                if as_json:
                    screen.json(trace_document(trace, time.time_ns()), one_line=True)
                else:
                    screen.lines(_whole(trace, screen, everything=everything))
            wait(_POLL_SECONDS)
    return _follow_on_terminal(follower, screen, everything=everything, wait=wait)


def _follow_on_terminal(
    follower: Follower, screen: Screen, *, everything: bool, wait: Callable[[float], Any]
) -> int:
    from rich.console import Group  # noqa: PLC0415  # a terminal is there
    from rich.live import Live  # noqa: PLC0415

    with Live(console=screen.console, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
        while True:
            for trace in follower.completed():
                screen.lines(_whole(trace, screen, everything=everything))
            lines = [screen.rich_text(line) for line in _running(follower.open(), screen)]
            live.update(Group(*lines[-_LIVE_LINES:]), refresh=True)
            wait(_POLL_SECONDS)


def _whole(trace: Trace, screen: Screen, *, everything: bool) -> Iterator[Line]:
    view = View(
        now_ns=time.time_ns(), width=screen.width, bars=screen.console is not None, everything=everything
    )
    yield from heading(trace, view)
    yield from tree_lines(trace, view)
    yield from ([], footer(trace), [])


def _running(traces: list[Trace], screen: Screen) -> Iterator[Line]:
    if not traces:
        yield [("● ", "open"), ("waiting for the next trace; Ctrl-C ends", "dim")]
    for trace in traces:
        yield from _whole(trace, screen, everything=False)
