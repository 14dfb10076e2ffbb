"""A small language for tests: runs, spans and logs as a publish at a studio would have left them."""

from __future__ import annotations

from typing import Any

from clientobs.journal.records import LogRecord, SpanEvent, SpanLink, SpanRecord
from clientobs.viewer.model import Run
from clientobs.viewer.traces import TraceBook

__all__ = ["MS", "T0", "TRACE", "Story", "a_failed_publish", "log_record", "span_record"]

MS = 1_000_000
T0 = 1_795_000_000_000_000_000
TRACE = 0x4BF92F3577B34DA6A3CE929D0E0E4736


def span_record(
    span_id: int,
    name: str = "work",
    *,
    parent: int = 0,
    at: float = 0,
    took: float | None = 1,
    status: int = 0,
    message: str = "",
    trace: int = TRACE,
    attributes: dict[str, Any] | None = None,
    links: tuple[SpanLink, ...] = (),
    events: tuple[SpanEvent, ...] = (),
    context: int = 0,
) -> SpanRecord:
    """Return a span that began `at` ms after T0 and took `took` ms (None: it never ended)."""
    start = T0 + round(at * MS)
    end = 0 if took is None else start + round(took * MS)
    return SpanRecord(
        trace, span_id, parent, name, 0, 1, "", context, 0, start, start - T0, attributes or {}, links, end,
        status, message, events,
    )  # fmt: skip


def log_record(
    body: Any,
    *,
    at: float = 0,
    span: int = 0,
    trace: int = TRACE,
    severity: int = 9,
    event: str = "",
    attributes: dict[str, Any] | None = None,
    context: int = 0,
) -> LogRecord:
    """Return a log record `at` ms after T0."""
    when = T0 + round(at * MS)
    return LogRecord(when, when, severity, "", body, event, attributes or {}, trace, span, 1, context, 0)


class Story:
    """Fill a TraceBook: ids are counted, and each span's id is returned to be a parent."""

    def __init__(self) -> None:
        self.book = TraceBook()
        self.context: dict[str, Any] = {}
        self._count = 0
        self.run = self.new_run()

    def new_run(self, *, alive: bool = False, pid: int = 4312, **resource: Any) -> Run:
        """Start telling of another process."""
        self._count += 1
        named = {"service.name": "publisher", "host.name": "ws-12"} | {
            key.replace("_", "."): text for key, text in resource.items()
        }
        self.run = Run(
            run=f"{self._count:032x}", session=f"{self._count:032x}", pid=pid, alive=alive, resource=named,
            started_ns=T0, last_ns=T0,
        )  # fmt: skip
        return self.run

    def span(self, name: str, *, at: float = 0, took: float | None = 1, **more: Any) -> int:
        """Add a span and return its id."""
        self._count += 1
        record = span_record(self._count, name, at=at, took=took, **more)
        self.run.last_ns = max(self.run.last_ns, record.end_ns, record.start_ns)
        self.book.add_span(self.run, record, ended=took is not None, context=self.context)
        return self._count

    def log(self, body: Any, **more: Any) -> None:
        """Add a log record."""
        record = log_record(body, **more)
        self.run.last_ns = max(self.run.last_ns, record.time_ns)
        self.book.add_log(self.run, record, context=self.context)


STACK = """Traceback (most recent call last):
  File "/pipe/publish.py", line 118, in publish
    copy_to_server(movie)
  File "/pipe/publish.py", line 42, in copy_to_server
    shutil.copy2(source, target)
PermissionError: [Errno 13] Permission denied: '/mnt/proj/sq010/sh0100/publish/v012/review.mov'
"""


def a_failed_publish(frames: int = 24) -> TraceBook:
    """Return the trace of a publish that renders, encodes in a child process, and fails to copy."""
    story = Story()
    story.context = {
        "production.project": "demo", "production.sequence": "sq010", "production.shot": "sh0100",
        "production.task": "comp", "tool.name": "publisher", "tool.version": "2.1.0",
    }  # fmt: skip
    story.run.resource |= {"dcc.name": "nuke", "dcc.version": "15.1v2"}
    failed: dict[str, Any] = {"status": 2, "attributes": {"error.type": "PermissionError"}}
    root = story.span("publish_shot", took=4310, **failed)
    story.span("collect", at=2, took=12.5, parent=root, attributes={"files": 24, "bytes": 81_000_000})
    render = story.span("render", at=40, took=2100, parent=root, attributes={"renderer": "arnold"})
    for frame in range(frames):
        story.span(
            "frame", at=42 + frame * 2050 / frames, took=2000 / frames + (300 if frame == 17 else 0),
            parent=render, attributes={"frame": 1001 + frame},
        )  # fmt: skip
    story.log("frame 1018 took 4x the median", at=1900, span=render, severity=13)
    encode = story.span("encode", at=2150, took=900, parent=root, attributes={"codec": "prores"})
    nuke = story.run
    story.new_run(pid=4377, service_name="ffmpeg")
    story.span("ffmpeg", at=2170, took=860, parent=encode, attributes={"process.exit.code": 0})
    story.run = nuke
    copy = story.span("copy_to_server", at=3060, took=1240, parent=root, **failed)
    story.log("retrying in 0.5 s", at=3500, span=copy, severity=13)
    story.log(
        None, at=4299, span=copy, severity=17, event="exception",
        attributes={
            "exception.type": "PermissionError",
            "exception.message": STACK.splitlines()[-1].partition(": ")[2],
            "exception.stacktrace": STACK,
        },
    )  # fmt: skip
    return story.book
