"""Records that no one would write on purpose: bounded, counted, and never a trouble to the program."""

from __future__ import annotations

import enum
import gc
import http
import json
import logging
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Program


class Hostile:
    """Raises whatever it is asked."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __format__ = __str__  # type: ignore[assignment]  # hostile in each of them

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


class Shot(str):
    """Builds on text, and says something else."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __format__ = __str__  # type: ignore[assignment]  # as above


class State(enum.Enum):
    """A plain enumeration, whose own text isn't asked for."""

    DONE = 1

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Seconds(float):
    """Builds on a number."""

    __slots__ = ()


class PublishError(Exception):
    """An exception of the program's own."""


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("message", "args", "body"),
    [
        ("%d frames", ("x",), "%d frames (arguments: ('x',))"),
        ("%s and %s", (1,), "%s and %s (arguments: (1,))"),
        ("100%", (1,), "100% (arguments: (1,))"),
        ("%(shot)s", ({"task": "comp"},), "%(shot)s (arguments: {'task': 'comp'})"),
        ("%s", (10**5000,), "%s (arguments: ValueError)"),
    ],
)
def test_arguments_that_don_t_fit_are_shown_beside_the_format(
    program: Program,
    logger: logging.Logger,
    quiet_root: Callable[[], None],
    message: str,
    args: tuple[Any, ...],
    body: str,
) -> None:
    quiet_root()
    program.start()
    logger.propagate = False
    logger.info(message, *args)
    line = program.line()
    assert line.body == body
    assert line.attributes["log.arguments.broken"] is True


@pytest.mark.parametrize(
    ("message", "args", "body"),
    [
        ("%s", (Hostile(),), "<{}.Hostile>"),
        (Hostile(), (), "<{}.Hostile>"),
        ("%d", (Hostile(),), "%d (arguments: ('<{}.Hostile>',))"),
        ("%s", (CYCLE,), "<list of 1>"),
        ("%s", ([1] * 100_000,), "<list of 100000>"),
        ({1, 2}, (), "{{1, 2}}"),
        (None, (), "None"),
        ("%s", (Shot("sh010"),), "sh010"),
        (Shot("%s of it"), (Shot("sh010"),), "sh010 of it"),
        ("%d", (http.HTTPStatus.NOT_FOUND,), "404"),
        ("in %s", (State.DONE,), "in State.DONE"),
        ("failed: %s", (PublishError("no space on P:"),), "failed: no space on P:"),
        (PublishError("no space on P:"), (), "no space on P:"),
    ],
    ids=[
        *("argument", "message", "number", "cycle", "long", "set", "none"),
        *("text", "message text", "int enum", "enum", "exception", "message exception"),
    ],
)
def test_objects_that_can_t_be_shown_are_named(
    program: Program,
    logger: logging.Logger,
    quiet_root: Callable[[], None],
    message: Any,
    args: tuple[Any, ...],
    body: str,
) -> None:
    quiet_root()
    program.start()
    logger.propagate = False
    logger.info(message, *args)
    assert program.line().body == body.format(__name__)


def test_extras_of_all_kinds_are_bounded(program: Program, logger: logging.Logger) -> None:
    program.start()
    logger.info(
        "x", extra={"hostile": Hostile(), "cycle": CYCLE, "huge": "x" * 10_000_000, "deep": [[[[[1]]]]]}
    )
    attributes = program.line().attributes
    assert attributes["hostile"] == f"<{__name__}.Hostile>"
    assert attributes["cycle"] == "<list of 1>"
    assert 0 < len(attributes["huge"]) <= 16_384
    assert attributes["deep"] == "<list of 1>"


def test_extras_keep_the_value_and_the_type_that_their_class_builds_on(
    program: Program, logger: logging.Logger
) -> None:
    program.start()
    given = {
        "status": http.HTTPStatus.NOT_FOUND,
        "shot": Shot("sh010"),
        "took": Seconds(1.5),
        "state": State.DONE,
        "both": [Shot("sh010"), Shot("sh020")],
        "mixed": {"status": http.HTTPStatus.OK, "node": Hostile()},
        "error": PublishError("no space on P:"),
    }
    logger.info("x", extra=given)
    attributes = program.line().attributes
    assert {key: attributes[key] for key in given} == {
        "status": 404,
        "shot": "sh010",
        "took": 1.5,
        "state": "State.DONE",
        "both": ["sh010", "sh020"],
        "mixed": "<dict of 2>",
        "error": "no space on P:",
    }
    assert type(attributes["took"]) is float


def test_thousands_of_extras_are_counted(program: Program, logger: logging.Logger) -> None:
    program.start()
    logger.info("x", extra={f"key{number}": number for number in range(5000)})
    assert 100 < len(program.line().attributes) <= 128


def test_a_message_of_ten_megabytes_is_cut(program: Program, logger: logging.Logger) -> None:
    program.start()
    logger.info("x" * 10_000_000)
    assert len(program.line().body) <= 65_536


def test_a_record_made_by_hand_from_anything_is_taken_or_left(
    program: Program, logger: logging.Logger
) -> None:
    program.start()
    logger.propagate = False
    logger.handle(logging.makeLogRecord({"msg": "from a socket", "levelno": 20}))
    logger.handle(logging.makeLogRecord({"msg": "odd", "levelno": 20, "name": None, "pathname": None}))
    logger.handle(logging.makeLogRecord({"msg": "e", "levelno": 40, "exc_info": (None, None, None)}))
    logger.handle(logging.makeLogRecord({"msg": "s", "levelno": 40, "exc_info": "text"}))
    assert [line.body for line in program.lines()] == ["from a socket", "odd", "e", "s"]


def test_nothing_that_was_logged_is_kept_alive(program: Program, logger: logging.Logger) -> None:
    class Scene:
        pass

    def work() -> weakref.ref[Scene]:
        scene = Scene()
        try:
            raise ValueError(scene)
        except ValueError:
            logger.exception("with %s", scene, extra={"scene": scene})
        return weakref.ref(scene)

    logger.propagate = False
    program.start()
    ref = work()
    gc.collect()
    assert ref() is None


def test_a_record_made_while_a_record_is_written_is_taken_too(
    program: Program, logger: logging.Logger
) -> None:
    class TalkativeError(Exception):
        def __str__(self) -> str:
            logger.info("asked for its text")
            return "talks"

    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    program.start()
    try:
        raise TalkativeError
    except TalkativeError:
        logger.exception("outer")
    bodies = [line.body for line in program.lines()]
    assert sorted(set(bodies)) == ["asked for its text", "outer"]


def test_an_exception_that_logs_itself_for_its_text_comes_to_an_end(
    program: Program, logger: logging.Logger
) -> None:
    class EndlessError(Exception):
        def __str__(self) -> str:
            try:
                raise EndlessError
            except EndlessError:
                logger.exception("again")
            return "endless"

    logger.propagate = False
    logger.addHandler(logging.NullHandler())  # one that formats would never end, with or without us
    program.start()
    try:
        raise EndlessError
    except EndlessError:
        logger.exception("outer")
    assert "outer" in [line.body for line in program.lines()]


ODD_TIMES = """
    import gc, json, logging, os, signal, sys, threading
    import clientobs
    clientobs.init("tool", instruments=["logs"], logs={"level": "debug"})
    log = logging.getLogger("odd")
    log.setLevel(10)
    log.propagate = False

    class Node:
        def __init__(self): self.circle = self
        def __del__(self): log.info("from __del__")

    signal.signal(signal.SIGUSR1, lambda *_: log.info("from a signal handler"))
    Node(); gc.collect()
    gc.set_threshold(1)
    for number in range(40):
        Node()
        log.info("busy %d", number)
        os.kill(os.getpid(), signal.SIGUSR1)
    gc.set_threshold(700)

    sys.modules["late"] = type(sys)("late")
    exec("import logging; logging.getLogger('odd').info('during import')", vars(sys.modules["late"]))
    import atexit
    atexit.register(lambda: log.info("from atexit, before us"))
    kept = Node()
    print("done")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_records_made_at_odd_times_are_taken_and_nothing_is_printed(home: Path) -> None:
    done = run_program(ODD_TIMES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    bodies = [log.body for log in seen(home).logs]
    assert bodies.count("from a signal handler") == 40
    assert {"from __del__", "during import", "from atexit, before us", "busy 39"} <= set(bodies)


def test_many_threads_log_at_once(program: Program, logger: logging.Logger) -> None:
    logger.propagate = False
    program.start(per_minute=100_000)

    def work(number: int) -> None:
        for step in range(50):
            logger.info("%s", json.dumps([number, step]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    said = sorted(json.loads(line.body) for line in program.lines())
    assert said == [[number, step] for number in range(8) for step in range(50)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_s_records_are_its_own(home: Path) -> None:
    done = run_program("""
        import logging, os, sys
        import clientobs
        clientobs.init("tool", instruments=["logs"], logs={"per_minute": 2})
        log = logging.getLogger("fork"); log.setLevel(10); log.propagate = False
        def say(text):
            log.info(text)
        say("parent 1"); say("parent 2"); say("parent 3")
        pid = os.fork()
        if pid == 0:
            say("child 1")
            os._exit(0)
        os.waitpid(pid, 0)
    """)
    assert done.stderr == ""
    bodies = [log.body for log in seen(home).logs if not log.event_name]
    assert sorted(bodies) == ["child 1", "parent 1", "parent 2"]
