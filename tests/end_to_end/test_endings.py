"""How runs end, seen from the endpoint: killed, crashed, quit, replaced, forked; each under its own session.

All hosts of the first two tests run side by side over one home and one drain, as on a render node.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from support.otlp_receiver import OtlpReceiver
from support.workstation import Workstation, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_inbox import Telemetry
    from support.workstation import Host

pytestmark = pytest.mark.skipif(os.name != "posix", reason="deaths are told by signals here")

STACK_OVERFLOW = """
import ctypes, resource
resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
compared = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
sys.setrecursionlimit(10**9)
two = (ctypes.c_int * 2)()
order = compared(lambda a, b: ctypes.CDLL(None).qsort(two, 2, 4, order) or 0)
order(None, None)
"""
"""The stack ends in native code, since from Python 3.12 on recursion in Python alone takes none; and it is short, since
3.12 counts the calls between the two and stops at ten thousand."""
VIOLENT = {
    "kill-9": "os.kill(os.getpid(), signal.SIGKILL)",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "abort": "os.abort()",
    "stack-overflow": STACK_OVERFLOW,
    "exit-in-c": "import ctypes; ctypes.CDLL(None)._exit(0)",
    "terminated": "signal.signal(signal.SIGTERM, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGTERM)",
}
CRASHES = {"segfault": "SIGSEGV", "abort": "SIGABRT", "stack-overflow": "SIGSEGV"}
CLEAN = {
    "end-of-program": "",
    "sys-exit": "sys.exit(3)",
    "os-exit": "os._exit(4)",
    "uncaught": "sys.stderr = None; raise RuntimeError('the tool, not the application')",
    "interrupted": "sys.stderr = None; os.kill(os.getpid(), signal.SIGINT)",
    "exec": "os.execvp('true', ['true'])",
    "shutdown-then-kill": "clientobs.shutdown(); os.kill(os.getpid(), signal.SIGKILL)",
}
CHILDREN = {
    "fork": "multiprocessing.get_context('fork')",
    "spawn": "multiprocessing.get_context('spawn')",
    "forkserver": "multiprocessing.get_context('forkserver')",
}
SPANS = 200

VIOLENT_HOST = f"""
    runtime = clientobs.init(sys.argv[1], version="1")
    say({{"run": runtime.run, "session": runtime.session}})
    for number in range({SPANS}):
        with clientobs.span("ended", number=number):
            pass
    with clientobs.context(shot="sq010_sh020"), clientobs.span("outer"), clientobs.span("inner"):
        exec(sys.argv[2])
"""
CLEAN_HOST = """
    runtime = clientobs.init(sys.argv[1], version="1")
    say({"run": runtime.run, "session": runtime.session})
    with clientobs.span("work"):
        pass
    exec(sys.argv[2])
"""
RUN_FILE = "import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
# spawn and forkserver import the program anew: it has to be a file, and guard its main part.
FORKING_HOST = """
import json, multiprocessing, os, sys, warnings
import clientobs

def child():
    clientobs.init(sys.argv[1], version="1")
    with clientobs.span("child"):
        pass

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    runtime = clientobs.init(sys.argv[1], version="1")
    os.write(1, json.dumps({"run": runtime.run, "session": runtime.session}).encode() + b"\\n")
    with clientobs.span("parent"):
        for process in [CONTEXT.Process(target=child) for _ in range(2)]:
            process.start()
            process.join()
            assert process.exitcode == 0, process.exitcode
"""


class Theatre:
    """The hosts that ended, what they said of themselves, and what arrived of them."""

    def __init__(self, receiver: OtlpReceiver) -> None:
        self.receiver = receiver
        self.identity: dict[str, dict[str, str]] = {}

    def spans(self, name: str) -> list[Telemetry]:
        return [one for one in self.receiver.spans() if one.resource["service.name"] == name]

    def events(self, name: str, event: str) -> list[Telemetry]:
        return [
            one
            for one in self.receiver.logs()
            if one.resource["service.name"] == name and one.record.event_name == event
        ]


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    folder = tmp_path_factory.mktemp("endings")
    with OtlpReceiver() as receiver:
        made = Theatre(receiver)
        with Workstation(folder, receiver.base) as desk:
            _play(desk, made)
            yield made


def _play(desk: Workstation, made: Theatre) -> None:
    # One that stays: where the host that is about to start the drain dies, it starts one in its stead.
    witness = desk.start('clientobs.init("witness"); say(None); wait()')
    witness.heard()
    hosts: dict[str, Host] = {}
    for name, end in VIOLENT.items():
        hosts[name] = desk.start(VIOLENT_HOST, name, end)
    for name, end in CLEAN.items():
        hosts[name] = desk.start(CLEAN_HOST, name, end)
    for name, context in CHILDREN.items():
        program = desk.folder / f"{name}.py"
        program.write_text(FORKING_HOST.replace("CONTEXT", context))
        hosts[name] = desk.start(RUN_FILE, str(program), name)
    for name, host in hosts.items():
        made.identity[name] = host.heard()
    for host in hosts.values():
        host.end()
    made.receiver.wait_for(lambda: all(made.events(name, "session.end") for name in hosts), 60)
    # What should not come is looked for once everything that should has: nothing is left in the queue.
    witness.end()
    until(lambda: all(state.queue_records == 0 and not state.runs_dead for state in desk.states()))


@pytest.mark.diagnosis("native-crash")
@pytest.mark.parametrize("name", VIOLENT)
def test_a_violent_end_loses_no_ended_span_and_reports_the_open_ones(theatre: Theatre, name: str) -> None:
    spans = theatre.spans(name)
    ended = [one.attributes["number"] for one in spans if one.record.name == "ended"]
    assert sorted(ended) == list(range(SPANS))
    cut = {one.record.name: one for one in spans if one.attributes.get("clientobs.interrupted")}
    assert set(cut) == {"outer", "inner"}
    assert cut["inner"].record.parent_span_id == cut["outer"].record.span_id
    for one in cut.values():
        assert one.record.status.code == 2
        assert one.record.end_time_unix_nano >= one.record.start_time_unix_nano
        assert one.attributes["production.shot"] == "sq010_sh020"
    assert_under_original_identity(theatre, name)


@pytest.mark.parametrize("name", CRASHES)
def test_a_fatal_signal_is_told_as_a_crash_once(theatre: Theatre, name: str) -> None:
    (end,) = theatre.events(name, "session.end")
    (crash,) = theatre.events(name, "app.crash")
    assert end.attributes["session.status"] == "crashed"
    assert crash.attributes["exception.type"] == CRASHES[name]


@pytest.mark.parametrize("name", sorted(VIOLENT.keys() - CRASHES.keys()))
def test_a_violent_end_without_evidence_is_never_told_as_a_crash(theatre: Theatre, name: str) -> None:
    (end,) = theatre.events(name, "session.end")
    # Linux 6.15 tells the exit status, where the drain met the host in time.
    if end.attributes["session.evidence"] == "exit status 0":
        assert (name, end.attributes["session.status"]) == ("exit-in-c", "exited")
    else:
        assert end.attributes["session.status"] in {"unknown", "abnormal"}
    assert theatre.events(name, "app.crash") == []


@pytest.mark.diagnosis("clean-exit")
@pytest.mark.parametrize("name", [*CLEAN, *CHILDREN])
def test_a_clean_end_is_told_once_as_exited_and_interrupts_nothing(theatre: Theatre, name: str) -> None:
    ends = theatre.events(name, "session.end")
    assert [end.attributes["session.status"] for end in ends].count("exited") == len(ends)
    assert [one for one in theatre.spans(name) if one.attributes.get("clientobs.interrupted")] == []
    assert theatre.events(name, "app.crash") == []
    mine = [end for end in ends if end.attributes["session.id"] == theatre.identity[name]["session"]]
    assert len(mine) == 1
    if name in CLEAN:
        assert len(ends) == 1
        assert [one.record.name for one in theatre.spans(name)] == ["work"]
        assert_under_original_identity(theatre, name)


@pytest.mark.parametrize("name", CHILDREN)
def test_what_multiprocessing_children_record_arrives(theatre: Theatre, name: str) -> None:
    spans = theatre.spans(name)
    processes = [one.record for one in spans if "process.launcher" in one.attributes]
    written = [one.record for one in spans if "process.launcher" not in one.attributes]
    assert sorted(one.name for one in written) == ["child", "child", "parent"]
    assert {one.parent_span_id for one in written if one.name == "child"} <= {
        one.span_id for one in processes
    }
    sessions = {one.attributes["session.id"] for one in spans}
    ends = theatre.events(name, "session.end")
    assert {end.attributes["session.id"] for end in ends} == sessions
    assert len(ends) == len(sessions)


def assert_under_original_identity(theatre: Theatre, name: str) -> None:
    identity = theatre.identity[name]
    everything: list[Any] = [*theatre.spans(name), *theatre.events(name, "session.end")]
    assert {one.resource["service.instance.id"] for one in everything} == {identity["run"]}
    assert {one.attributes["session.id"] for one in everything} == {identity["session"]}
