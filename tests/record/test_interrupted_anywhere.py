"""Ctrl-C at each single line of ours that a call runs through: the host sees KeyboardInterrupt, and nothing else.

A trace function raises it at the first line, then at the second, and so on until the call comes through: where a
signal handler of the interpreter's can raise, at a finer grain than any timer reaches.
"""

from __future__ import annotations

import linecache
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import get_current

import clientobs
from clientobs.record import span as span_module
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from clientobs.runtime.runtime import Runtime

_OURS = str(Path(clientobs.__file__).parent)
_MOST = 5_000


class Interruption:
    """A Ctrl-C at the `at`-th line of ours that this thread comes to; `where` says which one that was."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.where = ""
        self.came = False

    def __call__(self, frame: FrameType, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        if event == "line" and not self.came and self._can_come(frame):
            self._left -= 1
            if self._left <= 0:
                self.came = True
                self.where = f"{frame.f_code.co_filename.removeprefix(_OURS)}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self

    @staticmethod
    def _can_come(frame: FrameType) -> bool:
        """Say whether a signal handler could raise here: Python has no check between entering and guarding a block."""
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        return not text.startswith(("try:", "with ", "mine = None", "self.__exit__(", "self.end("))


def interrupted_everywhere(work: Callable[[], object]) -> Iterator[str]:
    """Call `work` again and again, interrupted one line further each time; yield where, after each."""
    for at in range(1, _MOST):
        interruption = Interruption(at)
        before = sys.gettrace()
        sys.settrace(interruption)
        try:
            work()
        except KeyboardInterrupt:
            pass
        except BaseException as error:
            raise AssertionError(f"Ctrl-C at {interruption.where} became {error!r}") from error
        finally:
            sys.settrace(before)
        if not interruption.came:
            return
        yield interruption.where
    raise AssertionError("no end")


def a_span() -> None:
    with clientobs.span("work", frame=1):
        pass


def a_span_in_itself() -> None:
    again = clientobs.span("work")
    with again, again:
        pass


def an_async_span() -> None:
    async def work() -> None:
        async with clientobs.span("work"):
            pass

    coroutine = work()
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    finally:
        coroutine.close()


def a_failing_span() -> None:
    try:
        with clientobs.span("work"):
            raise ValueError("no such frame")
    except ValueError:
        pass


@clientobs.traced
def traced_function() -> None:
    pass


@clientobs.traced
def traced_generator() -> Iterator[int]:
    yield 1
    yield 2


def a_context() -> None:
    with clientobs.context(shot="sh010"):
        pass


def a_task() -> None:
    with clientobs.farm_task(job_id="5f1c", frame=3):
        pass


def an_event() -> None:
    clientobs.event("happened", "It happened", size=1)


def a_log_line() -> None:
    logging.getLogger("studio").warning("a line")


def a_measurement() -> None:
    clientobs.counter("frames").add(1, renderer="karma")


WORKS: dict[str, Callable[[], object]] = {
    "span": a_span,
    "span in itself": a_span_in_itself,
    "async span": an_async_span,
    "failing span": a_failing_span,
    "traced": traced_function,
    "generator": lambda: list(traced_generator()),
    "context": a_context,
    "farm task": a_task,
    "event": an_event,
    "log": a_log_line,
    "counter": a_measurement,
}


# A file that was opened and not yet kept is closed by its finalizer, with a warning that hosts do not see.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", WORKS)
def test_ctrl_c_at_any_line_reaches_the_host_as_itself(name: str, runtime: Runtime, home: Path) -> None:
    assert runtime.journal is not None
    outside, work, lines, open_spans = get_current(), WORKS[name], 0, 0
    work()  # what is made at first use is made
    left: list[str] = []
    for where in interrupted_everywhere(work):
        lines += 1
        still_open = runtime.journal.stats()["open_spans"]
        if get_current() is not outside or still_open != open_spans:
            left.append(where)
        span_module._attach(outside)
        open_spans = still_open
    assert lines > 30
    assert not left, "left a span open or current"
    with clientobs.span("afterwards"):
        pass
    assert not seen(home).span("afterwards").parent_id
