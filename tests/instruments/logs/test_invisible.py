"""What a host must not notice of it."""

from __future__ import annotations

import io
import logging
import logging.config
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry._logs import get_logger_provider
from opentelemetry.context import attach, detach, set_value
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import clientobs
from support.programs import answer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Program


def test_levels_handlers_and_classes_are_what_they_were(program: Program, logger: logging.Logger) -> None:
    logger.setLevel(logging.WARNING)
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logger.handlers[:], logging.getLoggerClass(), logging.lastResort)
    factory = logging.getLogRecordFactory()
    program.start(level="debug", levels=["studio=debug"])
    assert not logger.isEnabledFor(logging.INFO)
    assert logger.getEffectiveLevel() == logging.WARNING
    logger.info("the host's own level says no")
    after = (root.handlers[:], root.level, logger.handlers[:], logging.getLoggerClass(), logging.lastResort)
    assert after == before
    assert logging.getLogRecordFactory() is factory
    assert program.lines() == []


def test_a_program_without_handlers_prints_what_it_printed_before() -> None:
    program = """
        import json, logging, sys, io
        if sys.argv[1] == "on":
            import clientobs
            clientobs.init("tool")
        sys.stderr = caught = io.StringIO()
        log = logging.getLogger("tool")
        log.warning("shown by the last resort")
        log.info("not shown")
        logging.lastResort = None
        log.warning("no handlers")
        log.warning("no handlers, said once")
        sys.stderr = sys.__stderr__
        print(json.dumps(caught.getvalue()))
    """
    assert answer_of(program, "on") == answer_of(program, "off") != ""


def test_handlers_that_come_and_go_and_a_new_configuration_make_no_duplicate(
    program: Program, logger: logging.Logger, quiet_root: Callable[[], None]
) -> None:
    quiet_root()
    program.start()
    logger.info("1")
    handler = logging.StreamHandler(io.StringIO())
    logging.getLogger().addHandler(handler)
    logger.addHandler(handler)
    logger.info("2")
    logging.basicConfig(force=True, stream=io.StringIO())
    logger.info("3")
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "root": {"level": "DEBUG"}})
    logger.info("4")
    logging.shutdown()
    logger.info("5")
    assert [line.body for line in program.lines()] == ["1", "2", "3", "4", "5"]


def test_what_a_handler_does_to_a_record_is_not_in_it(program: Program, logger: logging.Logger) -> None:
    class Colours(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            record.msg, record.args = f"\033[31m{record.getMessage()}\033[0m", None
            record.levelname = "\033[31mINFO\033[0m"
            record.asctime2 = "12:00"

    program.start()
    logger.addHandler(Colours())
    logger.info("red %d", 1)
    line = program.line()
    assert (line.body, line.severity_text) == ("red 1", "INFO")
    assert "asctime2" not in line.attributes


def test_a_filter_of_the_logger_s_decides_here_too(program: Program, logger: logging.Logger) -> None:
    program.start()
    logger.addFilter(lambda record: "secret" not in record.getMessage())
    logger.info("a secret")
    logger.info("no such thing")
    assert [line.body for line in program.lines()] == ["no such thing"]


def test_an_object_is_asked_for_its_text_as_often_as_without_us(
    program: Program, logger: logging.Logger
) -> None:
    class Node:
        asked = 0

        def __str__(self) -> str:
            Node.asked += 1
            return "pCube1"

    logger.propagate = False
    program.start()
    logger.info("nobody formats %s", Node())
    logger.info("nor an extra", extra={"node": Node()})
    assert Node.asked == 0
    shown = io.StringIO()
    logger.addHandler(logging.StreamHandler(shown))
    logger.info("a handler formats %s", Node())
    assert Node.asked == 1
    assert shown.getvalue() == "a handler formats pCube1\n"
    bodies = [line.body for line in program.lines()]
    assert bodies == [
        f"nobody formats <{Node.__module__}.{Node.__qualname__}>",
        "nor an extra",
        "a handler formats pCube1",
    ]


def test_a_handler_s_exception_passes_and_the_record_is_there(
    program: Program, logger: logging.Logger
) -> None:
    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise ConnectionError("the log server is gone")

    program.start()
    logger.addHandler(Broken())
    with pytest.raises(ConnectionError, match="gone") as caught:
        logger.info("said")
    names = [entry.name for entry in caught.traceback]
    assert names[1:] == ["info", "_log", "handle", "callHandlers", "callHandlers", "handle"]
    assert program.line().body == "said"


def test_our_frame_counts_as_one_of_logging_s_own(program: Program, logger: logging.Logger) -> None:
    found: list[str] = []

    class Walks(logging.Handler):
        """As loguru's recipe for records of logging does."""

        def emit(self, record: logging.LogRecord) -> None:
            frame: Any = sys._getframe(1)
            while frame.f_code.co_filename == logging.__file__:
                frame = frame.f_back
            found.append(frame.f_code.co_name)

    program.start()
    logger.addHandler(Walks())
    logger.info("x")
    assert found == ["test_our_frame_counts_as_one_of_logging_s_own"]


def test_opentelemetry_s_own_handler_beside_us_makes_one_record_not_two(
    program: Program, logger: logging.Logger
) -> None:
    program.start()
    logger.addHandler(otel_handler(get_logger_provider()))
    logger.info("once")
    logger.handlers.clear()
    logger.info("again")
    assert [line.body for line in program.lines()] == ["once", "again"]


def test_opentelemetry_s_handler_to_another_place_gets_its_records(
    program: Program, logger: logging.Logger
) -> None:
    exported: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's own
    theirs = LoggerProvider(shutdown_on_exit=False)
    theirs.add_log_record_processor(SimpleLogRecordProcessor(exported))
    program.start()
    logger.addHandler(otel_handler(theirs))
    logger.info("both")
    assert [one.log_record.body for one in exported.get_finished_logs()] == ["both"]
    assert program.line().body == "both"


def test_a_processor_that_the_application_adds_sees_our_lines(
    program: Program, logger: logging.Logger
) -> None:
    exported: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's own
    program.start()
    logger.info("before")
    provider: Any = get_logger_provider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exported))
    logger.info("after")
    assert [one.log_record.body for one in exported.get_finished_logs()] == ["after"]
    assert [line.body for line in program.lines()] == ["before", "after"]


@pytest.mark.parametrize(
    "name", ["clientobs.record", "opentelemetry.sdk.trace", "urllib3.connectionpool", "grpc"]
)
def test_what_an_export_may_log_is_left_out(program: Program, name: str) -> None:
    program.start(level="debug")
    logging.getLogger(name).error("export failed")
    assert program.lines() == []


def test_a_record_made_by_an_exporter_at_work_is_left_out(program: Program, logger: logging.Logger) -> None:
    program.start()
    token = attach(set_value("suppress_instrumentation", True))
    logger.error("from within an export")
    detach(token)
    assert program.lines() == []


def test_undoing_it_leaves_logging_as_it_was(program: Program, logger: logging.Logger) -> None:
    before = logging.Logger.__dict__["callHandlers"]
    program.start()
    assert logging.Logger.__dict__["callHandlers"] is not before
    clientobs.uninstrument("logs")
    assert logging.Logger.__dict__["callHandlers"] is before
    logger.info("not any more")
    assert program.lines() == []


def otel_handler(provider: Any) -> logging.Handler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # later releases have it in another package
        return LoggingHandler(logger_provider=provider)
