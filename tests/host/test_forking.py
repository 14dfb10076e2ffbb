"""A host that forks: the child must not wait for what a thread of ours did at that moment, nor work for the SDK."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.programs import answer_of, run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

# From 3.12 on Python itself warns of a fork beside threads.
FORKING = ("-W", "ignore::DeprecationWarning")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_child_forked_while_we_import_can_import_the_same(home: Path, tmp_path: Path) -> None:
    """A module lock that a thread of the parent holds is held in the child for ever."""
    (tmp_path / "slow_part.py").write_text(
        "import logging, os, time\nopen(os.environ['BEGUN'], 'w').close()\n"
        "time.sleep(0.3)\nlogging.getLogger('slow_part')\n"
    )
    answer = answer_of(
        """
        import json, os, signal, sys, threading, time
        sys.path.insert(0, sys.argv[1])
        os.environ["BEGUN"] = sys.argv[1] + "/begun"
        import clientobs
        clientobs.init("tool")
        from clientobs._fork import Loading

        def load():
            with Loading():
                import slow_part

        threading.Thread(target=load).start()
        while not os.path.exists(os.environ["BEGUN"]):
            time.sleep(0.001)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            import slow_part
            os._exit(0)
        print(json.dumps(os.waitpid(child, 0)[1]))
        """,
        str(tmp_path),
        flags=FORKING,
    )
    assert answer == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_child_measures_though_a_thread_was_loading_the_sdks_metrics(home: Path) -> None:
    answer = answer_of(
        """
        import json, os, signal, threading
        import clientobs
        clientobs.init("tool")
        counter = clientobs.counter("c")
        threading.Thread(target=counter.add).start()
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            counter.add(1)
            os._exit(0)
        print(json.dumps(os.waitpid(child, 0)[1]))
        """,
        flags=FORKING,
    )
    assert answer == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_starts_no_thread_of_the_sdk_and_prints_nothing(home: Path) -> None:
    answer = answer_of(
        """
        import json, os, threading
        import clientobs
        clientobs.init("tool")
        clientobs.counter("c").add(1)
        started = []
        threading.Thread.start = lambda thread: started.append(thread.name)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, json.dumps(started).encode())
            os._exit(0)
        os.waitpid(child, 0)
        print(os.read(reading, 1000).decode())
        """,
        flags=FORKING,
    )
    assert answer == []


def test_a_host_that_can_start_no_thread_records_and_ends_cleanly(home: Path) -> None:
    answer = answer_of(
        """
        import json, threading
        start = threading.Thread.start
        def refuse(thread):
            if thread.name.startswith("clientobs"):
                raise RuntimeError("can't start new thread")
            start(thread)  # the SDK's import wants some: without, clientobs is idle and says so
        threading.Thread.start = refuse
        import clientobs
        runtime = clientobs.init("tool")
        with clientobs.span("work"):
            pass
        running = runtime.running
        clientobs.shutdown()
        print(json.dumps([running, clientobs.init("tool") is not runtime]))
        """
    )
    assert answer == [True, True]
    assert seen(home).span("work").end_ns


def test_what_records_first_at_the_interpreters_end_neither_raises_nor_prints(home: Path) -> None:
    answer = answer_of(
        """
        import builtins
        import clientobs
        clientobs.init("tool")

        class Late:
            def __del__(self):
                with clientobs.span("late"), clientobs.context(shot="a"):
                    clientobs.event("e")
                    clientobs.counter("c").add(1)

        builtins.late = Late()
        print("0")
        """
    )
    assert answer == 0


def test_a_first_record_loads_nothing_of_ours(home: Path) -> None:
    """A signal handler in the middle of that import would find half a module, and raise into the host."""
    answer = answer_of(
        """
        import json, sys
        import clientobs
        clientobs.init("tool")
        before = set(sys.modules)
        for name in ("span", "event", "context", "set_context", "counter", "carrier", "traced", "flush"):
            getattr(clientobs, name)
        print(json.dumps(sorted(set(sys.modules) - before)))
        """
    )
    assert answer == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.parametrize("moment", ["join", "start"])
def test_a_signal_handler_that_forks_amid_a_fork_does_not_wait_for_ever(moment: str, home: Path) -> None:
    done = run_program(
        """
        import faulthandler, os, signal, sys, threading
        faulthandler.dump_traceback_later(20, exit=True)
        import clientobs
        assert clientobs.init("tool").running

        def fork():
            pid = os.fork()
            if not pid:
                os._exit(3)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3

        signal.signal(signal.SIGUSR1, lambda *_: fork())
        method = getattr(threading.Thread, sys.argv[1])
        signals = [signal.SIGUSR1]

        def interrupted(self, *args):
            if self.name == "clientobs-keeper" and signals:
                signal.raise_signal(signals.pop())
            return method(self, *args)

        setattr(threading.Thread, sys.argv[1], interrupted)
        for _ in range(3):
            fork()
        with clientobs.span("work"):
            pass
        ours, patience = ["MainThread", "clientobs-keeper"], threading.Event()
        for _ in range(200):  # one that was told to end meanwhile may still be on its way
            if [thread.name for thread in threading.enumerate()] == ours:
                break
            patience.wait(0.05)
        assert [thread.name for thread in threading.enumerate()] == ours
        print(len(signals))
        """,
        moment,
        flags=FORKING,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
    assert seen(home).span("work").end_ns > 0
