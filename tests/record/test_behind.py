"""Exceptions whose classes answer for themselves, badly: each failure is told all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.record.stacks import tell
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime


class RemoteError(Exception):
    """What many clients of servers have: fields that are looked up in the answer."""

    def __getattr__(self, name: str) -> Any:
        return {"code": 5}[name]


class PropertiesError(Exception):
    @property
    def __traceback__(self) -> Any:  # type: ignore[override]  # what is tested
        raise RuntimeError("no trace")

    @property
    def __cause__(self) -> Any:  # type: ignore[override]  # what is tested
        raise RuntimeError("no cause")

    @property
    def __notes__(self) -> Any:  # type: ignore[override]  # what is tested
        raise RuntimeError("no notes")


class ClosedError(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class PretenderError(Exception):
    @property  # type: ignore[misc]  # what is tested
    def __class__(self) -> Any:
        raise RuntimeError("no class")


def of_a_metaclass(message: str) -> Exception:
    """Return one of a class that pytest itself could not look at among the names of this module."""

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise RuntimeError(name)

    class OfMetaError(Exception, metaclass=Meta):
        pass

    return OfMetaError(message)


class PathlessError(OSError):
    @property
    def filename(self) -> Any:
        raise RuntimeError("no file name")


@pytest.mark.parametrize(
    "make",
    [RemoteError, PropertiesError, ClosedError, PretenderError, of_a_metaclass],
    ids=lambda one: one.__name__,
)
def test_whatever_its_class_answers_an_exception_has_its_headline(
    runtime: Runtime, home: Path, make: Callable[[str], Exception]
) -> None:
    error, passed = make("no rig"), None
    try:
        with clientobs.span("work"):
            raise error
    except Exception as found:  # noqa: BLE001  # pytest.raises asks it for its class
        passed = found
    assert passed is error
    (log,) = seen(home).events("exception")
    assert log.attributes["exception.type"].endswith("Error")
    assert log.attributes["exception.message"] == "no rig"
    assert "raise error" in log.attributes["exception.stacktrace"]
    (work,) = seen(home).spans
    assert work.attributes["tool.outcome"] == "failed"


@pytest.mark.usefixtures("lenient_faults")
def test_a_field_that_can_t_be_read_costs_the_facts_and_not_the_record(runtime: Runtime, home: Path) -> None:
    with pytest.raises(PathlessError), clientobs.span("work"):
        raise PathlessError(5, "Input/output error")
    (log,) = seen(home).events("exception")
    assert log.attributes["exception.type"].endswith("PathlessError")


class FailuresError(Exception):
    """A container of what failed, as validators have it: empty, and false."""

    def __len__(self) -> int:
        return 0


def test_a_cause_that_is_false_is_a_cause() -> None:
    error = ValueError("publish")
    error.__cause__ = FailuresError("collected")
    assert [one.message for one in tell(error)] == ["collected", "publish"]
