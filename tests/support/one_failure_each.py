"""A program that fails in many ways, each under a shot of its own name: run by tests/end_to_end/test_one_headline.py.

EXPECTED says how many headlines a back end must get of each: one for each fault, however far its exception travels.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import pickle
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import clientobs
from clientobs.instruments.exceptions import callback

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EXPECTED"]

log = logging.getLogger("studio")
FAILING: Final = [sys.executable, "-c", "import sys; sys.exit('no licence')"]
EXPECTED: Final[dict[str, int]] = {}
_CASES: Final[list[Callable[[], object]]] = []


class ToolError(Exception):
    """A studio's own."""


def expect(headlines: int) -> Callable[[Callable[[], object]], Callable[[], object]]:
    def take(function: Callable[[], object]) -> Callable[[], object]:
        EXPECTED[function.__name__] = headlines
        _CASES.append(function)
        return function

    return take


def inner() -> None:
    with clientobs.span("inner"):
        raise ValueError("no plate")


@expect(1)
def it_leaves_nested_spans() -> None:
    with clientobs.span("outer"), clientobs.span("middle"):
        inner()


@expect(1)
def it_is_logged_and_raised_again() -> None:
    with clientobs.span("outer"):
        try:
            inner()
        except ValueError:
            log.exception("failed")
            raise


@expect(1)
def another_is_raised_from_it() -> None:
    with clientobs.span("outer"):
        try:
            inner()
        except ValueError as error:
            raise ToolError("publish failed") from error


@expect(1)
def another_is_raised_while_it_is_handled() -> None:
    with clientobs.span("outer"):
        try:
            inner()
        except ValueError:
            raise ToolError("publish failed")  # noqa: B904  # the very thing


@expect(1)
def another_is_raised_from_none() -> None:
    with clientobs.span("outer"):
        try:
            inner()
        except ValueError:
            raise ToolError("publish failed") from None


@expect(1)
def another_is_raised_by_the_clean_up() -> None:
    with clientobs.span("outer"):
        try:
            inner()
        finally:
            raise KeyError("cleanup")


@expect(1)
def it_is_kept_and_raised_later() -> None:
    kept: Exception | None = None
    with clientobs.span("outer"):
        try:
            inner()
        except ValueError as error:
            kept = error
        assert kept is not None
        raise kept


@expect(1)
def a_copy_of_it_is_raised() -> None:
    with clientobs.span("outer"):
        try:
            inner()
        except ValueError as error:
            raise pickle.loads(pickle.dumps(error)) from None


@expect(1)
def it_ends_the_program() -> None:
    with clientobs.span("outer"):
        try:
            inner()
        except ValueError:
            log.error("failed")  # without the traceback
            sys.exit(1)


@expect(2)
def two_faults_come_out_as_a_group() -> None:
    faults: list[Exception] = []
    with clientobs.span("outer"):
        for _ in range(2):
            try:
                inner()
            except ValueError as error:
                faults.append(error)
        raise ExceptionGroup("two", faults)


@expect(1)
def a_group_that_nobody_has_told_of() -> None:
    with clientobs.span("outer"):
        raise ExceptionGroup("two", [ValueError("a"), KeyError("b")])


@expect(1)
def it_comes_out_of_a_future() -> None:
    with clientobs.span("outer"), concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(inner).result()


@expect(1)
def it_ends_a_thread() -> None:
    with clientobs.span("outer"):
        worker = threading.Thread(target=inner)
        worker.start()
        worker.join()


@expect(1)
def another_ends_the_thread() -> None:
    def work() -> None:
        try:
            inner()
        except ValueError:
            raise ToolError("worker failed")  # noqa: B904  # the very thing

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()


@expect(1)
def it_comes_out_of_a_coroutine() -> None:
    async def work() -> None:
        inner()

    async def gather() -> None:
        await asyncio.gather(work(), asyncio.sleep(0))

    with clientobs.span("outer"):
        asyncio.run(gather())


@expect(1)
def it_comes_out_of_a_generator() -> None:
    @clientobs.traced
    def frames() -> Iterator[int]:
        yield 1
        raise ValueError("no plate")

    with clientobs.span("outer"):
        list(frames())


@expect(1)
def it_leaves_a_callback_of_the_host() -> None:
    callback(name="menu")(inner)()


@expect(1)
def it_is_recorded_logged_and_raised() -> None:
    with clientobs.span("outer") as span:
        try:
            raise ValueError("no plate")
        except ValueError as error:
            span.record_exception(error)
            log.exception("failed")
            raise


@expect(1)
def a_child_fails_and_subprocess_says_so() -> None:
    with clientobs.span("outer"):
        subprocess.run(FAILING, check=True, stderr=subprocess.PIPE)


@expect(1)
def a_child_fails_and_the_tool_says_so() -> None:
    with clientobs.span("outer"):
        try:
            subprocess.check_output(FAILING, stderr=subprocess.STDOUT)
        except subprocess.CalledProcessError:
            log.exception("failed")
            raise ToolError("no movie")  # noqa: B904  # the very thing


@expect(1)
def a_program_is_not_there() -> None:
    with clientobs.span("outer"):
        subprocess.run(["no-such-ffmpeg"], check=True)


@expect(3)
def each_try_is_a_fault_of_its_own() -> None:
    with clientobs.span("outer"):
        for attempt in range(3):
            try:
                inner()
            except ValueError:
                if attempt == 2:
                    raise


@expect(3)
def faults_of_a_loop_that_lives_in_an_except_block() -> None:
    try:
        inner()
    except ValueError:
        for _ in range(2):
            try:
                inner()
            except ValueError:
                continue


@expect(2)
def the_same_exit_code_of_children_under_two_spans() -> None:
    for _ in range(2):
        try:
            with clientobs.span("outer"):
                subprocess.run(FAILING, check=True, stderr=subprocess.PIPE)
        except subprocess.CalledProcessError:
            continue


@expect(1)
def equal_failures_of_children_under_one_span_are_told_once() -> None:
    with clientobs.span("outer"):
        for _ in range(2):
            try:
                subprocess.run(FAILING, check=True, stderr=subprocess.PIPE)
            except subprocess.CalledProcessError:
                continue
        subprocess.run(FAILING, check=True, stderr=subprocess.PIPE)


@expect(1)
def an_exception_that_only_looks_like_a_child_s() -> None:
    with clientobs.span("outer"):
        raise subprocess.CalledProcessError(7, "made by hand")


@expect(0)
def all_is_well() -> None:
    with clientobs.span("outer"):
        subprocess.run([sys.executable, "-c", ""], check=True)


def main() -> None:
    """Fail in each way, and let nobody see it."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # a program without a console
    clientobs.init("failing")
    for case in _CASES:
        with clientobs.context(shot=case.__name__):
            try:
                case()
            except (Exception, SystemExit) as error:  # noqa: BLE001  # each is caught here, as by a host
                _drop(error)


def _drop(_error: Any) -> None:
    """Swallow it without a word."""


if __name__ == "__main__":
    main()
