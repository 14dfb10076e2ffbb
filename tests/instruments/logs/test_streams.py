"""stdout and stderr as log lines: only when asked for, on whatever object the host has put there."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import sys
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments import registry
from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Program


class Panel:
    """A host's own stdout: no isatty, no fileno, a write that returns nothing."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def write(self, text: str) -> None:
        self.shown.append(text)


class Slotted:
    """One whose `write` can't be set."""

    __slots__ = ("shown",)

    def __init__(self) -> None:
        self.shown: list[str] = []

    def write(self, text: str) -> int:
        self.shown.append(text)
        return len(text)


def bodies(program: Program) -> list[Any]:
    return [line.body for line in program.lines()]


def test_nothing_is_listened_to_unless_it_is_asked_for(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = Panel()
    monkeypatch.setattr(sys, "stdout", panel)
    program.start()
    print("said")  # noqa: T201  # what it is about
    assert vars(panel) == {"shown": ["said", "\n"]}
    assert bodies(program) == []


def test_lines_of_a_host_s_own_object_are_told_and_it_stays(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = Panel()
    monkeypatch.setattr(sys, "stdout", panel)
    program.start(streams=["stdout"])
    print("one", 1)  # noqa: T201
    sys.stdout.write("half a ")
    sys.stdout.write("line\ntwo\r\n\n  \n")
    assert sys.stdout is panel
    assert "".join(panel.shown) == "one 1\nhalf a line\ntwo\r\n\n  \n"
    (first, *_) = found = program.lines()
    assert [line.body for line in found] == ["one 1", "half a line", "two"]
    assert first.attributes == {"log.iostream": "stdout"}
    assert "write" not in vars(panel)


def test_an_object_that_comes_later_is_found_and_the_old_one_heard_no_more(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Panel(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    program.start(streams=["stderr"])
    monkeypatch.setattr(sys, "stderr", second)
    registry.tick()
    print("to the second", file=sys.stderr)  # noqa: T201
    first.write("to the first\n")
    assert first.shown == ["to the first\n"]
    assert bodies(program) == ["to the second"]
    assert "write" not in vars(first)  # of which everything has been undone by now


def test_an_object_that_is_put_back_is_heard_from_its_first_line_on(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Panel()
    monkeypatch.setattr(sys, "stdout", first)
    program.start(streams=["stdout"])
    for number in range(2):
        with contextlib.redirect_stdout(io.StringIO()):
            registry.tick()
            first.write("not as stdout\n")
        print("back", number)  # noqa: T201
        print("and on", number)  # noqa: T201
        registry.tick()
    assert bodies(program) == ["back 0", "and on 0", "back 1", "and on 1"]
    assert vars(first).keys() == {"shown"}


def test_an_object_that_nobody_else_holds_ends_as_it_would_without_us(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.disable()  # what is left to the garbage collector has been put off
    try:
        panel = Panel()
        gone = weakref.ref(panel)
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        program.start(streams=["stdout"])
        sys.stdout, before = panel, sys.stdout
        registry.tick()
        assert "write" in vars(panel)
        sys.stdout = before
        del panel
        registry.tick()
        assert gone() is None
    finally:
        gc.enable()


def test_a_tee_over_what_was_there_makes_one_line_of_one(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = Panel()

    class Tee(Panel):
        def write(self, text: str) -> None:
            below.write(text)

    monkeypatch.setattr(sys, "stdout", below)
    program.start(streams=["stdout", "stderr"])
    monkeypatch.setattr(sys, "stderr", Tee())
    registry.tick()
    print("once", file=sys.stderr)  # noqa: T201
    assert bodies(program) == ["once"]


@pytest.mark.parametrize("stream", [None, Slotted(), object()], ids=["none", "slots", "no write"])
def test_an_object_that_takes_no_ear_stays_as_it_is(
    program: Program, monkeypatch: pytest.MonkeyPatch, stream: Any
) -> None:
    monkeypatch.setattr(sys, "stdout", stream)
    program.start(streams=["stdout"])
    assert sys.stdout is stream
    assert bodies(program) == []


def test_what_log_handlers_print_is_no_line_of_its_own(
    program: Program, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", Panel())
    program.start(streams=["stderr"])
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(sys.stderr))
    logger.info("logged")
    print("printed", file=sys.stderr)  # noqa: T201
    assert bodies(program) == ["logged", "printed"]


def test_a_write_that_raises_raises_once_and_is_no_line(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Panel):
        def write(self, text: str) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Broken())
    program.start(streams=["stdout"])
    with pytest.raises(BrokenPipeError):
        sys.stdout.write("lost\n")
    assert bodies(program) == []


def test_a_prompt_and_a_last_half_line_are_told_too(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Panel())
    program.start(streams=["stdout"])
    sys.stdout.write("Password? ")
    registry.tick()
    registry.tick()
    sys.stdout.write("bye")
    clientobs.uninstrument("logs")
    assert bodies(program) == ["Password? ", "bye"]


def test_lines_and_writes_of_any_size_are_bounded(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Panel())
    program.start(streams=["stdout"], per_minute=50)
    sys.stdout.write("x" * 10_000_000)
    sys.stdout.write("\n" + "y\n" * 100_000)
    found = program.lines()
    assert len(found) <= 50
    assert max(len(line.body) for line in found) <= 8_192


def test_the_real_stdout_of_a_process_is_listened_to_and_says_what_it_said(home: Path) -> None:
    done = run_program("""
        import sys
        import clientobs
        before = sys.stdout
        clientobs.init("tool", logs={"streams": ["stdout", "stderr"]})
        print("openjd_env: A=1", flush=True)
        sys.stdout.writelines(["a\\n", "b\\n"])
        print(sys.stdout is before, sys.stdout.encoding, file=sys.stderr)
        raise ValueError("told by the hook")
    """)
    assert done.stdout == "openjd_env: A=1\na\nb\n"
    assert done.stderr.splitlines()[0].startswith("True")
    said = [log.body for log in seen(home).logs if "log.iostream" in log.attributes]
    assert said[:1] == ["openjd_env: A=1"]
    assert not any("Traceback" in line for line in said)
