"""Which records are taken: level by logger, and how many of one line of code."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

import clientobs
from clientobs.instruments import registry
from clientobs.instruments.logs.levels import Levels
from clientobs.record.rates import FIRST_LEFT_OUT, LEFT_OUT, Rates
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .conftest import Program


def test_the_level_holds_for_a_logger_and_those_below_it(program: Program) -> None:
    program.start(level="warning", levels=["studio=debug", "studio.cache=off", "root=error"])
    for name in ("studio", "studio.publish", "studio.cache.disk", "studios", "", "other"):
        logger = logging.getLogger(name)
        before, logger.level = logger.level, logging.DEBUG
        logger.manager._clear_cache()  # type: ignore[attr-defined]  # what setLevel does
        logger.debug("debug of %s", name)
        logger.warning("warning of %s", name)
        logger.setLevel(before)
    assert [line.body for line in program.lines()] == [
        "debug of studio",
        "warning of studio",
        "debug of studio.publish",
        "warning of studio.publish",
        "warning of studios",
        "warning of other",
    ]


def test_a_level_can_be_set_by_the_environment(
    program: Program, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENTOBS_LOG_LEVEL", "ERROR")
    monkeypatch.setenv("CLIENTOBS_LOG_LEVELS", "studio.publish=debug, other = off")
    program.start()
    logger.debug("one")
    logging.getLogger("third").warning("two")
    assert program.line().body == "one"


@given(st.text(max_size=20), st.sampled_from(["debug", "info", "off"]))
def test_any_name_has_a_level(name: str, general: str) -> None:
    levels = Levels(general, ["a.b=error"])
    assert levels[name] == levels[name]


def test_a_line_in_a_loop_is_thinned_and_what_is_left_out_is_counted(
    program: Program, logger: logging.Logger, home: Path
) -> None:
    program.start(per_minute=3)
    for number in range(10):
        logger.info("in a loop %d", number)
    logger.info("another line")
    runtime = clientobs.init()
    registry.tick()
    assert runtime.loss.totals()["log-storm"] == 7
    assert [line.body for line in program.lines()] == [
        "in a loop 0",
        "in a loop 1",
        "in a loop 2",
        "another line",
    ]
    (storm,) = seen(home).events("clientobs.storm")
    assert storm.attributes["clientobs.left_out"] == 7
    assert storm.attributes["code.file.path"] == __file__
    assert storm.body == "7 more like this were left out: in a loop %d"
    assert storm.severity == 9


def test_one_line_of_a_wrapper_is_counted_by_logger_and_level(
    program: Program, logger: logging.Logger
) -> None:
    def wrapper(name: str, level: int) -> None:
        logging.getLogger(name).log(level, "by %s", name)

    program.start(per_minute=1)
    for name in ("studio.publish", "studio.publish.fx"):
        for level in (logging.WARNING, logging.ERROR, logging.ERROR):
            wrapper(name, level)
    assert len(program.lines()) == 4


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_next_one_that_is_taken_says_how_many_were_left_out() -> None:
    time = Time()
    rates = Rates(2, now=time)
    assert [rates.admit("a") for _ in range(5)] == [0, 0, FIRST_LEFT_OUT, LEFT_OUT, LEFT_OUT]
    time.now = 61
    assert [rates.admit("a") for _ in range(3)] == [3, 0, FIRST_LEFT_OUT]


def test_what_falls_silent_is_told_once() -> None:
    time = Time()
    rates = Rates(1, now=time)
    for _ in range(4):
        rates.admit("a")
        rates.remember("a", "note")
    assert list(rates.overdue()) == []
    time.now = 61
    assert list(rates.overdue()) == [("note", 3)]
    assert list(rates.overdue(all_of_them=True)) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 50)), max_size=200), st.integers(1, 5))
def test_every_record_is_taken_or_counted(steps: list[tuple[str, float]], per_minute: int) -> None:
    time = Time()
    rates = Rates(per_minute, now=time)
    taken = told = 0
    for key, pause in steps:
        time.now += pause
        before = rates.admit(key)
        rates.remember(key, key)
        if before < 0:
            continue
        taken, told = taken + 1, told + before
    told += sum(count for _, count in rates.overdue(all_of_them=True))
    assert taken + told == len(steps)
