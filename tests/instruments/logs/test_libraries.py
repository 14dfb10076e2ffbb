"""structlog, loguru and a host's own message streams: one line each, with the real libraries."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.instruments.logs import loguru_sink, message, structlog_processor

if TYPE_CHECKING:
    from .conftest import Program


def test_structlog_with_one_processor(program: Program) -> None:
    structlog = pytest.importorskip("structlog", reason="comes with the dependency group `test`")
    program.start()
    printed: list[Any] = []

    def renderer(_logger: Any, _method: str, event: dict[str, Any]) -> str:
        printed.append(dict(event))
        raise structlog.DropEvent

    log = structlog.wrap_logger(
        structlog.PrintLogger(), processors=[structlog_processor, renderer], shot="sh010"
    )
    log.warning("published", frames=12, password="hunter2")
    try:
        raise KeyError("shot")
    except KeyError:
        log.exception("failed")
    warned, failed = program.lines()
    assert (warned.body, warned.severity) == ("published", 13)
    assert (warned.attributes["shot"], warned.attributes["frames"]) == ("sh010", 12)
    assert warned.attributes["password"] == "[redacted]"
    assert warned.attributes["code.file.path"] == __file__
    assert warned.attributes["code.function.name"] == "test_structlog_with_one_processor"
    assert failed.attributes["exception.type"] == "KeyError"
    assert printed[0] == {"shot": "sh010", "event": "published", "frames": 12, "password": "hunter2"}


def test_structlog_through_logging_needs_nothing(program: Program) -> None:
    structlog = pytest.importorskip("structlog", reason="comes with the dependency group `test`")
    program.start()
    log = structlog.wrap_logger(
        logging.getLogger("studio.structured"),
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    log.warning("published", frames=12)
    line = program.line()
    assert (line.body, line.attributes["frames"]) == ("published", 12)


def test_loguru_with_one_sink(program: Program) -> None:
    loguru = pytest.importorskip("loguru", reason="comes with the dependency group `test`")
    program.start()
    loguru.logger.remove()
    sink = loguru.logger.add(loguru_sink, format="{message}")
    loguru.logger.bind(shot="sh010").success("saved {}", "a.ma")
    try:
        raise ValueError("no")
    except ValueError:
        loguru.logger.exception("failed")
    loguru.logger.remove(sink)
    saved, failed = program.lines()
    assert (saved.body, saved.severity) == ("saved a.ma", 12)
    assert saved.attributes["shot"] == "sh010"
    assert saved.attributes["code.file.path"] == __file__
    assert saved.attributes["code.function.name"] == "test_loguru_with_one_sink"
    assert failed.attributes["exception.type"] == "ValueError"


def test_loguru_s_recipe_for_logging_finds_the_program_s_own_line(program: Program) -> None:
    loguru = pytest.importorskip("loguru", reason="comes with the dependency group `test`")
    program.start()

    class Intercept(logging.Handler):
        """As loguru's documentation has it."""

        def emit(self, record: logging.LogRecord) -> None:
            frame, depth = inspect.currentframe(), 0
            while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__):
                frame, depth = frame.f_back, depth + 1
            loguru.logger.opt(depth=depth).log("WARNING", record.getMessage())

    found: list[tuple[str, str]] = []
    loguru.logger.remove()
    loguru.logger.add(lambda said: found.append((said.record["function"], said.record["file"].path)))
    logger = logging.getLogger("studio.intercepted")
    logger.addHandler(Intercept())
    logger.warning("x")
    logger.handlers.clear()
    loguru.logger.remove()
    assert found == [("test_loguru_s_recipe_for_logging_finds_the_program_s_own_line", __file__)]


def test_a_host_s_message_stream(program: Program) -> None:
    program.start(per_minute=2, levels=["maya.noise=off"])
    for _ in range(3):
        message("maya.output", "Result: pCube1", severity="warning", attributes={"node": "pCube1"})
    message("maya.noise", "evaluating")
    first, _ = program.lines()
    assert (first.body, first.severity) == ("Result: pCube1", 13)
    assert first.attributes == {"log.source": "maya.output", "node": "pCube1"}


def test_without_recording_each_does_nothing() -> None:
    event = {"event": "x"}
    assert structlog_processor(None, "info", event) is event
    message("maya.output", "x")
