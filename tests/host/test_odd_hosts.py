"""Hosts that are not an ordinary interpreter: no stdout, no argv, poisoned modules, other exits."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs.journal.format import Kind
from support.programs import answer_of, run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

START = "import clientobs; runtime = clientobs.init('tool'); assert runtime.running, runtime.reason\n"


@pytest.mark.parametrize(
    "oddity",
    [
        "sys.stdout = sys.stderr = sys.stdin = None",
        "class Pane:\n write = flush = lambda *text: None\nsys.stdout = sys.stderr = sys.stdin = Pane()",
        "del sys.argv",
        "sys.executable = ''",
        "sys.executable = None",
        "sys.executable = '/opt/dcc/bin/maya.bin'",
        "os.environ.pop('HOME', None); os.environ.pop('PATH', None)",
        "import threading; threading.stack_size(256 * 1024)",
        "os.chdir('/'); os.umask(0o777)",
        "sys.setrecursionlimit(120)",
    ],
)
def test_clientobs_records_in_an_odd_host(oddity: str, home: Path) -> None:
    done = run_program(f"import os, sys\n{oddity}\n{START}with clientobs.span('work'): pass\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert seen(home).span("work").end_ns > 0


@pytest.mark.parametrize(
    "poison",
    ["typing_extensions", "opentelemetry", "opentelemetry.sdk.trace", "opentelemetry.sdk.resources"],
)
def test_unusable_opentelemetry_makes_a_no_op_that_says_why(poison: str, tmp_path: Path) -> None:
    package = tmp_path / "bundled"
    path = package.joinpath(*poison.split("."))
    path.mkdir(parents=True)
    (path / "__init__.py").write_text("raise RuntimeError('bundled with the host, 2014')\n")
    answer = (
        answer_of(
            """
        import json, sys
        sys.path.insert(0, sys.argv[1])
        import clientobs
        runtime = clientobs.init("tool")
        with clientobs.span("work") as span:
            span.set_attribute("a", 1)
        clientobs.event("e"); clientobs.counter("c").add(1); clientobs.set_context(shot="x")
        print(json.dumps([runtime.running, runtime.reason]))
        """,
            str(package) if poison in ("typing_extensions", "opentelemetry") else "",
            environ={},
        )
        if poison in ("typing_extensions", "opentelemetry")
        else answer_of(
            """
        import json, sys
        sys.modules[sys.argv[1]] = None
        import clientobs
        runtime = clientobs.init("tool")
        with clientobs.span("work") as span:
            span.set_attribute("a", 1)
        print(json.dumps([runtime.running, runtime.reason]))
        """,
            poison,
        )
    )
    assert answer[0] is False
    assert "OpenTelemetry cannot be imported" in answer[1]


@pytest.mark.skipif(sys.platform != "linux", reason="Windows has no exec that replaces, macOS no /bin/true")
@pytest.mark.parametrize(
    ("leave", "code", "evidence"),
    [
        ("pass", 0, "atexit"),
        ("sys.exit(3)", 3, "atexit"),
        ("os._exit(4)", 4, "os._exit 4"),
        ("os.execv('/bin/true', ['true'])", 0, "exec true"),
        ("os.execvp('true', ['true'])", 0, "exec true"),
        ("os.execlpe('true', 'true', {})", 0, "exec true"),
    ],
)
def test_every_way_out_is_a_clean_end(leave: str, code: int, evidence: str, home: Path) -> None:
    done = run_program(f"import os, sys\n{START}with clientobs.span('work'): pass\n{leave}\n")
    assert done.returncode == code, done.stderr
    records = seen(home)
    (end,) = records.events("session.end")
    assert end.attributes["session.status"] == "exited"
    assert end.attributes["session.evidence"] == evidence
    assert records.notes("closed")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no exec that replaces")
def test_an_exec_that_fails_leaves_the_host_recording(home: Path) -> None:
    done = run_program(f"""
import os
{START}
try:
    os.execv('/nonexistent/program', ['program'])
except FileNotFoundError:
    pass
with clientobs.span('after'):
    pass
""")
    assert done.returncode == 0, done.stderr
    assert seen(home).span("after").end_ns > 0


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_kill_9_loses_no_ended_span_and_reports_the_open_ones(home: Path) -> None:
    done = run_program(f"""
import os, signal
{START}
for number in range(500):
    with clientobs.span('ended', number=number):
        pass
with clientobs.span('open'):
    os.kill(os.getpid(), signal.SIGKILL)
""")
    assert done.returncode == -signal.SIGKILL
    records = seen(home)
    assert [span.attributes["number"] for span in records.spans] == list(range(500))
    ended = {span.span_id for span in records.spans}
    started = {one.record.span_id: one.record for one in records.of(Kind.SPAN_STARTED)}
    assert [started[key].name for key in started.keys() - ended] == ["open"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_has_a_run_of_its_own_and_a_clean_end(home: Path) -> None:
    done = run_program(f"""
import multiprocessing, os
{START}
def work():
    with clientobs.span('child'):
        pass
if __name__ == '__main__':
    with clientobs.span('parent'):
        process = multiprocessing.get_context('fork').Process(target=work)
        process.start()
        process.join()
        assert process.exitcode == 0
""")
    assert done.returncode == 0, done.stderr
    records = seen(home)
    placed = {one.record.name: one for one in records.of(Kind.SPAN_ENDED)}
    assert placed["child"].header.run != placed["parent"].header.run
    assert placed["child"].header.role == "child"
    (process,) = [one.record for one in placed.values() if "process.launcher" in one.record.attributes]
    assert placed["child"].record.parent_id == process.span_id
    assert process.parent_id == placed["parent"].record.span_id
    assert len(records.events("session.end")) == 1
    assert len(records.notes("closed")) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_that_records_nothing_leaves_nothing(home: Path) -> None:
    done = run_program(f"""
import os
{START}
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
""")
    assert done.returncode == 0, done.stderr
    assert len([path for path in (home / "v1").iterdir() if path.is_dir()]) == 1


def test_reload_and_a_second_init_are_safe(home: Path) -> None:
    done = run_program(f"""
import importlib
{START}
importlib.reload(clientobs)
again = clientobs.init('other-tool', version='2')
assert again is runtime, (again, runtime)
with clientobs.span('work'):
    pass
""")
    assert done.returncode == 0, done.stderr
    records = seen(home)
    assert len(records.events("clientobs.init.repeated")) == 1
    assert len(records.events("session.start")) == 1


def test_two_tools_keep_their_names(home: Path, tmp_path: Path) -> None:
    for name in ("publisher", "loader"):
        (tmp_path / f"{name}.py").write_text(
            "import clientobs\n"
            f"clientobs.init('{name}-tool', version='{len(name)}')\n"
            f"def work():\n    with clientobs.span('{name}.work'):\n        shared.step()\n"
            "import shared\n"
        )
    (tmp_path / "shared.py").write_text(
        "import clientobs\ndef step():\n    with clientobs.span('step'):\n        pass\n"
    )
    done = run_program(
        "import sys; sys.path.insert(0, sys.argv[1]); import publisher, loader; publisher.work(); loader.work()",
        str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    records = seen(home)
    assert records.context_of("publisher.work")["tool.name"] == "publisher-tool"
    assert records.context_of("loader.work")["tool.name"] == "loader-tool"
    steps = [one.production["tool.name"] for one in records.of(Kind.SPAN_ENDED) if one.record.name == "step"]
    assert steps == ["publisher-tool", "loader-tool"]


def test_a_read_only_and_a_missing_home_never_stop_the_host(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / "file").write_text("")
    answer = answer_of(
        """
        import json, os, clientobs
        runtime = clientobs.init("tool")
        with clientobs.span("work"):
            pass
        print(json.dumps([runtime.running, runtime.home]))
        """,
        environ={
            "CLIENTOBS_HOME": str(locked / "file" / "home"),
            "XDG_STATE_HOME": str(tmp_path / "state"),
        },
    )
    assert answer == [True, str(tmp_path / "state" / "clientobs")]


@pytest.mark.skipif(sys.platform != "linux", reason="names the Linux way of asking for open descriptors")
def test_nothing_is_left_open_after_shutdown() -> None:
    answer = answer_of(f"""
import json, os, threading, time
def opened():
    return sorted(os.path.realpath('/proc/self/fd/' + name) for name in os.listdir('/proc/self/fd'))
before = opened()
exits = os._exit
{START}
with clientobs.span('x'): pass
clientobs.shutdown()
deadline = time.monotonic() + 20  # the keeper, which nobody waits for, may be in the middle of a chore
while threading.active_count() > 1 and time.monotonic() < deadline:
    time.sleep(0.01)
print(json.dumps([[path for path in opened() if path not in before], os._exit is exits]))
""")
    assert answer == [[], True]
    assert os.name == "posix"
