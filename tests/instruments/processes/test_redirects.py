"""Where a child's output goes: its last words in a file of the caller's, and pipes whose reader has had enough."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments import registry
from clientobs.instruments.processes import redirects
from clientobs.instruments.processes.child import Stream
from instruments.processes.conftest import python
from support.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from instruments.processes.conftest import Family

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipelines that end by SIGPIPE")

WORDS = "Unknown encoder 'libx265'"
FAILS = f'import sys; print("frame 1", flush=True); print("{WORDS}", file=sys.stderr); sys.exit(3)'
SIGPIPE_ELSEWHERE = (
    "import os, signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGPIPE)"
)


def said(family: Family) -> Any:
    (told,) = family.failures()
    return told.attributes.get("process.stderr.end")


# --- words in a file


def test_the_words_in_a_file_that_the_caller_opened_are_told(family: Family, tmp_path: Path) -> None:
    with open(tmp_path / "log", "w", encoding="utf-8") as log:
        subprocess.run(python(FAILS), stderr=log, check=False)
        assert os.lseek(log.fileno(), 0, os.SEEK_CUR) == os.fstat(log.fileno()).st_size, (
            "the offset is the caller's"
        )
    (told,) = family.failures()
    assert told.attributes["process.stderr.end"] == WORDS
    assert told.body.endswith(f": {WORDS}")
    assert "process.stderr.size" not in told.attributes


def by_number(path: Path) -> Any:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def by_bytes(path: Path) -> Any:
    return open(os.fsencode(path), "wb")  # closed by the test


def without_a_name(_path: Path) -> Any:
    return tempfile.TemporaryFile()  # closed by the test


@pytest.mark.parametrize("make", [by_number, by_bytes, without_a_name])
def test_the_file_may_be_a_number_bytes_or_have_no_name(
    make: Callable[[Path], Any], family: Family, tmp_path: Path
) -> None:
    log = make(tmp_path / "log")
    try:
        subprocess.run(python(FAILS), stderr=log, check=False)
    finally:
        os.close(log) if isinstance(log, int) else log.close()
    assert said(family) == WORDS


def test_errors_that_go_where_the_output_goes_are_found_there(family: Family, tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log:
        subprocess.run(python(FAILS), stdout=log, stderr=subprocess.STDOUT, check=False)
    assert said(family) == f"frame 1\n{WORDS}"


def test_what_was_in_the_file_before_is_not_told(family: Family, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("error: of yesterday\n", encoding="utf-8")
    with open(log, "ab") as appended:
        subprocess.run(python(FAILS), stderr=appended, check=False)
        subprocess.run(python("import sys; sys.exit(4)"), stderr=appended, check=False)
    assert [one.attributes.get("process.stderr.end") for one in family.failures()] == [WORDS, None]


def test_a_large_log_is_read_by_its_end(family: Family, tmp_path: Path) -> None:
    much = f"import sys; sys.stderr.write('x' * 50 + '\\n'); sys.stderr.write('y' * 3_000_000); {FAILS}"
    with open(tmp_path / "log", "wb") as log:
        subprocess.run(python(much), stderr=log, check=False)
    words = said(family)
    assert words.endswith(WORDS)
    assert len(words) <= 8_192


def test_another_file_under_that_name_is_not_read(family: Family, tmp_path: Path) -> None:
    log = tmp_path / "log"
    swap = f"import os; os.rename({str(log)!r}, {str(log)!r} + '.1'); open({str(log)!r}, 'w').write('private'); {FAILS}"
    with open(log, "wb") as opened:
        subprocess.run(python(swap), stderr=opened, check=False)
    assert said(family) is None


def test_a_log_on_network_storage_is_not_touched(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def is_network(path: str) -> bool:
        asked.append(path)
        return True

    monkeypatch.setattr(family.desk.teller, "is_network", is_network)
    with open(tmp_path / "log", "wb") as log:
        subprocess.run(python(FAILS), stderr=log, check=False)
    assert asked == [str(tmp_path / "log")]
    assert said(family) is None


def test_a_child_that_ends_well_has_its_log_left_alone(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    monkeypatch.setattr(redirects.ErrorFile, "end", read.append)
    with open(tmp_path / "log", "wb") as log:
        subprocess.run(python("pass"), stderr=log, check=True)
    assert family.recorded().spans
    assert read == []


# --- a pipe without a buffer


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_pipe_without_a_buffer_lives_as_long_as_a_method_of_it(family: Family) -> None:
    def reads(words: str) -> Callable[[], bytes]:
        popen = subprocess.Popen(["echo", words], stdout=-1, bufsize=0)
        popen.wait()
        assert popen.stdout is not None
        return popen.stdout.read

    read = reads("hello")
    assert read() == b"hello\n"
    del read
    assert family.child("echo").status == 0


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_pipe_without_a_buffer_that_is_dropped_is_closed_at_once(family: Family) -> None:
    popen = subprocess.Popen(["cat"], stdin=-1, bufsize=0)
    gone = weakref.ref(popen.stdin)
    gc.disable()
    try:
        popen.stdin = None
        assert gone() is None
        assert popen.wait() == 0, "cat ends by the end of its input"
    finally:
        gc.enable()


def test_the_end_of_a_stream_is_kept_however_it_comes() -> None:
    text = bytes(range(256)) * 200
    for step in (1, 7, 8_192, 20_000):
        stream = Stream()
        for start in range(0, len(text), step):
            stream.take(memoryview(text)[start : start + step], len(text[start : start + step]))
        assert (stream.end, stream.size) == (text[-8_192:], len(text))
        assert len(stream._kept) <= 8_192 * 2


# --- nobody reads any more


def outcomes(family: Family) -> dict[str, Any]:
    found = family.recorded()
    assert not found.events("process.failed")
    assert not any(span.status == 2 for span in found.spans)
    return {span.name: span.attributes["process.outcome"] for span in found.spans}


def test_the_first_of_a_pipeline_is_no_failure_when_the_second_has_had_enough(family: Family) -> None:
    first = subprocess.Popen(["yes"], stdout=-1)
    second = subprocess.Popen(["head", "-1"], stdin=first.stdout, stdout=-1)
    assert first.stdout is not None
    first.stdout.close()
    assert second.communicate()[0] == b"y\n"
    assert first.wait() == -13
    assert outcomes(family) == {"yes": "unread", "head": "ok"}


def test_nor_is_one_whose_output_the_program_closes(family: Family) -> None:
    popen = subprocess.Popen(["yes"], stdout=-1)
    assert popen.stdout is not None
    assert popen.stdout.readline() == b"y\n"
    popen.stdout.close()
    assert popen.wait() == -13
    assert outcomes(family) == {"yes": "unread"}


def test_nor_one_that_writes_into_a_pipe_of_the_caller_s_own(family: Family) -> None:
    read, write = os.pipe()
    popen = subprocess.Popen(["yes"], stdout=write)
    os.close(write)
    os.read(read, 2)
    os.close(read)
    assert popen.wait() == -13
    assert outcomes(family) == {"yes": "unread"}


def test_the_second_of_a_pipeline_that_fails_is_the_one_failure(family: Family) -> None:
    first = subprocess.Popen(["yes"], stdout=-1)
    second = subprocess.Popen(python(FAILS), stdin=first.stdout, stdout=-1, stderr=-1)
    assert first.stdout is not None
    first.stdout.close()
    second.communicate()
    first.wait()
    (told,) = family.failures()
    assert told.attributes["process.stderr.end"] == WORDS


@pytest.mark.parametrize(
    "settings",
    [{"stdout": -1}, {"stdout": -1, "stderr": -1}, {"stdout": subprocess.DEVNULL}],
    ids=["read to the end", "read with the errors", "not read"],
)
def test_a_sigpipe_of_something_else_is_a_failure(settings: dict[str, Any], family: Family) -> None:
    assert subprocess.run(python(SIGPIPE_ELSEWHERE), check=False, **settings).returncode == -13
    (told,) = family.failures()
    assert told.attributes["process.exit.signal"] == "SIGPIPE"


def test_so_is_one_of_a_child_whose_output_the_program_still_reads(family: Family) -> None:
    popen = subprocess.Popen(python(SIGPIPE_ELSEWHERE), stdout=-1)
    assert popen.wait() == -13
    registry.tick()
    assert popen.stdout is not None
    assert popen.stdout.read() == b""
    popen.stdout.close()
    assert len(family.failures()) == 1


PROGRAM = f"""
import clientobs, os, subprocess, sys
clientobs.init("below-a-pipe")
if sys.argv[1] == "left":
    sys.stdin.readline()
subprocess.run([sys.executable, "-I", "-S", "-c", {SIGPIPE_ELSEWHERE!r}])
clientobs.shutdown()
"""


@pytest.mark.parametrize(("reader", "failures"), [("there", 1), ("left", 0)])
def test_where_this_program_s_own_output_is_a_pipe_its_reader_decides(
    reader: str, failures: int, home: Path
) -> None:
    from support.readback import seen  # noqa: PLC0415  # of another process

    if reader == "there":
        assert run_program(PROGRAM, reader).returncode == 0
    else:
        source = [sys.executable, "-c", PROGRAM, reader]
        env = {**os.environ, "PYTHONPATH": str(Path(clientobs.__file__).parents[1])}
        popen = subprocess.Popen(source, stdin=-1, stdout=-1, env=env)
        assert popen.stdout is not None
        popen.stdout.close()
        popen.communicate(b"\n")
    assert len(seen(home).events("process.failed")) == failures
