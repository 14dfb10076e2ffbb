"""What an exception says of a tool, and that one fault has one headline."""

from __future__ import annotations

import asyncio
import logging
import sys
import types
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.record.outcomes import OutcomeRules, leaves_of, outcome_of
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


def raised_by(module: str, name: str, base: type[BaseException] = Exception) -> BaseException:
    """Return an exception of a class as a host has it, without the host."""
    made: BaseException = type(name, (base,), {"__module__": module})("stopped")
    return made


class RefusedError(ValueError):
    """A studio's own way to say no."""

    tool_outcome = "rejected"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (KeyboardInterrupt(), "cancelled"),
        (GeneratorExit(), "cancelled"),
        (asyncio.CancelledError(), "cancelled"),
        (CancelledError(), "cancelled"),
        (SystemExit(), "ok"),
        (SystemExit(0), "ok"),
        (SystemExit(False), "ok"),
        (SystemExit(1), "failed"),
        (SystemExit("no shot given"), "failed"),
        (SystemExit(""), "failed"),
        (SystemExit(130), "cancelled"),
        (SystemExit(-2), "failed"),
        (raised_by("nuke", "CancelledError", RuntimeError), "cancelled"),
        (raised_by("_nuke", "CancelledError", RuntimeError), "cancelled"),
        (RuntimeError("Cancelled"), "failed"),
        (ValueError(), "failed"),
        (raised_by("studio", "Fatal", BaseException), "failed"),
        (raised_by("trio", "Cancelled", BaseException), "cancelled"),
        (raised_by("studio", "Cancelled", BaseException), "cancelled"),
        (raised_by("studio", "Cancelled"), "failed"),  # an Exception: the configuration names it
        (raised_by("greenlet", "GreenletExit", BaseException), "cancelled"),
        (MemoryError(), "failed"),
        (RecursionError(), "failed"),
        (raised_by("hou", "OperationInterrupted"), "cancelled"),
        (raised_by("hou", "OperationFailed"), "failed"),
        (raised_by("studio", "OperationInterrupted"), "failed"),
        (raised_by("click.exceptions", "Abort", RuntimeError), "cancelled"),
        (raised_by("ayon_core.pipeline.publish.publish_plugins", "PublishValidationError"), "rejected"),
        (raised_by("studio", "FramesMissing", type(raised_by("x", "PublishValidationError"))), "rejected"),
        (RefusedError(), "rejected"),
        (ExceptionGroup("all", [KeyError(), ValueError()]), "failed"),
        (BaseExceptionGroup("stopped", [KeyboardInterrupt(), asyncio.CancelledError()]), "cancelled"),
        (BaseExceptionGroup("mixed", [KeyboardInterrupt(), KeyError()]), "failed"),
        (BaseExceptionGroup("no", [RefusedError(), raised_by("hou", "OperationInterrupted")]), "rejected"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_what_an_exception_says_of_a_tool(error: BaseException | None, outcome: str) -> None:
    assert outcome_of(error) == outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RuntimeError("Cancelled"), "cancelled"),
        (RuntimeError("Cancelled by the artist"), "cancelled"),
        (RuntimeError("Write1: Read error"), "failed"),
        (RuntimeError(), "failed"),
        (RuntimeError(b"Cancelled"), "failed"),
        (ValueError("Cancelled"), "failed"),
    ],
)
def test_nuke_says_by_its_text_that_a_render_was_stopped(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, outcome: str
) -> None:
    monkeypatch.setitem(sys.modules, "nuke", types.ModuleType("nuke"))
    assert outcome_of(error) == outcome


@pytest.mark.parametrize(("code", "outcome"), [(0, "ok"), (1, "failed"), (130, "cancelled")])
def test_the_exit_of_click_has_a_code(code: int, outcome: str) -> None:
    error: Any = raised_by("click.exceptions", "Exit", RuntimeError)
    error.exit_code = code
    assert outcome_of(error) == outcome


def test_a_studio_names_its_own_classes() -> None:
    rules = OutcomeRules(cancelled=frozenset({"studio.Stopped"}), rejected=frozenset({"Invalid"}))
    assert outcome_of(raised_by("studio", "Stopped"), rules) == "cancelled"
    assert outcome_of(raised_by("other", "Stopped"), rules) == "failed"
    assert outcome_of(raised_by("anywhere", "Invalid"), rules) == "rejected"


def test_a_group_that_holds_itself_comes_to_an_end() -> None:
    group = ExceptionGroup("outer", [ValueError()])

    class EndlessError(Exception):
        exceptions: Any

    endless = EndlessError()
    endless.exceptions = (endless, endless)
    assert list(leaves_of(group)) == [group.exceptions[0]]
    assert outcome_of(endless) == "failed"


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), raised_by("hou", "OperationInterrupted"), RefusedError("3 textures missing")],
)
def test_who_stops_or_refuses_makes_no_failure(runtime: Runtime, home: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), clientobs.span("tool"), clientobs.span("step"):
        raise error
    records = seen(home)
    assert [span.status for span in records.spans] == [0, 0]
    assert {span.attributes["tool.outcome"] for span in records.spans} <= {"cancelled", "rejected"}
    assert records.events("exception") == []
    assert all(log.severity < 13 for log in records.logs)


def test_a_rejection_says_why_once(runtime: Runtime, home: Path) -> None:
    with pytest.raises(RefusedError), clientobs.span("tool"), clientobs.span("step"):
        raise RefusedError("3 textures missing")
    (why,) = [log for log in seen(home).logs if "exception.type" in log.attributes]
    assert why.body.endswith("RefusedError: 3 textures missing")
    assert why.severity_text == "INFO"


def test_what_the_code_says_of_itself_stands(runtime: Runtime, home: Path) -> None:
    with pytest.raises(SystemExit), clientobs.span("publish") as span:  # noqa: PT012  # what the code does is what is tested
        span.set_attribute("tool.outcome", "rejected")
        sys.exit(1)
    record = seen(home).span("publish")
    assert (record.attributes["tool.outcome"], record.status) == ("rejected", 0)
    assert seen(home).events("exception") == []


def test_one_fault_has_one_headline_however_far_it_travels(runtime: Runtime, home: Path) -> None:
    logger = logging.getLogger("studio.tool")

    def work() -> None:
        with clientobs.span("inner"):
            try:
                raise OSError(5, "Input/output error")
            except OSError:
                logger.exception("in the middle")
                raise

    with pytest.raises(OSError, match="Input"), clientobs.span("outer"):  # noqa: PT012  # the work is what is tested
        try:
            work()
        except OSError:
            logger.exception("at the top")
            raise
    records = seen(home)
    (headline,) = records.events("exception")
    told = [log for log in records.logs if "exception.type" in log.attributes]
    assert [log.body for log in told] == [
        "in the middle",
        "OSError: [Errno 5] Input/output error",
        "at the top",
    ]
    assert len({log.attributes["fault.id"] for log in told}) == 1
    assert headline.span_id == records.span("inner").span_id


def test_an_exception_raised_from_another_is_of_the_same_fault(runtime: Runtime, home: Path) -> None:
    with pytest.raises(RuntimeError), clientobs.span("publish"):  # noqa: PT012  # the work is what is tested
        try:
            with clientobs.span("copy"):
                raise PermissionError(13, "Permission denied", "/mnt/p")
        except PermissionError as error:
            raise RuntimeError("publish failed") from error
    records = seen(home)
    (headline,) = records.events("exception")
    told = [log for log in records.logs if "exception.type" in log.attributes]
    assert headline.attributes["exception.type"] == "PermissionError"
    assert [log.attributes["exception.type"] for log in told] == ["PermissionError", "RuntimeError"]
    assert len({log.attributes["fault.id"] for log in told}) == 1
    assert records.span("publish").attributes["error.type"] == "RuntimeError"


def test_leaving_by_sys_exit_after_a_failure_is_the_same_fault(runtime: Runtime, home: Path) -> None:
    with pytest.raises(SystemExit), clientobs.span("main"):  # noqa: PT012  # the work is what is tested
        try:
            with clientobs.span("work"):
                raise ValueError("no")
        except ValueError:
            sys.exit(1)
    assert len(seen(home).events("exception")) == 1


def test_an_exception_that_comes_out_of_a_future_is_the_same_fault(runtime: Runtime, home: Path) -> None:
    def work() -> None:
        with clientobs.span("in the pool"):
            raise ValueError("no")

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="no"), clientobs.span("waiting"):
        pool.submit(work).result()
    assert len(seen(home).events("exception")) == 1


def test_the_same_mistake_in_a_loop_is_a_fault_each_time(runtime: Runtime, home: Path) -> None:
    for _ in range(5):
        try:
            with clientobs.span("load"):
                raise KeyError("shot")
        except KeyError:
            pass
    events = seen(home).events("exception")
    assert len({event.attributes["fault.id"] for event in events}) == 5
    assert len({event.attributes["exception.fingerprint"] for event in events}) == 1


def test_a_storm_of_one_exception_is_thinned_and_counted(runtime: Runtime, home: Path) -> None:
    for _ in range(100):
        with pytest.raises(KeyError), clientobs.span("load"):
            raise KeyError("shot")
    assert len(seen(home).events("exception")) == 60
    assert runtime.loss.totals()["exceptions"] == 40
