"""A program that knows nothing of clientobs leaves a trace under `clientobs run`: real interpreters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clientobs import semconv
from clientobs.cli.main import main
from clientobs.cli.program import program_name
from clientobs.cli.run import environment_for
from clientobs.journal.format import Kind
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clientobs.journal.records import SpanRecord

SOURCE = str(Path(__file__).parents[2] / "src")
ERROR = 2
posix_only = pytest.mark.skipif(os.name != "posix", reason="fork and signals are POSIX")


class Desk:
    """A folder with a user's program in it."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        self.options: dict[str, object] = {}

    def write(self, name: str, source: str) -> None:
        """Write a program."""
        (self.folder / name).write_text(textwrap.dedent(source))

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run this Python with `words` as `clientobs run` would."""
        before = {**os.environ, "PYTHONPATH": SOURCE}
        environ = environment_for(before, span=bool(self.options.get("span", True)))
        return subprocess.run(
            [sys.executable, *words],
            env=environ, cwd=self.folder, capture_output=True, text=True, input=given, timeout=60, check=False,
        )  # fmt: skip

    def span_of(self, source: str, *words: str) -> SpanRecord:
        """Run a program of this source, and return its span."""
        self.write("tool.py", source)
        self.run("tool.py", *words)
        return seen(self.home).span("tool.py")


@pytest.fixture
def desk(tmp_path: Path, home: Path) -> Desk:
    """Return an empty folder to put programs in."""
    return Desk(tmp_path, home)


def _names(desk: Desk) -> list[str]:
    return [span.name for span in seen(desk.home).spans]


def test_a_script_gets_one_span_with_its_command_line_and_exit_code(desk: Desk) -> None:
    span = desk.span_of("print('converted')", "sh0040", "--password", "hunter2")
    assert span.parent_id == 0
    assert span.attributes[semconv.PROCESS_EXIT_CODE] == 0
    assert list(span.attributes[semconv.PROCESS_COMMAND_ARGS])[1:] == [
        "tool.py", "sh0040", "--password", "[redacted]",
    ]  # fmt: skip
    assert semconv.ERROR_TYPE not in span.attributes
    (session,) = {one.header.resource[semconv.SERVICE_NAME] for one in seen(desk.home).placed}
    assert session == "tool"


def test_an_uncaught_exception_fails_the_span_and_is_told_once(desk: Desk) -> None:
    span = desk.span_of("def work():\n    raise ValueError('no such shot')\nwork()")
    assert (span.status, span.attributes[semconv.ERROR_TYPE]) == (ERROR, "ValueError")
    assert span.attributes[semconv.PROCESS_EXIT_CODE] == 1
    assert span.attributes[semconv.TOOL_OUTCOME] == "failed"
    (log,) = seen(desk.home).events(semconv.EXCEPTION)
    assert "in work" in log.attributes[semconv.EXCEPTION_STACKTRACE]


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("import sys; sys.exit(3)", 3, "exit code 3"),
        ("import sys; sys.exit('no such shot')", 1, "exit code 1: no such shot"),
        ("import os; os._exit(4)", 4, "exit code 4"),
        ("import argparse; argparse.ArgumentParser().error('which shot?')", 2, "exit code 2"),
    ],
)
def test_an_exit_with_a_code_fails_the_span(desk: Desk, source: str, code: int, message: str) -> None:
    span = desk.span_of(source)
    assert (span.status, span.status_message) == (ERROR, message)
    assert span.attributes[semconv.PROCESS_EXIT_CODE] == code
    assert span.attributes[semconv.TOOL_OUTCOME] == "failed"


@pytest.mark.parametrize(
    "source",
    [
        "import sys; sys.exit()",
        "import sys\ntry:\n    sys.exit(3)\nexcept SystemExit:\n    pass",
        "import sys, threading\nt = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join()",
        "try:\n    raise SystemExit(3)\nexcept SystemExit:\n    pass",
    ],
)
def test_an_exit_that_did_not_happen_fails_nothing(desk: Desk, source: str) -> None:
    span = desk.span_of(source)
    assert (span.status, span.attributes[semconv.PROCESS_EXIT_CODE]) == (0, 0)


@pytest.mark.parametrize(
    "before",
    ["", "import sys, threading\nt = threading.Thread(target=sys.exit, args=(7,)); t.start(); t.join()"],
)
def test_a_bare_system_exit_has_no_code_rather_than_a_wrong_one(
    desk: Desk, capsys: pytest.CaptureFixture[str], before: str
) -> None:
    span = desk.span_of(f"{before}\nraise SystemExit(3)")
    assert semconv.PROCESS_EXIT_CODE not in span.attributes
    assert span.attributes[semconv.EXIT_WAY] == "SystemExit"
    assert main(["show"]) == 0
    assert "exit code unknown" in capsys.readouterr().out


def test_a_script_that_is_not_there_has_failed(desk: Desk) -> None:
    done = desk.run("moved_away.py")
    span = seen(desk.home).span("moved_away.py")
    assert done.returncode == span.attributes[semconv.PROCESS_EXIT_CODE] == 2
    assert (span.status, span.status_message) == (ERROR, "exit code 2: the script can't be opened")
    assert span.attributes[semconv.EXIT_WAY] == "not_opened"


@posix_only
def test_an_exec_ends_the_span_and_the_next_program_is_below_it(desk: Desk) -> None:
    desk.write("child.py", "pass")
    span = desk.span_of("import os, sys; os.execv(sys.executable, [sys.executable, 'child.py'])")
    assert (span.status, span.attributes[semconv.EXIT_WAY]) == (0, "exec")
    assert seen(desk.home).span("child.py").parent_id == span.span_id


def test_a_module_tells_any_exit_code(desk: Desk) -> None:
    desk.write("tool.py", "raise SystemExit(3)")
    assert desk.run("-Wignore", "-m", "tool", "x").returncode == 3
    span = seen(desk.home).span("tool")
    assert (span.attributes[semconv.PROCESS_EXIT_CODE], span.status_message) == (3, "exit code 3")


@posix_only
def test_an_interrupt_from_the_keyboard_is_no_failure(desk: Desk) -> None:
    # A shell starts what it puts into the background, these tests perhaps, with the signal ignored.
    attentive = "import os, signal, time; signal.signal(signal.SIGINT, signal.default_int_handler)"
    span = desk.span_of(f"{attentive}; os.kill(os.getpid(), signal.SIGINT); time.sleep(30)")
    assert span.attributes[semconv.TOOL_OUTCOME] == "cancelled"
    assert span.attributes[semconv.PROCESS_EXIT_CODE] == -signal.SIGINT
    assert span.status == 0


def test_threads_and_scripts_that_it_starts_are_below_it(desk: Desk) -> None:
    desk.write("child.py", "pass")
    span = desk.span_of(
        """
        import subprocess, sys, threading
        from opentelemetry import trace

        def work():
            with trace.get_tracer("user").start_as_current_span("in_thread"):
                pass

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        subprocess.run([sys.executable, "child.py"], check=True)
        """
    )
    read = seen(desk.home)
    assert read.span("in_thread").parent_id == span.span_id
    assert read.span("child.py").parent_id == span.span_id
    assert {one.trace_id for one in read.spans} == {span.trace_id}


def test_workers_record_under_the_programs_name_and_get_no_span_of_their_own(desk: Desk) -> None:
    desk.span_of(
        """
        import multiprocessing
        from opentelemetry import trace

        def job():
            with trace.get_tracer("user").start_as_current_span("job"):
                pass

        if __name__ == "__main__":
            worker = multiprocessing.get_context("spawn").Process(target=job)
            worker.start()
            worker.join()
        """
    )
    # "python" is the child process as the program that started it saw it.
    assert sorted(_names(desk)) == ["job", "python", "tool.py"]
    assert {one.header.resource[semconv.SERVICE_NAME] for one in seen(desk.home).placed} == {"tool"}


@posix_only
def test_a_forked_child_does_not_end_its_parents_span(desk: Desk) -> None:
    span = desk.span_of(
        """
        import os, sys
        child = os.fork()
        if child == 0:
            sys.exit(9)
        os.waitpid(child, 0)
        """
    )
    assert span.attributes[semconv.PROCESS_EXIT_CODE] == 0


@posix_only
def test_the_span_of_a_killed_program_stays_open_for_the_drain_to_end(desk: Desk) -> None:
    desk.write("tool.py", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert desk.run("tool.py").returncode == -signal.SIGKILL
    started = seen(desk.home).of(Kind.SPAN_STARTED)
    assert {one.record.name for one in started} == {"tool.py"}
    assert _names(desk) == []


def test_two_lines_added_put_their_spans_below_the_programs(desk: Desk) -> None:
    span = desk.span_of("import clientobs\nclientobs.init('mine')\nwith clientobs.span('step'): pass")
    assert seen(desk.home).span("step").parent_id == span.span_id


@pytest.mark.parametrize("words", [("-c", "pass"), ("-i", "tool.py"), ("-",), ()])
def test_prompts_and_workers_get_no_span(desk: Desk, words: tuple[str, ...]) -> None:
    desk.write("tool.py", "pass")
    assert desk.run(*words, given="pass\n").returncode == 0
    assert _names(desk) == []
    assert seen(desk.home).events(semconv.SESSION_START)


def test_no_span_leaves_the_program_to_speak_for_itself(desk: Desk) -> None:
    desk.options["span"] = False
    desk.write("tool.py", "import os; print(os.environ.get('TRACEPARENT'))")
    assert desk.run("tool.py").stdout.split() == ["None"]
    assert _names(desk) == []


def test_a_service_that_somebody_named_keeps_its_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "named")
    desk.span_of("pass")
    assert {one.header.resource[semconv.SERVICE_NAME] for one in seen(desk.home).placed} == {"named"}


def test_sys_exit_is_the_hosts_own_again_after_shutdown(desk: Desk) -> None:
    desk.write(
        "tool.py",
        "import clientobs, sys\nwrapped = sys.exit\nclientobs.shutdown()\n"
        "print(hasattr(wrapped, '__wrapped__'), sys.exit is wrapped.__wrapped__)",
    )
    done = desk.run("tool.py")
    assert (done.stdout.split(), done.stderr) == (["True", "True"], "")
    assert semconv.PROCESS_EXIT_CODE not in seen(desk.home).span("tool.py").attributes


@pytest.mark.parametrize(
    ("argv", "original", "name"),
    [
        (["/show/bin/publish.py"], [], "publish.py"),
        (["/venv/bin/pytest"], [], "pytest"),
        (["/show/app/__main__.py"], [], "app"),
        (["-m", "x"], ["python", "-X", "dev", "-m", "show.publish", "x"], "show.publish"),
        (["-m"], ["python", "-Xdev", "-sm", "publish"], "publish"),
        (["-m"], ["python", "--check-hash-based-pycs", "never", "-mpublish"], "publish"),
        (["-m"], ["python", "-m", "pip", "install", "x"], None),
        (["-m"], ["python", "-m", "pip._internal"], None),
        (["/venv/bin/pip3.11"], [], None),
        (["C:/venv/Scripts/pip-script.py"], [], None),
        (["/x/_in_process.py"], [], None),
        (["-m"], ["python", "-m", "ipykernel_launcher"], None),
        (["-c"], ["python", "-c", "pass"], None),
        (["-"], ["python", "-"], None),
        ([""], ["python"], None),
        ([], [], None),
    ],
)
def test_what_is_worth_a_trace_is_told_by_the_command_line(
    argv: Sequence[str], original: Sequence[str], name: str | None
) -> None:
    assert program_name(argv, original) == name


def test_what_a_program_says_of_itself_holds_from_there_on(desk: Desk) -> None:
    program = """
        import clientobs
        runtime = clientobs.init("publisher", version="1.4", environment="staging")
        with clientobs.span("step"): pass
        clientobs.init("another")
        print(runtime.config.service.name)
    """
    desk.write("tool.py", program)
    assert desk.run("tool.py").stdout == "publisher\n"
    found = seen(desk.home)
    resources = {one.record.name: one.header.resource for one in found.of(Kind.SPAN_ENDED)}
    for name in ("step", "tool.py"):
        assert resources[name]["service.name"] == "publisher"
        assert resources[name]["service.version"] == "1.4"
        assert resources[name]["deployment.environment.name"] == "staging"
    assert len({resource["service.instance.id"] for resource in resources.values()}) == 1
    assert found.context_of("step")["tool.name"] == "publisher"
    assert found.context_of("step")["tool.version"] == "1.4"
    assert [event.attributes["tool.name"] for event in found.events("clientobs.init.repeated")] == ["another"]
