"""The host notices nothing of the drain: no child, no signal, no inherited pipe, no wait at exit."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.otlp_receiver import Answer
from support.workstation import PATIENCE, Workstation, until

if TYPE_CHECKING:
    from support.otlp_receiver import OtlpReceiver

HANG = Answer(hang=True)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_subprocess_run_with_captured_output_returns_while_the_drain_lives_on(
    desk: Workstation, receiver: OtlpReceiver
) -> None:
    program = """
        clientobs.init("tool")
        with clientobs.span("work"): pass
        print("printed")
    """
    # A drain that had inherited the pipe would hold this call until it leaves, after a minute without work.
    done = subprocess.run(
        desk.command(program),
        env=desk.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        cwd=desk.folder,
    )
    assert (done.stdout, done.stderr) == ("printed\n", "")
    receiver.wait_for(lambda: receiver.spans(), 30)
    assert len(desk.drains()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither os.wait nor SIGCHLD")
def test_the_host_never_meets_a_child_of_ours(desk: Workstation, receiver: OtlpReceiver) -> None:
    host = desk.start("""
        import errno, threading
        signals, met, stop = [], [], threading.Event()
        signal.signal(signal.SIGCHLD, lambda number, frame: signals.append(number))
        def meet():
            while not stop.is_set():
                try:
                    met.append(os.waitpid(-1, os.WNOHANG | os.__dict__.get("WALL", 0x40000000)))
                except ChildProcessError:
                    pass
                stop.wait(0.001)
        thread = threading.Thread(target=meet)
        thread.start()
        clientobs.init("tool")
        with clientobs.span("work"): pass
        say(None)
        wait()
        stop.set()
        thread.join()
        say([signals, met])
    """)
    host.heard()
    receiver.wait_for(lambda: receiver.spans(), 30)
    host.go()
    assert host.heard() == [[], []]
    assert len(desk.drains()) == 1


@pytest.mark.parametrize("program", ["", "sys.exit(0)", "os._exit(0)", "clientobs.shutdown()"])
def test_exit_does_not_wait_for_an_endpoint_that_hangs(
    desk: Workstation, receiver: OtlpReceiver, program: str
) -> None:
    receiver.answer_if(lambda got: HANG)
    host = desk.start(f"""
        clientobs.init("tool")
        with clientobs.span("work"): pass
        say(None)
        wait()
        with clientobs.span("work"): pass
        {program}
    """)
    host.heard()
    # The requests are open, and stay so: a host that waited for any of them would never end.
    receiver.wait_for(lambda: {got.signal for got in receiver.requests} >= {"traces", "logs"}, 30)
    assert host.end() == 0
    assert {got.status for got in receiver.requests} == {"hang"}
    assert receiver.spans() == []


def test_exit_does_not_wait_where_nobody_listens(tmp_path: Path) -> None:
    desk = Workstation(tmp_path, f"http://127.0.0.1:{unused_port()}")
    try:
        host = desk.start("""
            from clientobs.runtime.delivery import Delivery
            waited = []
            flush = Delivery.flush
            Delivery.flush = lambda self, *arguments: waited.append(arguments) or flush(self, *arguments)
            clientobs.init("tool")
            with clientobs.span("work"): pass
            clientobs.shutdown()
            say(len(waited))
        """)
        assert host.heard() == 0
        assert host.end() == 0
        until(lambda: any(state.signals["traces"].verdict == "retry" for state in desk.states()))
    finally:
        desk.close()
