"""Exceptions that nobody catches, each in a program of its own that ends as it would have ended without us."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.journal.records import LogRecord

PRELUDE = """
import sys, threading
if sys.argv[1] == "on":
    import clientobs
    clientobs.init("tool")
"""


def told(home: Path) -> list[LogRecord]:
    return [log for log in seen(home).logs if "exception.type" in log.attributes]


def run(source: str, *, argument: str = "on") -> Any:
    return run_program(PRELUDE + source, argument)


def plain(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", text)


PROGRAMS = {
    "main": """
def publish():
    raise ValueError("no shot")
publish()
""",
    "thread": """
def load():
    raise KeyError("shot")
thread = threading.Thread(target=load, name="loader")
thread.start(); thread.join()
""",
    "unraisable": """
class Scene:
    def __del__(self): raise OSError("gone")
Scene()
""",
    "chained": """
try:
    try: {}["shot"]
    except KeyError as error: raise ValueError("no shot") from error
except ValueError as error: raise RuntimeError("publish failed") from error
""",
    "system exit": """
sys.exit("no shot given")
""",
    "interrupted": """
raise KeyboardInterrupt
""",
    "exit in a thread": """
thread = threading.Thread(target=sys.exit, args=(3,))
thread.start(); thread.join()
""",
    "own hook": """
sys.excepthook = lambda kind, error, trace: print("own hook", kind.__name__)
raise ValueError("x")
""",
    "broken hook": """
def broken(*args): raise RuntimeError("hook")
sys.excepthook = broken
raise ValueError("x")
""",
    "group": """
if sys.version_info >= (3, 11):
    raise ExceptionGroup("two", [ValueError("a"), KeyError("b")])
raise ValueError("a")
""",
    "no text": """
class Silent(Exception):
    def __str__(self): raise RuntimeError("no text")
raise Silent
""",
    "no stderr": """
sys.stderr = None
raise ValueError("x")
""",
    "a console": """
import code
class Panel(code.InteractiveConsole):
    def write(self, text): print("panel:", text.splitlines()[-1])
panel = Panel()
panel.push("1/0")
panel.push("x = (]")
""",
    "hooks asked for": """
print(sys.excepthook is sys.__excepthook__, callable(threading.excepthook))
""",
    "deep": """
def deep(): deep()
deep()
""",
}


@pytest.mark.parametrize(
    ("name", "kind", "mechanism"),
    [
        ("main", "ValueError", "main"),
        ("thread", "KeyError", "thread"),
        ("unraisable", "OSError", "unraisable"),
        ("chained", "RuntimeError", "main"),
        ("own hook", "ValueError", "main"),
        ("broken hook", "ValueError", "main"),
        ("no text", "__main__.Silent", "main"),
        ("no stderr", "ValueError", "main"),
        ("deep", "RecursionError", "main"),
        ("group", "ExceptionGroup" if sys.version_info >= (3, 11) else "ValueError", "main"),
        ("system exit", None, None),
        ("interrupted", None, None),
        ("exit in a thread", None, None),
        ("hooks asked for", None, None),
        ("a console", None, None),
    ],
)
def test_a_program_prints_and_ends_as_without_us_and_its_fault_has_one_headline(
    home: Path, name: str, kind: str | None, mechanism: str | None
) -> None:
    off, on = run(PROGRAMS[name], argument="off"), run(PROGRAMS[name])
    assert (on.stdout, plain(on.stderr)) == (off.stdout, plain(off.stderr))
    # Whether an interrupted program ends by SIGINT or with 1, Python tells by a flag that any eval() of a text on any
    # thread clears, those in the imports of our own thread included.
    assert on.returncode == off.returncode or (name == "interrupted" and on.returncode == 1)
    if name == "a console":
        return  # what a person types there is seen by `sys.last_value`, as it may be
    headlines = [log for log in told(home) if log.event_name or not kind]
    found = [(log.attributes["exception.type"], log.attributes["exception.mechanism"]) for log in headlines]
    assert found == ([(kind, mechanism)] if kind else [])


def test_a_thread_s_name_and_the_source_of_an_unraisable_one_are_told(home: Path) -> None:
    run(PROGRAMS["thread"] + PROGRAMS["unraisable"])
    thread, unraisable = seen(home).events("exception")
    assert thread.attributes["thread.name"] == "loader"
    assert unraisable.attributes["exception.owner"] == "__main__.Scene.__del__"


def test_an_exception_that_left_a_span_and_was_logged_is_told_once(home: Path) -> None:
    run("""
import logging
def work():
    with clientobs.span("outer"), clientobs.span("inner"):
        try:
            raise ValueError("deep")
        except ValueError:
            logging.getLogger("tool").exception("logged"); raise
def hook(kind, error, trace):
    logging.getLogger("host").critical("uncaught", exc_info=(kind, error, trace))
sys.excepthook = hook
clientobs.uninstrument("exceptions"); clientobs.instrument("exceptions")
work()
""")
    assert len(seen(home).events("exception")) == 1
    everything = told(home)
    assert [log.body for log in everything] == ["logged", "ValueError: deep", "uncaught"]
    assert len({log.attributes["fault.id"] for log in everything}) == 1


def test_a_hook_that_was_set_after_ours_is_not_replaced_and_hides_nothing(home: Path) -> None:
    done = run("""
def mine(kind, error, trace): print("mine")
sys.excepthook = mine
import atexit
atexit.register(lambda: print(sys.excepthook is mine))
raise ValueError("hidden from us")
""")
    assert done.stdout == "mine\nTrue\n"
    assert [log.attributes["exception.type"] for log in seen(home).events("exception")] == ["ValueError"]


def test_a_hook_of_threads_that_was_set_after_ours_hides_nothing_either(home: Path) -> None:
    done = run("""
import gc, weakref
refs = []
def mine(args): print("mine", args.exc_type.__name__, args.thread.name, threading.excepthook is mine)
threading.excepthook = mine
class Scene: pass
def load():
    scene = Scene(); refs.append(weakref.ref(scene))
    raise KeyError(scene)
def leave(): sys.exit(3)
for work in (load, leave):
    thread = threading.Thread(target=work, name=work.__name__)
    thread.start(); thread.join()
del thread
gc.collect()
print([ref() for ref in refs])
""")
    assert done.stdout == "mine KeyError load True\nmine SystemExit leave True\n[None]\n"
    (headline,) = seen(home).events("exception")
    assert headline.attributes["exception.type"] == "KeyError"
    assert headline.attributes["thread.name"] == "load"
    assert headline.attributes["exception.mechanism"] == "thread"


def test_an_old_fault_that_was_printed_before_us_is_not_ours(home: Path) -> None:
    run_program("""
import sys
sys.last_type, sys.last_value, sys.last_traceback = ValueError, ValueError("old"), None
import clientobs
clientobs.init("tool")
""")
    assert told(home) == []


def test_an_exception_that_is_only_printed_is_a_log_record(home: Path) -> None:
    done = run("""
import io, traceback
def load():
    try: raise KeyError("shot")
    except KeyError: traceback.print_exc()
load()
try: raise ValueError("into a file of its own")
except ValueError: traceback.print_exc(file=io.StringIO())
""")
    assert done.stderr.endswith("KeyError: 'shot'\n")
    (log,) = told(home)
    assert (log.event_name, log.attributes["exception.mechanism"]) == ("", "printed")
    assert log.attributes["code.function.name"] == "load"


def test_what_logging_says_of_a_broken_record_is_no_fault(home: Path) -> None:
    run("""
import logging
logging.getLogger("tool").warning("%d", "x")
""")
    assert told(home) == []


def test_probing_for_optional_modules_is_silent(home: Path) -> None:
    run("""
for name in ("hou", "maya", "no_such_module"):
    try: __import__(name)
    except ImportError: pass
with clientobs.span("start"):
    try: import no_such_module
    except ImportError: pass
""")
    assert told(home) == []
    assert seen(home).span("start").status == 0


def test_undoing_it_leaves_the_hooks_as_they_were(home: Path) -> None:
    done = run_program("""
import sys, threading, traceback
def hooks():
    return [sys.excepthook, sys.__excepthook__, sys.unraisablehook, threading.excepthook,
            threading._make_invoke_excepthook, traceback.print_exception, list(sys.meta_path)]
before = hooks()
import clientobs
clientobs.init("tool")
during = hooks()
clientobs.shutdown()
print([a is b or a == b for a, b in zip(before, hooks())], [a is b for a, b in zip(before, during)])
""")
    assert done.stdout.strip() == str([True] * 7) + " " + str([False] * 7)


def test_nothing_is_kept_alive(home: Path) -> None:
    done = run("""
import gc, traceback, weakref
class Scene: pass
refs = []
def load():
    scene = Scene(); refs.append(weakref.ref(scene))
    raise KeyError(scene)
thread = threading.Thread(target=load); thread.start(); thread.join()
def printed():
    scene = Scene(); refs.append(weakref.ref(scene))
    try: raise KeyError(scene)
    except KeyError: traceback.print_exc()
printed()
class Late:
    def __del__(self):
        scene = Scene(); refs.append(weakref.ref(scene))
        raise OSError(scene)
Late()
del thread
gc.collect()
print([ref() for ref in refs])
""")
    assert done.stdout == "[None, None, None]\n"


def test_a_callback_of_a_host_is_told_by_its_name_and_passes(home: Path) -> None:
    done = run("""
import inspect
from clientobs.instruments.exceptions import callback
@callback(name="kAfterOpen")
def opened(path, *, again=False):
    "Do it."
    raise LookupError(path)
@callback
def stopped(): raise KeyboardInterrupt
for number in range(3):
    try: opened("a.ma")
    except LookupError as error: frames = error.__traceback__.tb_next
try: stopped()
except KeyboardInterrupt: pass
print(inspect.signature(opened), opened.__doc__, frames.tb_frame.f_code.co_name, frames.tb_next.tb_next)
""")
    assert done.stdout == "(path, *, again=False) Do it. called_back None\n"
    events = seen(home).events("exception")
    assert [log.attributes["exception.owner"] for log in events] == ["kAfterOpen"] * 3
    assert len({log.attributes["fault.id"] for log in events}) == 3


ASYNC = """
import asyncio, gc
async def fails(): raise ValueError("nobody waits")
async def cancelled(): await asyncio.sleep(60)
async def main():
    if own: asyncio.get_running_loop().set_exception_handler(lambda loop, context: print("own", context["message"]))
    task = asyncio.create_task(fails(), name="upload")
    other = asyncio.create_task(cancelled())
    await asyncio.sleep(0)
    other.cancel()
    await asyncio.sleep(0)
    del task, other
    gc.collect()
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
asyncio.run(main())
"""


@pytest.mark.parametrize("own", [False, True])
def test_a_task_that_nobody_awaits_is_told(home: Path, own: bool) -> None:
    source = f"own = {own}\n{ASYNC}"
    off, on = run(source, argument="off"), run(source)
    assert on.stdout == off.stdout
    assert len(on.stderr.splitlines()) == len(off.stderr.splitlines())
    task, callback = seen(home).events("exception")
    assert task.attributes["exception.mechanism"] == "asyncio"
    assert task.attributes["exception.owner"] == "upload (fails)"
    assert callback.attributes["exception.type"] == "ZeroDivisionError"
    assert len({log.attributes["fault.id"] for log in told(home)}) == 2


def test_asyncio_is_not_imported_for_it() -> None:
    done = run('print("asyncio" in sys.modules, "pyblish" in sys.modules)\n')
    assert done.stdout == "False False\n"


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="the names that are compared are those of 3.11 and later"
)
def test_a_forked_child_s_fault_is_told_in_its_own_run(home: Path) -> None:
    run("""
import os
pid = os.fork()
if pid == 0:
    try: raise ValueError("in the child")
    except ValueError: sys.excepthook(*sys.exc_info())
    os._exit(1)
os.waitpid(pid, 0)
""")
    (one,) = [each for each in seen(home).placed if getattr(each.record, "event_name", "") == "exception"]
    assert one.header.role == "child"


def test_every_fault_of_a_callback_that_is_printed_is_told(home: Path) -> None:
    """As C code of a host prints one after the other; ids of exceptions are used again and again."""
    done = run("""
import io
def slot(): raise KeyError("shot")
sys.stderr = io.StringIO()
for _ in range(20):
    try: slot()
    except KeyError as error:
        sys.last_value = error
        sys.excepthook(type(error), error, error.__traceback__)
from clientobs.record.sightings import sightings
print(len(sightings._marks))  # only the one that the interpreter itself keeps
""")
    assert done.stdout == "1\n"
    events = seen(home).events("exception")
    assert len({log.attributes["fault.id"] for log in events}) == 20
