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
    from support.workstation import Host

ENDS = ("", "clientobs.shutdown()", "sys.exit(0)", "os._exit(0)", "os.execvp('true', ['true'])")
ENDING_HOST = """
    clientobs.init("tool")
    with clientobs.span("work"): pass
    say(None)
    wait()
    with clientobs.span("work"): pass
    exec(sys.argv[1])
"""


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
    receiver.wait_for(receiver.spans, 30)
    assert len(desk.drains()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither os.wait nor SIGCHLD")
def test_the_host_never_meets_a_child_of_ours(desk: Workstation, receiver: OtlpReceiver) -> None:
    host = desk.start("""
        import threading
        signals, met, stop = [], [], threading.Event()
        signal.signal(signal.SIGCHLD, lambda number, frame: signals.append(number))
        def meet():
            while not stop.is_set():
                try:
                    met.append(os.waitpid(-1, os.WNOHANG))
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
    receiver.wait_for(receiver.spans, 30)
    host.go()
    assert host.heard() == [[], []]
    assert len(desk.drains()) == 1


def test_exit_does_not_wait_for_an_endpoint_that_hangs(desk: Workstation, receiver: OtlpReceiver) -> None:
    receiver.answer_if(lambda got: Answer(hang=True))
    hosts = [desk.start(ENDING_HOST, end) for end in ENDS]
    for host in hosts:
        host.heard()
    receiver.wait_for(lambda: {got.signal for got in receiver.requests} >= {"traces", "logs"}, 30)
    assert_no_exit_waits(desk, hosts)
    assert {got.status for got in receiver.requests} == {"hang"}


def test_exit_does_not_wait_where_nobody_listens(tmp_path: Path) -> None:
    with Workstation(tmp_path, f"http://127.0.0.1:{unused_port()}") as desk:
        hosts = [desk.start(ENDING_HOST, end) for end in ENDS[:2]]
        for host in hosts:
            host.heard()
        until(lambda: any(state.signals["traces"].verdict == "retry" for state in desk.states()))
        assert_no_exit_waits(desk, hosts)


def assert_no_exit_waits(desk: Workstation, hosts: list[Host]) -> None:
    """End the hosts while their drain stands still: none may ask it for anything, and all must end."""
    (drain,) = desk.drains()
    drain.suspend()  # whoever waits for delivery leaves a request in its run folder, which now stays there
    try:
        assert [host.end() for host in hosts] == [0] * len(hosts)
        assert list(desk.home.glob("v1/*/flush")) == []
    finally:
        drain.resume()


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no os.execv that replaces, and no spawned os.kill"
)
def test_functions_of_os_go_to_another_process_by_their_names(desk: Workstation) -> None:
    program = """
        import os, pickle
        clientobs.init("tool", drain="off")
        for name in ("_exit", "execv", "execve", "posix_spawn", "kill", "waitpid", "wait4", "stat", "open"):
            function = getattr(os, name)
            assert hasattr(function, "__wrapped__"), name
            assert pickle.loads(pickle.dumps(function)) is function, name
    """
    subprocess.run(desk.command(program), env=desk.environ, timeout=PATIENCE, check=True, cwd=desk.folder)
