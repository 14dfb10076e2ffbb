"""Journals for tests, written by the journal's own writer: one Recorder is one process run."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from clientobs._clock import Clock
from clientobs._ids import ids
from clientobs._loss import LossLedger
from clientobs.config.model import JournalConfig
from clientobs.journal.directory import RunIdentity
from clientobs.journal.format import Kind, encode_payload
from clientobs.journal.home import prepare
from clientobs.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clientobs.journal.records import LogRecord, SpanRecord

__all__ = ["Recorder", "record_and_die"]


class Recorder:
    """Writes spans and logs of one run; `close()` ends it well."""

    def __init__(
        self,
        home: Path,
        *,
        session: str | None = None,
        destination: str = "",
        clock: Clock | None = None,
        config: JournalConfig | None = None,
        resource: Mapping[str, Any] | None = None,
    ) -> None:
        self.run = ids.hex_id()
        self.session = session or ids.hex_id()
        uid = os.getuid() if hasattr(os, "getuid") else None
        named = {"service.name": "publisher", "host.name": "ws-12"}
        self.journal = Journal(
            prepare(str(home), uid=uid),
            RunIdentity(
                run=self.run,
                session=self.session,
                destination=destination,
                resource=named | dict(resource or {}),
            ),
            config=config or JournalConfig(free_floor_bytes=0),
            clock=clock or Clock(),
            loss=LossLedger(),
        )

    def context(self, **values: Any) -> int:
        """Return the number of a production context."""
        named = {key.replace("_", "."): value for key, value in values.items()}
        return self.journal.context_number("production", named)

    def start(self, record: SpanRecord) -> None:
        """Land the start of a span."""
        payload = encode_payload(_tuple_of(record)[:13])
        assert self.journal.span_started(record.span_id, payload, _contexts(record))

    def end(self, record: SpanRecord) -> None:
        """Land the end of a span."""
        payload = encode_payload(_tuple_of(record))
        assert self.journal.span_ended(record.span_id, payload, contexts=_contexts(record))

    def span(self, record: SpanRecord) -> None:
        """Land start and end of a span."""
        self.start(record)
        self.end(record)

    def log(self, record: LogRecord) -> None:
        """Land a log record."""
        payload = encode_payload(tuple(getattr(record, name) for name in record.__slots__))
        assert self.journal.append(Kind.LOG, payload, contexts=_contexts(record))

    def close(self) -> None:
        """End the run in good order."""
        self.journal.close("exited", "")


def record_and_die(home: Path, code: str) -> None:
    """Run `code` with a Recorder `run` in a process of its own that is then killed without a word."""
    script = (
        "import os, signal, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from pathlib import Path\n"
        "from viewer.recorder import Recorder\n"
        "from viewer.story import *\n"
        f"run = Recorder(Path({str(home)!r}))\n"
        f"{code}\n"
        "os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, 'SIGKILL') else signal.SIGTERM)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert done.returncode not in (0, 1), done.stderr.decode()


def _contexts(record: SpanRecord | LogRecord) -> tuple[int, ...]:
    return (record.context,) if record.context else ()


def _tuple_of(record: SpanRecord) -> tuple[Any, ...]:
    links = tuple((link.trace_id, link.span_id, link.trace_state, link.attributes) for link in record.links)
    events = tuple((event.name, event.time_ns, event.attributes) for event in record.events)
    fields = {name: getattr(record, name) for name in record.__slots__}
    return tuple((fields | {"links": links, "events": events}).values())
