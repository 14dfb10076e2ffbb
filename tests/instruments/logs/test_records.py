"""A record of `logging` as it is recorded: text, severity, place, extra= fields, exception, span."""

from __future__ import annotations

import contextvars
import logging
import threading
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Program


def test_a_record_has_text_severity_place_and_the_logger_s_name(
    program: Program, logger: logging.Logger
) -> None:
    program.start()
    logger.warning("%d frames of %s", 12, "sh010")
    scopes, (line,) = program.scopes(), program.lines()
    assert scopes == ["studio.publish"]
    assert (line.body, line.severity, line.severity_text) == ("12 frames of sh010", 13, "WARNING")
    assert line.attributes["code.file.path"] == __file__
    assert line.attributes["code.function.name"] == (
        "test_a_record_has_text_severity_place_and_the_logger_s_name"
    )
    assert isinstance(line.attributes["code.line.number"], int)
    assert "thread.name" not in line.attributes


def test_a_record_has_the_time_at_which_it_was_made(program: Program, logger: logging.Logger) -> None:
    program.start()
    record = logger.makeRecord("studio", logging.ERROR, __file__, 1, "late", (), None)
    record.created = 1_700_000_000.25
    logger.handle(record)
    assert program.line().time_ns == 1_700_000_000_250_000_000


def test_a_record_belongs_to_the_span_and_context_it_was_made_in(
    program: Program, logger: logging.Logger, home: Path
) -> None:
    program.start()
    with clientobs.context(shot="sh010"), clientobs.span("publish"):
        logger.info("inside")
    contextvars.Context().run(logger.info, "outside")
    inside, outside = program.lines()
    records = seen(home)
    span = records.span("publish")
    assert (inside.trace_id, inside.span_id) == (span.trace_id, span.span_id)
    assert (outside.trace_id, outside.span_id) == (0, 0)
    placed = {one.record.body: one.production for one in records.placed if hasattr(one.record, "body")}
    assert placed["inside"]["production.shot"] == "sh010"
    assert "production.shot" not in placed["outside"]


def test_extra_fields_keep_their_types_and_secrets_are_taken_out(
    program: Program, logger: logging.Logger
) -> None:
    program.start()
    given: dict[str, Any] = {
        "shot": "sh010",
        "frame": 1001,
        "ratio": 0.5,
        "ok": True,
        "files": ["a.exr", "b.exr"],
        "path": PurePosixPath("/mnt/p"),
        "api_key": "a1b2c3",
        "limits": {"most": 3},
    }
    logger.info("published", extra=given)
    found = {key: value for key, value in program.line().attributes.items() if key in given}
    assert found == {
        "shot": "sh010",
        "frame": 1001,
        "ratio": 0.5,
        "ok": True,
        "files": ["a.exr", "b.exr"],
        "path": "/mnt/p",
        "api_key": "[redacted]",
        "limits": {"most": 3},
    }


def test_an_exception_that_is_logged_has_its_stack_and_fingerprint(
    program: Program, logger: logging.Logger
) -> None:
    program.start()
    try:
        raise FileNotFoundError(2, "No such file", "/mnt/p/plate.exr")
    except FileNotFoundError:
        logger.exception("can't load %s", "plate")
    line = program.line()
    assert line.body == "can't load plate"
    assert line.attributes["exception.type"] == "FileNotFoundError"
    assert line.attributes["exception.message"] == "[Errno 2] No such file: '/mnt/p/plate.exr'"
    assert line.attributes["exception.mechanism"] == "log"
    assert line.attributes["exception.fingerprint"].startswith("1-")
    assert 'raise FileNotFoundError(2, "No such file"' in line.attributes["exception.stacktrace"]


def test_an_error_that_is_logged_while_an_exception_is_handled_has_it_too(
    program: Program, logger: logging.Logger
) -> None:
    program.start()
    try:
        raise OSError(28, "No space left on device")
    except OSError as error:
        logger.error("failed: %s", error)  # the very thing: nobody wrote exc_info
        logger.info("going on")
    failed, going_on = program.lines()
    assert failed.attributes["exception.type"] == "OSError"
    assert failed.attributes["exception.mechanism"] == "handling"
    assert "exception.type" not in going_on.attributes


def test_stack_info_and_another_thread_are_told(program: Program, logger: logging.Logger) -> None:
    program.start()
    thread = threading.Thread(target=lambda: logger.info("here", stack_info=True), name="loader")
    thread.start()
    thread.join()
    attributes = program.line().attributes
    assert attributes["thread.name"] == "loader"
    assert attributes["thread.id"] == thread.ident
    assert "in <lambda>" in attributes["code.stacktrace"]


@pytest.mark.parametrize(
    ("level", "number"),
    [(5, 4), (10, 5), (19, 8), (20, 9), (25, 12), (30, 13), (40, 17), (50, 21), (99, 24), (0, 0), (-3, 0)],
)
def test_levels_fall_into_the_ranges_of_the_data_model(
    program: Program, logger: logging.Logger, level: int, number: int
) -> None:
    program.start(level="trace")
    logger.handle(logger.makeRecord("studio.publish", level, __file__, 1, "x", (), None))
    found = program.lines()
    assert [line.severity for line in found] == ([number] if level >= 0 else [])


def test_a_logger_that_does_not_propagate_is_seen(program: Program, logger: logging.Logger) -> None:
    program.start()
    logger.propagate = False
    logger.info("one")
    logger.addHandler(logging.NullHandler())
    logger.info("two")
    assert [line.body for line in program.lines()] == ["one", "two"]


def test_a_record_survives_the_death_of_the_process_when_the_call_returns(
    program: Program, logger: logging.Logger, home: Path
) -> None:
    program.start()
    logger.info("written")
    assert "written" in [log.body for log in seen(home).logs]
