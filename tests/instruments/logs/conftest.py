"""A program that logs: recording is on, and what was recorded can be read back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clientobs.journal.records import LogRecord


class Program:
    """Starts recording with settings of the instrument, and reads what came of it."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def start(self, **settings: Any) -> None:
        runtime = clientobs.init("test-tool", instruments=["logs"], logs=settings)
        assert runtime.running, runtime.reason

    def lines(self) -> list[LogRecord]:
        """Return the log records that are no events, once recording has ended."""
        clientobs.shutdown()
        return [log for log in seen(self._home).logs if not log.event_name]

    def line(self) -> LogRecord:
        found = self.lines()
        assert len(found) == 1, [log.body for log in found]
        return found[0]

    def scopes(self) -> list[str]:
        """Return the logger's name of each of them."""
        clientobs.shutdown()
        return [
            one.scope.get("name", "")
            for one in seen(self._home).placed
            if hasattr(one.record, "event_name") and not one.record.event_name
        ]


@pytest.fixture
def program(home: Path) -> Iterator[Program]:
    yield Program(home)
    clientobs.shutdown()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Return a logger that takes everything; what a test does to it is undone."""
    made = logging.getLogger("studio.publish")
    made.setLevel(logging.DEBUG)
    yield made
    made.setLevel(logging.NOTSET)
    made.propagate = True
    made.handlers.clear()
    made.filters.clear()


@pytest.fixture
def quiet_root() -> Iterator[Callable[[], None]]:
    """Return a function that takes pytest's own handlers off the root logger; they come back."""
    root = logging.getLogger()
    before = root.handlers[:]
    yield root.handlers.clear
    root.handlers[:] = before
