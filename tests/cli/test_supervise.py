"""`clientobs run --farm` and `--dcc`: the command can't tell, and its end is known, whatever it is written in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from clientobs.journal.format import Kind
from support.readback import seen
from support.workstation import Workstation, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fork, signals and descriptors are POSIX")

TRACE, SPAN = "a" * 32, "b" * 16
TASK = {
    "TRACEPARENT": f"00-{TRACE}-{SPAN}-01",
    "BAGGAGE": "production.shot=sh020",
    "TR_ENV_JID": "12",
    "TR_ENV_TID": "3",
}
ICON = {"TRACEPARENT": f"00-{TRACE}-{SPAN}-01"}
"""The environment of what a launcher's icon starts."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path, CLIENTOBS_DRAIN="off") as made:
        yield made


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "clientobs.cli.main", "run", *words]


def run(
    desk: Workstation, *words: str, environ: Mapping[str, str] = TASK, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    more = {"capture_output": True, **more}
    return subprocess.run(
        command(*words), env={**desk.environ, **environ}, cwd=desk.folder, timeout=60, check=False, **more
    )


def start(
    desk: Workstation, *words: str, environ: Mapping[str, str] = TASK, **more: Any
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(*words), env={**desk.environ, **environ}, stdout=subprocess.PIPE, cwd=desk.folder, **more
    )


def only(desk: Workstation, name: str) -> Any:
    """Return the one ended span of that name, with its context."""
    (found,) = [one for one in seen(desk.home).of(Kind.SPAN_ENDED) if one.record.name == name]
    return found


def failure(desk: Workstation, event: str = "process.failed") -> Any:
    (found,) = seen(desk.home).events(event)
    return found


def pythons() -> list[str]:
    found = sorted(Path.home().glob(".pyenv/versions/[23].7*/bin/python"))
    return [str(path) for path in found if subprocess.run([path, "-c", ""], check=False).returncode == 0]


# A task of a farm ------------------------------------------------------------------------------------


def test_a_task_has_its_own_trace_linked_to_the_submission_and_the_farms_attributes(
    desk: Workstation,
) -> None:
    done = run(desk, "--farm", "--last-words", "--", "sh", "-c", "echo 'Error: no licence' >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"Error: no licence\n")
    task = only(desk, "farm task")
    assert task.record.parent_id == 0
    assert [f"{link.trace_id:032x}" for link in task.record.links] == [TRACE]
    assert f"{task.record.trace_id:032x}" != TRACE
    expected = {"farm.name": "tractor", "farm.job.id": "12", "farm.task.id": "3", "production.shot": "sh020"}
    assert expected.items() <= task.production.items()
    assert task.record.status_message.endswith(": Error: no licence")
    event = failure(desk)
    assert event.trace_id == task.record.trace_id
    assert event.body.endswith(": Error: no licence")
    (begun,) = seen(desk.home).events("session.start")
    assert begun.attributes["session.kind"] == "farm"


def test_a_command_without_python_gets_its_arguments_streams_and_code_as_they_are(desk: Workstation) -> None:
    script = 'printf "%s|" "$@"; cat; echo oops >&2; exit 37'
    words = ["two words", "", "--farm", "é"]
    for options in (["--farm"], ["--farm", "--last-words"], ["--dcc", "tool"]):
        done = run(desk, *options, "--", "sh", "-c", script, "sh", *words, input="über".encode())
        assert (done.returncode, done.stderr) == (37, b"oops\n")
        assert done.stdout == ("|".join(words) + "|über").encode()


@pytest.mark.skipif(not pythons(), reason="no Python older than 3.8 (2.7, 3.7) is installed here")
@pytest.mark.parametrize("options", [["--farm"], ["--dcc", "maya"]])
def test_an_older_python_runs_as_if_we_were_not_there(desk: Workstation, options: list[str]) -> None:
    code = "import sys; print(sys.argv[1:]); print(sys.stdin.read()); sys.stderr.write('old'); sys.exit(4)"
    for python in pythons():
        done = run(desk, *options, "--", python, "-c", code, "a b", "--", input=b"in")
        bare = subprocess.run(
            [python, "-c", code, "a b", "--"], input=b"in", capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (4, bare.stdout, bare.stderr), python


def test_what_a_task_starts_is_in_its_trace(desk: Workstation) -> None:
    program = """
        import clientobs
        clientobs.init("render")
        with clientobs.span("frame"):
            pass
    """
    (desk.folder / "render.py").write_text(textwrap.dedent(program))
    assert run(desk, "--farm", "--", sys.executable, "render.py").returncode == 0
    task, frame = only(desk, "farm task"), only(desk, "frame")
    assert frame.record.trace_id == task.record.trace_id
    assert not frame.record.links
    assert frame.production["farm.task.id"] == "3"
    assert [one.attributes["session.kind"] for one in seen(desk.home).events("session.start")] == ["farm"] * 2


def test_streams_are_the_callers_own_unless_words_are_asked_for(desk: Workstation) -> None:
    code = "import os; print([os.fstat(fd).st_ino for fd in (0, 1, 2)])"
    plain = [sys.executable, "-S", "-c", code]
    for options in (["--farm"], ["--farm", "--last-words"]):
        with subprocess.Popen(
            command(*options, "--", *plain),
            env={**desk.environ, **TASK}, cwd=desk.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as child:  # fmt: skip
            assert child.stdout is not None
            assert child.stderr is not None
            mine = [os.fstat(stream.fileno()).st_ino for stream in (child.stdout, child.stderr)]
            told = [int(number) for number in child.stdout.read().strip(b"[]\n").split(b",")]
        assert (told[1:] == mine) is (options == ["--farm"])
        assert told[0] == os.stat(os.devnull).st_ino


def test_a_log_file_is_read_where_the_task_has_written_to_it(desk: Workstation) -> None:
    log = desk.folder / "task.log"
    log.write_text("Error: of yesterday\n")
    with log.open("ab") as stream:
        done = run(
            desk, "--farm", "--", "sh", "-c", "echo 'Error: of today' >&2; exit 1",
            capture_output=False, stdout=stream, stderr=stream,
        )  # fmt: skip
    assert done.returncode == 1
    assert log.read_text() == "Error: of yesterday\nError: of today\n"
    event = failure(desk)
    assert event.body.endswith("Error: of today")
    assert "yesterday" not in str(event.attributes)


def test_two_streams_into_one_pipe_keep_their_order(desk: Workstation) -> None:
    script = "for n in 1 2 3 4 5 6 7 8 9; do echo out $n; echo err $n >&2; done"
    done = run(
        desk, "--farm", "--last-words", "--", "sh", "-c", script,
        capture_output=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.stdout.decode() == "".join(f"out {n}\nerr {n}\n" for n in range(1, 10))


def test_megabytes_pass_through_whole(desk: Workstation) -> None:
    code = "import sys; sys.stdout.buffer.write(b'x' * 30_000_000); sys.exit(1)"
    done = run(desk, "--farm", "--last-words", "--", sys.executable, "-S", "-c", code)
    assert (done.returncode, len(done.stdout)) == (1, 30_000_000)
    assert len(str(failure(desk).attributes["process.stdout.end"])) <= 8192


def test_what_outlives_the_command_can_still_write(desk: Workstation) -> None:
    script = "exec 3<&0; (read line <&3; echo late) & exit 0"
    with start(desk, "--farm", "--last-words", "--", "sh", "-c", script, stdin=subprocess.PIPE) as child:
        assert child.wait(30) == 0  # though something below it lives on
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"go\n")
        child.stdin.close()
        assert child.stdout.read() == b"late\n"


def test_a_reader_that_leaves_ends_the_command_as_without_us(desk: Workstation) -> None:
    line = " ".join([*command("--farm", "--last-words", "--"), "sh", "-c", "'yes; exit 0'"])
    done = subprocess.run(
        ["sh", "-c", f"{line} | head -1"],
        env={**desk.environ, **TASK}, capture_output=True, timeout=60, check=True, cwd=desk.folder,
    )  # fmt: skip
    assert done.stdout == b"y\n"


READY = "import signal, sys, time; {}; print('ready', flush=True); time.sleep(60)"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_a_signal_to_us_is_one_to_the_command_and_no_failure(desk: Workstation, name: str) -> None:
    number = signal.Signals[name]
    code = READY.format(f"signal.signal({int(number)}, signal.SIG_DFL)")
    with start(desk, "--farm", "--", sys.executable, "-S", "-c", code, start_new_session=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(number)
        assert child.wait(30) == -number
    assert only(desk, "farm task").record.attributes["tool.outcome"] == "cancelled"
    assert seen(desk.home).events("process.failed") == []


def test_a_command_that_handles_the_signal_decides(desk: Workstation) -> None:
    code = READY.format(f"signal.signal({int(signal.SIGTERM)}, lambda *_: sys.exit(9))")
    with start(desk, "--farm", "--", sys.executable, "-S", "-c", code) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.terminate()
        assert child.wait(30) == 9


def test_signals_that_the_caller_ignores_stay_ignored(desk: Workstation) -> None:
    code = "import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"
    hup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(desk, "--farm", "--", sys.executable, "-S", "-c", code).stdout == b"True\n"
    finally:
        signal.signal(signal.SIGHUP, hup)
    code = "import signal; print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)"
    assert run(desk, "--farm", "--", sys.executable, "-S", "-c", code).stdout == b"True\n"


def test_a_command_killed_by_a_signal_is_told_and_ends_us_likewise(desk: Workstation) -> None:
    assert run(desk, "--farm", "--", "sh", "-c", "kill -SEGV $$").returncode == -signal.SIGSEGV
    assert failure(desk).attributes["process.exit.signal"] == "SIGSEGV"


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux")
def test_the_command_dies_with_us(desk: Workstation) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with start(desk, "--farm", "--", sys.executable, "-S", "-c", code) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        child.kill()
        child.wait(30)
        until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(("name", "code"), [("no-such-command", 127), ("data.txt", 126)])
def test_a_command_that_is_missing_or_not_executable_has_the_shells_code_and_is_told(
    desk: Workstation, name: str, code: int
) -> None:
    (desk.folder / "data.txt").write_text("no program")
    done = run(desk, "--farm", "--", name if code == 127 else f"./{name}")
    assert done.returncode == code
    assert failure(desk).attributes["process.outcome"] == "not_started"
    assert only(desk, "farm task").record.status == 2


def test_with_clientobs_switched_off_the_command_runs_all_the_same(desk: Workstation) -> None:
    for options in (["--farm"], ["--dcc", "maya"]):
        done = run(
            desk, *options, "--", "sh", "-c", "echo out; exit 5", environ={**TASK, "CLIENTOBS_DISABLED": "1"}
        )
        assert (done.returncode, done.stdout, done.stderr) == (5, b"out\n", b"")
    assert not desk.home.exists()


# The launch of an application --------------------------------------------------------------------------


def test_an_application_that_dies_before_its_python_is_told_with_its_last_words(desk: Workstation) -> None:
    words = "error while loading shared libraries: libmaya.so: cannot open shared object file"
    done = run(desk, "--dcc", "maya", "--", "sh", "-c", f"echo '{words}' >&2; exit 127", environ=ICON)
    assert (done.returncode, done.stderr.decode().strip()) == (127, words)
    event, launch = failure(desk, "app.start_failed"), only(desk, "launch maya")
    assert event.body.startswith("maya did not come up: sh ended with code 127 after ")
    assert event.body.endswith(words)
    assert event.attributes["process.exit.code"] == 127
    assert event.attributes["process.stderr.end"] == words
    assert event.attributes["app.launch.duration"] > 0
    assert (event.trace_id, launch.record.status) == (launch.record.trace_id, 2)


def test_an_application_that_is_not_there_is_told_with_the_path_that_was_searched(desk: Workstation) -> None:
    assert run(desk, "--dcc", "maya", "--", "maya2031", environ=ICON).returncode == 127
    event = failure(desk, "app.start_failed")
    assert "maya2031" in event.body
    assert event.attributes["process.search_path"]


APPLICATION = """
    import clientobs, sys
    clientobs.init("application")
    with clientobs.span("open scene"):
        print("up", flush=True)
    sys.stdin.readline()
    sys.exit({code})
"""


def test_the_launch_is_over_when_the_application_is_up_and_the_application_links_to_it(
    desk: Workstation,
) -> None:
    (desk.folder / "maya.py").write_text(textwrap.dedent(APPLICATION.format(code=3)))
    words = ["--dcc", "maya", "--no-span", "--", sys.executable, "maya.py"]
    with start(desk, *words, environ=ICON, stdin=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"up\n"
        until(lambda: [span for span in seen(desk.home).spans if span.name == "launch maya"])
        child.stdin.close()
        assert child.wait(30) == 3
    launch, scene = only(desk, "launch maya"), only(desk, "open scene")
    assert launch.record.parent_id == scene.record.parent_id == 0
    assert [f"{link.trace_id:032x}" for link in launch.record.links] == [TRACE]
    assert [link.trace_id for link in scene.record.links] == [launch.record.trace_id]
    assert scene.record.links[0].attributes["clientobs.link.kind"] == "launcher"
    assert (
        seen(desk.home).events("app.start_failed") == []
    )  # it came up; how it ends is its own session's to say


def test_a_python_of_the_launcher_itself_is_not_the_applications(desk: Workstation) -> None:
    (desk.folder / "rez.py").write_text("import sys; sys.exit('maya-2024 is not resolved')")
    run(desk, "--dcc", "maya", "--", sys.executable, "rez.py", environ=ICON)
    assert "maya-2024 is not resolved" in failure(desk, "app.start_failed").body


@pytest.mark.skipif(not pythons(), reason="no Python older than 3.8 (2.7, 3.7) is installed here")
def test_an_older_python_of_the_application_counts_as_come_up(desk: Workstation) -> None:
    for python in pythons():
        (desk.folder / "maya").unlink(missing_ok=True)
        (desk.folder / "maya").symlink_to(python)
        assert run(desk, "--dcc", "maya", "--", "./maya", "-c", "raise SystemExit(1)").returncode == 1
        assert seen(desk.home).events("app.start_failed") == [], python


def test_the_sign_of_a_launch_is_taken_away(desk: Workstation, tmp_path: Path) -> None:
    folder = tmp_path / "signs"
    folder.mkdir()
    run(desk, "--dcc", "maya", "--", "sh", "-c", "exit 1", environ={"TMPDIR": str(folder)})
    assert list(folder.iterdir()) == []
