"""A web server beside a program that records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs import semconv
from support.readback import Seen, seen
from support.web import WebServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clientobs.journal.records import SpanRecord

CLIENT = 2
ERROR = 2


class Wire:
    """A server, and what was recorded of the requests to it."""

    def __init__(self, home: Path, web: WebServer) -> None:
        self.home = home
        self.web = web

    @property
    def port(self) -> int:
        return self.web.port

    def url(self, path: str) -> str:
        return self.web.url(path)

    def recorded(self) -> Seen:
        clientobs.shutdown()
        return seen(self.home)

    def requests(self) -> list[SpanRecord]:
        """Return the spans of requests, in the order in which they began; children are clients too."""
        requests = [
            span
            for span in self.recorded().spans
            if span.kind == CLIENT and semconv.PROCESS_EXECUTABLE_NAME not in span.attributes
        ]
        return sorted(requests, key=lambda span: span.start_ns)

    def request(self) -> SpanRecord:
        found = self.requests()
        assert len(found) == 1, [(span.name, span.attributes) for span in found]
        return found[0]


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as opened:
        yield opened


@pytest.fixture
def start(home: Path, web: WebServer) -> Iterator[Callable[..., Wire]]:
    """Return a function that starts recording with settings of its own."""

    def started(**options: Any) -> Wire:
        runtime = clientobs.init("test-tool", **options)
        assert runtime.running, runtime.reason
        return Wire(home, web)

    yield started
    clientobs.shutdown()


@pytest.fixture
def wire(start: Callable[..., Wire]) -> Wire:
    """Return a server beside a program that records with the settings as they come."""
    return start()
