"""threading.Thread with the instrument on: the context goes along, and nothing else is different."""

from __future__ import annotations

import contextvars
import gc
import os
import signal
import sys
import threading
import traceback
import types
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

import clientobs
from clientobs.instruments import registry
from clientobs.instruments.patching import Switch
from clientobs.instruments.threads.current import Current
from clientobs.instruments.threads.starts import wrap_start_3_14
from support.programs import answer_of, run_program
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime


def span_id() -> int:
    """Return the span that is current here, 0 for none."""
    return trace.get_current_span().get_span_context().span_id


def id_of(span: Any) -> int:
    return int(span.get_span_context().span_id)


def ran(make: Callable[[Callable[[], None]], threading.Thread]) -> list[int]:
    """Return the span that was current in the thread that `make` makes for a function."""
    found: list[int] = []
    thread = make(lambda: found.append(span_id()))
    thread.start()
    thread.join()
    return found


class Overridden(threading.Thread):
    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self.work = work

    def run(self) -> None:
        self.work()


def replaced_on_the_instance(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread()
    thread.run = work  # type: ignore[method-assign]
    return thread


WAYS: dict[str, Callable[[Callable[[], None]], threading.Thread]] = {
    "a target": lambda work: threading.Thread(target=work),
    "run overridden": Overridden,
    "run replaced on the instance": replaced_on_the_instance,
    "a timer": lambda work: threading.Timer(0, work),
    "a daemon": lambda work: threading.Thread(target=work, daemon=True),
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_thread_goes_on_in_the_span_that_it_was_started_in(way: str, runtime: Runtime) -> None:
    with clientobs.span("publish") as publish:
        assert ran(WAYS[way]) == [id_of(publish)]
    assert ran(WAYS[way]) == [0]


def test_the_production_context_goes_along(runtime: Runtime, home: Path) -> None:
    def work() -> None:
        with clientobs.span("in the thread"):
            pass

    with clientobs.context(shot="sq010_sh020"), clientobs.span("publish") as publish:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    clientobs.shutdown()
    recorded = seen(home)
    assert recorded.span("in the thread").parent_id == id_of(publish)
    assert recorded.context_of("in the thread")["production.shot"] == "sq010_sh020"


def test_a_thread_of_a_thread_has_the_context_of_its_own_start(runtime: Runtime) -> None:
    inner: list[int] = []

    def work() -> None:
        with clientobs.span("inside") as inside:
            inner.extend([id_of(inside), *ran(WAYS["a target"])])

    with clientobs.span("outside"):
        ran(lambda _: threading.Thread(target=work))
    assert inner[0] == inner[1] != 0


def test_no_other_variable_of_the_program_goes_along(runtime: Runtime) -> None:
    mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine", default="untouched")
    mine.set("of the main thread")
    found: list[str] = []
    with clientobs.span("publish"):
        ran(lambda _: threading.Thread(target=lambda: found.append(mine.get())))
    assert found == ["untouched"]


def test_a_span_that_is_over_is_not_kept_by_a_thread_object_that_is(runtime: Runtime) -> None:
    with clientobs.span("publish") as publish:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    before = set(vars(threading.Thread()))
    assert set(vars(thread)) <= before | {"_stderr"}
    ended = weakref.ref(publish)
    del publish
    gc.collect()
    assert ended() is None
    assert not thread.is_alive()


def test_a_thread_object_that_fails_to_start_keeps_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"

    def full(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading, name, full)
    with clientobs.span("publish") as publish:
        thread = threading.Thread(target=int)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            thread.start()
    ended = weakref.ref(publish)
    del publish
    gc.collect()
    assert ended() is None


def test_errors_of_start_are_those_of_threading_with_one_frame_of_ours(runtime: Runtime) -> None:
    class Forgetful(threading.Thread):
        def __init__(self) -> None:
            pass

    started = threading.Thread(target=int)
    started.start()
    started.join()
    with clientobs.span("publish"):
        for thread, text in (
            (Forgetful(), "thread.__init__() not called"),
            (started, "threads can only be started once"),
        ):
            with pytest.raises(RuntimeError) as caught:
                thread.start()
            assert str(caught.value) == text
            assert [entry.name for entry in caught.traceback][1:] == ["start", "start"]


def test_neither_stack_nor_traceback_of_a_thread_has_a_frame_of_ours(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[str] = []
    raised: list[str] = []
    monkeypatch.setattr(
        threading,
        "excepthook",
        lambda args: raised.extend(f.filename for f in traceback.extract_tb(args.exc_traceback)),
    )

    def work() -> None:
        files.extend(frame.filename for frame in traceback.extract_stack())
        raise ValueError("of the program")

    with clientobs.span("publish"):
        ran(lambda _: threading.Thread(target=work))
    assert len(raised) == 3  # _bootstrap_inner, run, work
    assert not [name for name in files + raised if "clientobs" in name and "tests" not in name]


def test_threads_of_our_own_belong_to_no_span_of_the_program(runtime: Runtime) -> None:
    with clientobs.span("publish"):
        found = ran(lambda work: threading.Thread(target=work, name="clientobs-something"))
    assert found == [0]


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_a_thread_started_in_a_signal_handler_has_the_context_of_what_it_interrupts(
    runtime: Runtime,
) -> None:
    found: list[int] = []

    def handle(_number: int, _frame: types.FrameType | None) -> None:
        found.extend(ran(WAYS["a target"]))

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with clientobs.span("publish") as publish:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert found == [id_of(publish)]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_thread_started_by_a_finalizer_starts(runtime: Runtime) -> None:
    class Holder:
        def __del__(self) -> None:
            found.extend(ran(WAYS["a target"]))

    found: list[int] = []
    with clientobs.span("publish") as publish:
        holder = Holder()
        del holder
        gc.collect()
        assert found == [id_of(publish)]


def test_a_property_of_a_subclass_that_raises_stops_no_start(runtime: Runtime, lenient_faults: Any) -> None:
    class Odd(threading.Thread):
        def __getattribute__(self, name: str) -> Any:
            if name == "_target" and sys._getframe(1).f_code.co_name == "_takes_it":
                raise ValueError(name)
            return super().__getattribute__(name)

    done = threading.Event()
    with clientobs.span("publish"):
        thread = Odd(target=done.set)
        thread.start()
        thread.join()
    assert done.is_set()
    assert lenient_faults.counts() == {"threads.start": 1}


def test_a_thread_that_starts_after_undo_has_no_context(runtime: Runtime) -> None:
    kept = threading.Thread.start
    clientobs.uninstrument("threads")
    assert threading.Thread.start is not kept
    found: list[int] = []
    with clientobs.span("publish"):
        thread = threading.Thread(target=lambda: found.append(span_id()))
        kept(thread)  # somebody took our wrapper: it passes through
        thread.join()
    assert found == [0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_the_child_of_a_fork_starts_threads_with_its_context(home: Path) -> None:
    program = """
        import json, os, threading, clientobs
        from opentelemetry import trace
        clientobs.init("host", drain="off")
        found = []
        def work(): found.append(trace.get_current_span().get_span_context().span_id)
        with clientobs.span("publish") as publish:
            reading, writing = os.pipe()
            if os.fork() == 0:
                thread = threading.Thread(target=work); thread.start(); thread.join()
                os.write(writing, json.dumps(found == [publish.get_span_context().span_id]).encode())
                os._exit(0)
            os.wait()
        print(os.read(reading, 100).decode())
    """
    # From 3.12 on a fork warns where other threads run, and ours that keeps the journal is one.
    assert answer_of(program, flags=("-W", "ignore::DeprecationWarning")) is True


def test_a_thread_at_the_interpreters_end_is_told_what_it_is_told_without_us(home: Path) -> None:
    program = """
        import atexit, sys, threading
        {init}
        def late():
            try:
                thread = threading.Thread(target=print, args=("ran",)); thread.start(); thread.join()
            except RuntimeError as error:
                print(error)
        atexit.register(late)
        threading.Thread(target=lambda: (threading.main_thread().join(), late())).start()
        {enter}
    """
    bare, ours = (
        run_program(program.format(init=init, enter=enter))
        for init, enter in (
            ("", ""),
            ("import clientobs; clientobs.init('host', drain='off')", "clientobs.span('open').__enter__()"),
        )
    )
    assert sorted(ours.stdout.splitlines()) == sorted(bare.stdout.splitlines())
    assert ours.stderr == bare.stderr == ""
    assert ours.returncode == bare.returncode == 0


def test_python_3_14_gets_the_context_in_the_one_that_it_makes_for_a_thread(runtime: Runtime) -> None:
    # As threading.Thread of 3.14 is without -X thread_inherit_context; this interpreter's has no such thing.
    class Thread:
        _name = "Thread-1"
        _context: contextvars.Context | None = None

        def start(self) -> int:
            self._context = self._context or contextvars.Context()
            return self._context.run(span_id)

    switch = Switch()
    switch.on = True
    start = wrap_start_3_14(Thread.start, Current.of(switch))
    with clientobs.span("publish") as publish:
        assert start(Thread()) == id_of(publish)
        given = Thread()
        given._context = contextvars.Context()  # the program's own, and not ours to write to
        assert start(given) == 0
        assert len(given._context) == 0


def test_the_instrument_stays_off_where_the_profile_says_so(home: Path) -> None:
    before = threading.Thread.start
    clientobs.init("quiet", profile="minimal")
    try:
        assert threading.Thread.start is before
        assert "threads" not in registry.active()
    finally:
        clientobs.shutdown()
