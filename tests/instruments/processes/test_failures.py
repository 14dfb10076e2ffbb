"""What is told of a child that failed: why, in its own words, where it was searched, who ended it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.errors import ConfigError
from clientobs.instruments.processes import expected_exit, memory
from instruments.processes.conftest import python

if TYPE_CHECKING:
    from collections.abc import Callable

    from instruments.processes.conftest import Family

if sys.platform != "win32":
    import resource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs /bin/true, counts memory as Linux does")

NAME = os.path.basename(sys.executable)
FAILS = "import sys; print('frame 1'); print(\"Unknown encoder 'libx265'\", file=sys.stderr); sys.exit(1)"


def read_by_run() -> None:
    subprocess.run(python(FAILS), capture_output=True, check=False)


def read_by_check_output() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.check_output(python(FAILS), stderr=subprocess.STDOUT, text=True)


def read_line_by_line() -> None:
    with subprocess.Popen(python(FAILS), stdout=-1, stderr=subprocess.STDOUT, text=True) as popen:
        assert popen.stdout is not None
        assert list(popen.stdout)


def read_after_the_wait() -> None:
    popen = subprocess.Popen(python(FAILS), stdout=-1, stderr=-1)
    popen.wait()
    assert popen.stdout is not None
    assert popen.stderr is not None
    popen.stdout.close()
    assert popen.stderr.read()
    popen.stderr.close()


def read_without_a_buffer() -> None:
    popen = subprocess.Popen(python(FAILS), stderr=-1, bufsize=0)
    popen.communicate()


@pytest.mark.parametrize(
    "read",
    [read_by_run, read_by_check_output, read_line_by_line, read_after_the_wait, read_without_a_buffer],
    ids=lambda read: read.__name__,
)
def test_the_last_words_are_those_that_the_program_has_read(read: Callable[[], None], family: Family) -> None:
    read()
    (failure,) = family.failures()
    assert failure.body.startswith(f"{NAME} ended with code 1 after ")
    assert failure.body.endswith(" ms: Unknown encoder 'libx265'") or " s: Unknown" in failure.body
    words = failure.attributes.get("process.stderr.end") or failure.attributes["process.stdout.end"]
    assert "Unknown encoder 'libx265'" in words.splitlines()
    assert failure.attributes["error.type"] == "exit 1"


def test_what_the_program_does_not_read_nobody_reads(family: Family) -> None:
    popen = subprocess.Popen(python(FAILS), stdout=-1, stderr=-1)
    popen.wait()
    assert popen.stdout is not None
    assert popen.stderr is not None
    popen.stdout.close()
    popen.stderr.close()
    (failure,) = family.failures()
    assert "process.stderr.end" not in failure.attributes


def test_the_event_is_tied_to_the_child_and_to_the_production_context(family: Family) -> None:
    with clientobs.context(shot="sh020"), clientobs.span("publish"):
        read_by_run()
    found = family.recorded()
    (failure,) = found.events("process.failed")
    assert failure.span_id == found.span(NAME).span_id
    assert found.span(NAME).status == 2
    placed = next(one for one in found.placed if one.record is failure)
    assert placed.production["production.shot"] == "sh020"


def test_bytes_through_pipes_are_counted_once(family: Family) -> None:
    echo = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data * 2); sys.stderr.write('x' * 7)"
    data = bytes(300_000)
    subprocess.run(python(echo), input=data, capture_output=True, check=True)
    with subprocess.Popen(python(echo), stdin=-1, stdout=-1, stderr=-1) as popen:
        assert popen.stdin is not None
        assert popen.stdout is not None
        popen.stdin.write(data[:1_000])
        popen.stdin.close()
        assert len(popen.stdout.read()) == 2_000
    sizes = [
        tuple(span.attributes.get(f"process.{name}.size") for name in ("stdin", "stdout", "stderr"))
        for span in family.recorded().spans
    ]
    assert sizes == [(300_000, 600_000, 7), (1_000, 2_000, None)]


def test_only_the_end_of_much_output_is_kept(family: Family) -> None:
    much = "import sys; sys.stderr.write('noise ' * 10**6 + '\\n' + 'Error: the last\\n'); sys.exit(2)"
    subprocess.run(python(much), stderr=-1, check=False)
    (failure,) = family.failures()
    assert failure.attributes["process.stderr.end"].endswith("Error: the last")
    assert len(failure.attributes["process.stderr.end"]) <= 8_192


def test_a_missing_program_names_the_path_searched_and_the_caller(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/opt/studio/bin:/usr/bin")

    def convert_plate() -> None:
        subprocess.run(["oiiotool-9", "in.exr"], check=False)

    with pytest.raises(FileNotFoundError) as caught:
        convert_plate()
    assert caught.value.filename == "oiiotool-9"
    assert str(caught.value) == "[Errno 2] No such file or directory: 'oiiotool-9'"
    (failure,) = family.failures()
    assert "oiiotool-9 could not be started: it is not on PATH (/opt/studio/bin:/usr/bin)" in failure.body
    assert "convert_plate (test_failures.py:" in failure.body
    facts = failure.attributes
    assert facts["process.search_path"] == "/opt/studio/bin:/usr/bin"
    assert facts["code.function.name"].endswith("convert_plate")
    assert facts["code.file.path"] == __file__
    assert facts["process.outcome"] == "not_started"


def test_the_path_of_the_caller_s_own_environment_is_the_one_that_was_searched(family: Family) -> None:
    with pytest.raises(FileNotFoundError):
        subprocess.run(["oiiotool-9"], env={"PATH": "/studio/only"}, check=False)
    (failure,) = family.failures()
    assert failure.attributes["process.search_path"] == "/studio/only"


@pytest.mark.parametrize(
    ("command", "settings", "said"),
    [
        (["/opt/none/ffmpeg"], {}, "/opt/none/ffmpeg is not there"),
        (["/bin/true"], {"cwd": "/opt/none"}, "its working directory /opt/none is not there"),
        (["/etc/passwd"], {}, "/etc/passwd is not executable (mode 0644)"),
    ],
)
def test_a_launch_that_fails_says_why(
    family: Family, command: list[str], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(OSError, match="Errno"):
        subprocess.run(command, check=False, **settings)
    (failure,) = family.failures()
    assert said in failure.body


def test_python_s_own_search_for_programs_is_no_failure(family: Family) -> None:
    source = "import subprocess\ntry: subprocess.run(['no-such-gcc'])\nexcept OSError: pass\nsubprocess.run(['false'])"
    exec(compile(source, "util.py", "exec"), {"__name__": "ctypes.util"})
    found = family.recorded()
    assert not found.events("process.failed")
    assert {span.attributes["process.outcome"] for span in found.spans} == {"not_started", "expected"}


def test_a_wrong_argument_is_the_exception_s_to_tell(family: Family) -> None:
    with pytest.raises(TypeError):
        subprocess.run([object()], check=False)  # type: ignore[list-item]
    assert not family.failures()


def more_than_ours() -> int:
    """Return more bytes than this process has ever had: what a child's peak must exceed to be told."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + (64 << 20)


def test_a_child_killed_by_a_signal_says_which_and_whether_memory_was_short(family: Family) -> None:
    size = more_than_ours()
    child = f"import os, signal; x = b'x' * {size}; os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run(python(child), check=False)
    (failure,) = family.failures()
    facts = failure.attributes
    assert (facts["process.exit.code"], facts["process.exit.signal"]) == (-9, "SIGKILL")
    assert facts["process.used.memory"] > size
    assert 0 < facts["machine.memory.available"] <= facts["machine.memory.total"]
    assert facts["machine.memory.short"] is False
    assert f"{NAME} was killed by SIGKILL after" in failure.body
    assert "memory was not short (it had used " in failure.body


def test_a_kill_for_memory_is_told_as_the_kernel_s(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of the kernel's kills is the one thing that no test can bring about on a machine of others."""
    monkeypatch.setattr(
        "clientobs.instruments.processes.telling.kernel_kills", lambda: memory.kernel_kills() + 1
    )
    subprocess.run(python("import os; os.kill(os.getpid(), 9)"), check=False)
    (failure,) = family.failures()
    assert failure.attributes["process.exit.sender"] == "kernel"
    assert failure.attributes["machine.memory.short"] is True
    assert "was killed by SIGKILL after" in failure.body
    assert "by the kernel, for lack of memory" in failure.body


def test_a_child_that_is_killed_for_its_time_limit_says_so(family: Family) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(python("import time; time.sleep(60)"), timeout=0.3, check=False)
    (failure,) = family.failures()
    assert failure.attributes["process.timeout"] == 0.3
    assert failure.body == f"{NAME} did not end within 0.3 s, and this program ended it by SIGKILL"


def test_a_wait_in_steps_is_no_time_limit(family: Family) -> None:
    popen = subprocess.Popen(python("import sys; sys.stdin.read()"), stdin=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        popen.wait(timeout=0.01)
    popen.communicate()
    facts = family.child(NAME).attributes
    assert facts["process.outcome"] == "ok"
    assert "process.timeout" not in facts


def test_a_code_that_the_caller_has_said_it_handles_is_told_and_no_failure(family: Family) -> None:
    with expected_exit(1):
        done = subprocess.run(["grep", "-q", "nothing", "/etc/hostname"], check=False)
    assert done.returncode == 1
    found = family.recorded()
    assert found.span("grep").attributes["process.outcome"] == "expected"
    assert found.span("grep").attributes["process.exit.code"] == 1
    assert found.span("grep").status == 0
    assert not found.events("process.failed")


def test_only_that_code_only_in_that_block_and_only_what_was_said(start: Callable[..., Family]) -> None:
    family = start(expected=["grep=1", "sh*=3-5,SIGTERM"])
    for command in (
        ["grep", "-q", "nothing", "/etc/hostname"],
        ["sh", "-c", "exit 4"],
        ["sh", "-c", "kill $$"],
    ):
        subprocess.run(command, check=False)
    with expected_exit(1):
        subprocess.run(["grep", "-q", "x", "/nonexistent"], stderr=-1, check=False)
    subprocess.run(["false"], check=False)
    outcomes = [(span.name, span.attributes["process.outcome"]) for span in family.recorded().spans]
    assert outcomes == [
        ("grep", "expected"),
        ("sh", "expected"),
        ("sh", "expected"),
        ("grep", "failed"),
        ("false", "failed"),
    ]


def fail(words: str = "no licence", code: int = 1) -> None:
    subprocess.run(["sh", "-c", "echo $1 >&2; exit $2", "sh", words, str(code)], stderr=-1, check=False)


def test_equal_failures_below_one_span_are_told_once_and_counted_on_it(family: Family) -> None:
    with clientobs.span("render"):
        for _ in range(5):
            fail()
    found = family.recorded()
    (failure,) = found.events("process.failed")
    assert failure.body.endswith(": no licence")
    assert failure.attributes["process.stderr.end"] == "no licence"
    assert found.span("render").attributes["process.failures"] == ["5 x sh, exit 1: no licence"]
    children = [span for span in found.spans if span.name == "sh"]
    assert [span.status for span in children] == [2] * 5
    assert ["process.stderr.end" in span.attributes for span in children] == [True, *[False] * 4]


def test_failures_that_differ_in_anything_are_told_each(family: Family) -> None:
    with clientobs.span("render"):
        fail()
        fail(code=2)
        fail("no memory")
        subprocess.run(["false"], check=False)
    with clientobs.span("render again"):
        fail()
    fail()
    fail()
    found = family.recorded()
    assert len(found.events("process.failed")) == 7
    assert all("process.failures" not in span.attributes for span in found.spans)


def test_a_program_that_is_missed_in_a_loop_is_told_once(family: Family) -> None:
    with clientobs.span("convert"):
        for _ in range(3):
            with pytest.raises(FileNotFoundError):
                subprocess.run(["/opt/none/oiiotool"], check=False)
    found = family.recorded()
    assert len(found.events("process.failed")) == 1
    assert found.span("convert").attributes["process.failures"] == [
        "3 x oiiotool, not started: /opt/none/oiiotool is not there"
    ]


def test_what_is_folded_is_bounded(family: Family) -> None:
    with clientobs.span("render"):
        for number in range(20):
            fail(f"frame {number}")
            fail(f"frame {number}")
    found = family.recorded()
    assert len(found.span("render").attributes["process.failures"]) == 16
    assert len(found.events("process.failed")) == 16 + 2 * 4


@pytest.mark.parametrize("code", ["1", "SIGNONE", True, None, 1.0])
def test_an_exit_code_that_is_none_is_refused(code: Any) -> None:
    with pytest.raises(ConfigError, match="expected_exit"):
        expected_exit(code)


def test_failures_and_launches_are_counted_by_program_and_outcome(family: Family) -> None:
    for command in ("true", "true", "false"):
        subprocess.run([command], check=False)
    totals: dict[tuple[str, ...], int] = {}
    for record in family.recorded().metrics:  # deltas: the keeper may have collected in between
        for _, name, _, _, _, _, series in record.metrics:
            for attributes, value, *_ in series:
                key = (name, *sorted(map(str, attributes.values())))
                totals[key] = totals.get(key, 0) + (value[0] if isinstance(value, tuple) else value)
    assert totals["process.child.launches", "true"] == 2
    assert totals["process.child.failures", "failed", "false"] == 1
    assert totals["process.child.duration", "ok", "true"] == 2


def test_what_was_read_before_a_time_limit_is_not_counted_again_after_it(family: Family) -> None:
    child = "import sys; sys.stdout.write('x' * 50); sys.stdout.flush(); import time; time.sleep(60)"
    popen = subprocess.Popen(python(child), stdin=-1, stdout=-1, stderr=-1)
    seen = 0
    while not seen:
        with pytest.raises(subprocess.TimeoutExpired) as caught:
            popen.communicate(timeout=0.05)
        seen = len(caught.value.stdout or b"")
    os.kill(popen.pid, signal.SIGKILL)
    popen.communicate()
    assert family.child(NAME).attributes["process.stdout.size"] == 50
