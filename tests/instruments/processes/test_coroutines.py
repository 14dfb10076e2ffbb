"""asyncio's subprocesses: one span each, ended when the transport learns of the exit, with the child's own words."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from support.readback import Seen, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from clientobs.journal.records import SpanRecord
    from clientobs.runtime.runtime import Runtime

PIPE = asyncio.subprocess.PIPE
SHOUT = "import sys; sys.stdout.write('hello'); sys.stderr.write('Unknown encoder libx265\\n'); sys.exit(4)"


@pytest.fixture
def run(runtime: Runtime, home: Path) -> Callable[[Coroutine[Any, Any, Any]], Seen]:
    def recorded(work: Coroutine[Any, Any, Any]) -> Seen:
        asyncio.run(work)
        clientobs.shutdown()
        return seen(home)

    return recorded


def children(found: Seen) -> list[SpanRecord]:
    return [one for one in found.spans if "process.command_args" in one.attributes]


def test_each_child_has_one_span_with_its_end_and_its_words(run: Callable[..., Seen]) -> None:
    async def work() -> None:
        with clientobs.span("publish"):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SHOUT, stdout=PIPE, stderr=PIPE
            )
            assert await child.communicate() == (b"hello", b"Unknown encoder libx265\n")
            shell = await asyncio.create_subprocess_shell("exit 0")
            assert await shell.wait() == 0

    found = run(work())
    one, two = children(found)
    assert {one.parent_id, two.parent_id} == {found.span("publish").span_id}
    assert (one.attributes["process.exit.code"], two.attributes["process.exit.code"]) == (4, 0)
    assert one.attributes["process.stderr.end"] == "Unknown encoder libx265"
    assert one.attributes["process.stdout.size"] == 5
    (failed,) = found.events("process.failed")
    assert failed.body.endswith("Unknown encoder libx265")


def test_words_that_come_after_the_exit_are_waited_for(run: Callable[..., Seen]) -> None:
    async def work() -> None:
        child = await asyncio.create_subprocess_shell(
            "(sleep 0.3; echo Disk quota exceeded >&2) & exit 4", stderr=PIPE
        )
        assert await child.wait() == 4
        assert (await child.communicate())[1] == b"Disk quota exceeded\n"

    (failed,) = run(work()).events("process.failed")
    assert failed.body.endswith("Disk quota exceeded")


@pytest.mark.skipif(os.name != "posix", reason="runs sleep")
def test_a_child_that_is_cancelled_and_killed_ends_by_that_signal_and_is_no_failure(
    run: Callable[..., Seen],
) -> None:
    async def work() -> None:
        child = await asyncio.create_subprocess_exec("sleep", "600", stdout=PIPE)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(child.communicate(), 0.01)
        child.kill()
        assert await child.wait() == -9

    found = run(work())
    (child,) = children(found)
    assert child.attributes["process.exit.code"] == -9
    assert not found.events("process.failed")


def test_a_program_that_is_not_there_is_told_with_the_original_error(run: Callable[..., Seen]) -> None:
    async def work() -> None:
        with pytest.raises(FileNotFoundError) as caught:
            await asyncio.create_subprocess_exec("no-such-program-here")
        assert caught.value.filename == "no-such-program-here"

    found = run(work())
    (child,) = children(found)
    assert child.attributes["error.type"] == "FileNotFoundError"
    assert len(found.events("process.failed")) == 1


@pytest.mark.skipif(os.name != "posix", reason="runs sh")
def test_many_children_at_once_have_one_span_each(run: Callable[..., Seen]) -> None:
    async def one(number: int) -> int:
        child = await asyncio.create_subprocess_exec(
            "sh", "-c", f"echo {number}; exit {number % 3}", stdout=PIPE
        )
        out, _ = await child.communicate()
        assert out == f"{number}\n".encode()
        return child.returncode or 0

    async def work() -> None:
        assert await asyncio.gather(*(one(number) for number in range(24))) == [n % 3 for n in range(24)]

    found = run(work())
    codes = [child.attributes["process.exit.code"] for child in children(found)]
    assert sorted(codes) == sorted(n % 3 for n in range(24))


def test_a_child_finds_its_parent_in_its_environment(run: Callable[..., Seen]) -> None:
    said: list[bytes] = []

    async def work() -> None:
        with clientobs.span("publish"):
            child = await asyncio.create_subprocess_shell("echo $TRACEPARENT", stdout=PIPE)
            said.extend((await child.communicate())[:1])

    found = run(work())
    (child,) = children(found)
    # Older releases of OpenTelemetry don't know the bit that says that ids are random.
    assert child.flags & 1
    assert said == [f"00-{child.trace_id:032x}-{child.span_id:016x}-{child.flags:02x}\n".encode()]
