"""A recording program that starts children, and what was recorded of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments import registry
from support.readback import Seen, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clientobs.instruments.processes.children import Children
    from clientobs.journal.records import LogRecord, SpanRecord


class Family:
    """The parent, this process: what was recorded of its children."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def desk(self) -> Children:
        made: Any = registry.active()["processes"]
        assert made._desk is not None
        return made._desk  # type: ignore[no-any-return]  # a test's look inside

    def so_far(self) -> Seen:
        """Return what is in the journal at this moment, the parent running on."""
        return seen(self.home)

    def recorded(self) -> Seen:
        clientobs.shutdown()
        return seen(self.home)

    def child(self, name: str) -> SpanRecord:
        return self.recorded().span(name)

    def failures(self) -> list[LogRecord]:
        return self.recorded().events("process.failed")


def python(source: str, *arguments: str) -> list[str]:
    """Return the command of a child that runs `source`, without the site's own start-up."""
    return [sys.executable, "-I", "-S", "-c", source, *arguments]


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Family]]:
    """Return a function that starts recording with settings of the instrument."""

    def started(**processes: Any) -> Family:
        runtime = clientobs.init("test-tool", processes=processes)
        assert runtime.running, runtime.reason
        return Family(home)

    yield started
    clientobs.shutdown()


@pytest.fixture
def family(start: Callable[..., Family]) -> Family:
    """Return a family with the settings as they come."""
    return start()
