"""Warnings of Python: recorded with the place that their stack level says, shown by whoever showed them before."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

import pytest

from support.programs import answer_of
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Program


@pytest.fixture(autouse=True)
def _warnings_are_shown() -> Iterator[None]:
    """Let warnings go the way that they go in a program; pytest collects and raises them."""
    before = (warnings.showwarning, warnings._showwarnmsg_impl)  # type: ignore[attr-defined]  # what pytest replaces
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *_args, **_named: None
        yield
    warnings.showwarning, warnings._showwarnmsg_impl = before  # type: ignore[attr-defined]


def old_name() -> None:
    warnings.warn("use new_name", DeprecationWarning, stacklevel=2)


def test_a_warning_is_recorded_at_the_line_that_its_stack_level_says(program: Program) -> None:
    program.start()
    old_name()
    line = program.line()
    assert line.body == "DeprecationWarning: use new_name"
    assert line.severity == 13
    assert line.attributes["warning.category"] == "DeprecationWarning"
    assert line.attributes["code.file.path"] == __file__
    assert line.attributes["code.line.number"] == (
        test_a_warning_is_recorded_at_the_line_that_its_stack_level_says.__code__.co_firstlineno + 2
    )


def test_who_replaces_showwarning_is_called_before_and_after_us(program: Program) -> None:
    shown: list[str] = []
    warnings.showwarning = lambda message, *_args, **_named: shown.append(f"1 {message}")
    program.start()
    old_name()
    warnings.showwarning = lambda message, *_args, **_named: shown.append(f"2 {message}")
    old_name()
    assert shown == ["1 use new_name", "2 use new_name"]
    assert len(program.lines()) == 2


def test_warnings_that_a_program_collects_are_its_own(program: Program) -> None:
    program.start()
    with warnings.catch_warnings(record=True) as collected:
        warnings.simplefilter("always")
        old_name()
    assert len(collected) == 1
    assert program.lines() == []


def test_capture_warnings_makes_one_record_not_two(program: Program) -> None:
    program.start()
    logging.captureWarnings(True)
    old_name()
    logging.captureWarnings(False)
    (line,) = program.lines()
    assert "DeprecationWarning: use new_name" in line.body


def test_they_can_be_left_out(program: Program) -> None:
    show = warnings._showwarnmsg  # type: ignore[attr-defined]  # what is not to be patched
    program.start(warnings=False)
    assert warnings._showwarnmsg is show  # type: ignore[attr-defined]
    old_name()
    assert program.lines() == []


def test_what_is_printed_is_what_was_printed_before(home: Path) -> None:
    program = """
        import io, json, sys, warnings
        if sys.argv[1] == "on":
            import clientobs
            clientobs.init("tool")
        sys.stderr = caught = io.StringIO()
        def old():
            warnings.warn("use new", stacklevel=2)
        old(); old()
        warnings.warn_explicit("explicit", UserWarning, "scene.py", 7)
        sys.stderr = sys.__stderr__
        print(json.dumps(caught.getvalue()))
    """
    assert answer_of(program, "on") == answer_of(program, "off") != ""
    assert [log.body for log in seen(home).logs if "warning.category" in log.attributes] == [
        "UserWarning: use new",
        "UserWarning: explicit",
    ]
