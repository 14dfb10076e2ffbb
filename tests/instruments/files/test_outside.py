"""Failures outside every span of the program: folded over time, bounded, and nothing goes unheard."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs._loss import LossLedger
from clientobs.config.model import FilesConfig
from clientobs.instruments import registry
from clientobs.instruments.files.books import Book
from clientobs.instruments.files.outside import LOSS, Outside
from clientobs.instruments.files.pathtext import PathText
from clientobs.instruments.files.places import Places
from clientobs.instruments.files.telling import Teller
from clientobs.paths.mounts import MountTable
from clientobs.paths.portable import Roots
from clientobs.paths.storage import storage
from instruments.files.test_failures import refuse, told

if TYPE_CHECKING:
    from instruments.files.conftest import Studio


def ask(*paths: Path) -> None:
    for path in paths:
        with pytest.raises(OSError, match="Permission denied"):
            open(path, "rb")  # noqa: SIM115


@pytest.fixture
def refusing(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    clientobs.uninstrument("files")
    refuse(monkeypatch, errno.EACCES)
    clientobs.instrument("files")
    return studio


def test_one_failure_again_and_again_is_one_span_and_a_count(refusing: Studio) -> None:
    for _ in range(5):
        ask(*[refusing.nas / "refused.exr"] * 4)
        registry.tick()
    first, rest = told(refusing.recorded())
    assert (first["file.failure.count"], rest["file.failure.count"]) == (1, 19)
    assert rest["file.path"] == first["file.path"] == str(refusing.nas / "refused.exr")
    assert (rest["error.code"], rest["error.type"]) == ("EACCES", "PermissionError")


def test_what_the_budget_has_no_span_for_is_a_loss(refusing: Studio) -> None:
    for number in range(100):
        ask(refusing.disk / f"refused.{number}")
        if number % 10 == 0:
            registry.tick()
    found = refusing.recorded()
    budget = FilesConfig().spans_per_trace
    assert len(told(found)) == budget
    assert found.notes("loss")[-1][LOSS] == 100 - budget


class Day:
    """What is outside every span, with a clock that the test turns."""

    def __init__(self, spans: int = 64) -> None:
        self.now = 0.0
        self.loss = LossLedger()
        self.spans: list[dict[str, Any]] = []
        table = MountTable(lambda: (storage("/", "/dev/sda", "ext4"),), "linux")
        self.places = Places(table, platform="linux")
        self.teller = Teller(
            FilesConfig(), PathText("keep", Roots([]), None), lambda: self, {"stat": os.stat}
        )
        self.outside = Outside(spans, self.teller, self.places, self.loss.add, lambda: self.now)
        self.book = Book(0, 0, "", [spans])

    def start_span(self, _name: str, *, start_time: int, attributes: dict[str, Any]) -> Any:
        assert start_time
        self.spans.append(attributes)
        return self

    def set_status(self, *_: Any) -> None:
        """Take the status of a span."""

    def end(self, _at: int) -> None:
        """Take the end of a span."""

    def fail(self, path: str) -> None:
        failure = self.book.fail("EIO", "open", path)
        error = OSError(errno.EIO, "Input/output error", path)
        self.teller.failed(self.book, self.places.of(path), failure, error, 0)

    def turn(self, seconds: float, *, last: bool = False) -> None:
        self.now += seconds
        old, self.book = self.book, Book(0, 0, "", [0])
        self.outside.carry(old, self.book)
        self.outside.tell(old, self.book, last=last)

    def counts(self) -> list[tuple[str, int]]:
        return [(span["file.path"], span["file.failure.count"]) for span in self.spans]


def test_a_failure_that_goes_on_is_told_again_once_a_minute() -> None:
    day = Day()
    for _ in range(100):
        day.fail("/a")
        day.turn(2)
    assert day.counts() == [("/a", 1), ("/a", 30), ("/a", 30), ("/a", 30)]
    day.turn(2, last=True)
    assert day.counts()[-1] == ("/a", 9)


def test_a_failure_that_is_over_is_forgotten_and_told_anew() -> None:
    day = Day()
    day.fail("/a")
    day.turn(2)
    for _ in range(400):
        day.turn(2)
    day.fail("/a")
    assert day.counts() == [("/a", 1), ("/a", 1)]


def test_the_budget_is_of_a_minute_and_the_failures_that_are_kept_are_few() -> None:
    day = Day(spans=3)
    for number in range(500):
        day.fail(f"/{number}")
        day.turn(0.1)
        assert len(day.book.failures) <= 64
    assert len(day.spans) == 3
    assert day.loss.totals() == {LOSS: 497}
    day.turn(60)
    for number in range(500, 510):
        day.fail(f"/{number}")
    assert len(day.spans) == 6
