"""report_problem: the words intact, what came before them, and a code only where it leads somewhere."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.journal.format import Kind
from clientobs.record.problems import MAX_SCREENSHOT
from support.programs import answer_of
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clientobs._guarded import Faults
    from clientobs.runtime.runtime import Runtime

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100
WORDS = '툴이 안 돼요 🎬 "publish" 버튼\n\t\u043f\u043e\u0441\u043b\u0435 \u2014 <b>&amp;</b> \\n'


def the_report(home: Path) -> Any:
    (found,) = seen(home).events("problem.report")
    return found


@pytest.mark.usefixtures("runtime")
def test_the_words_arrive_as_they_were_typed(home: Path) -> None:
    code = clientobs.report_problem(WORDS, window="Publisher")
    report = the_report(home)
    assert report.attributes["problem.message"] == WORDS
    assert report.attributes["problem.code"] == code
    assert report.attributes["window"] == "Publisher"
    assert report.body == f"Problem reported ({code}): {WORDS}"


@pytest.mark.usefixtures("runtime")
def test_a_report_is_in_the_vital_lane(home: Path) -> None:
    clientobs.report_problem("x")
    lanes = {one.header.lane for one in seen(home).of(Kind.LOG) if one.record.event_name == "problem.report"}
    assert lanes == {"vital"}


@pytest.mark.usefixtures("runtime")
def test_secrets_in_the_words_are_redacted(home: Path) -> None:
    clientobs.report_problem("it says token=abcdef123456 was refused", note="password: hunter2")
    everything = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"abcdef123456" not in everything
    assert b"hunter2" not in everything


@pytest.mark.usefixtures("runtime")
def test_what_was_done_and_failed_before_is_told(home: Path) -> None:
    with clientobs.context(shot="sh010"), clientobs.span("load scene"):
        clientobs.event("scene.opened", "Opened sh010_v012.ma")
    with clientobs.span("publish"), clientobs.span("inner"):
        trace = clientobs.trace_id()
        with pytest.raises(ValueError, match="no plate"), clientobs.span("copy"):
            raise ValueError("no plate")
    clientobs.report_problem("x")
    told = the_report(home).attributes
    assert told["problem.traces"][0] == trace
    assert told["problem.traces.name"][0].startswith("publish (")
    assert told["problem.traces.name"][1].startswith("load scene (")
    assert len(told["problem.traces"]) == 2
    (error,) = told["problem.errors"]
    assert "ValueError: no plate" in error
    assert "test_problems.py" in error
    assert str(trace) in error
    assert told["session.log_lines"] == ["INFO Opened sh010_v012.ma", "ERROR ValueError: no plate"]
    assert told["process.memory.resident"] > 1_000_000
    assert told["machine.memory.total"] > told["machine.memory.available"] > 0


@pytest.mark.usefixtures("runtime")
def test_a_report_inside_a_span_belongs_to_its_trace(home: Path) -> None:
    with clientobs.span("menu"):
        trace = clientobs.trace_id()
        clientobs.report_problem("x")
    report = the_report(home)
    assert f"{report.trace_id:032x}" == trace
    assert report.attributes["problem.traces.name"] == ["menu (open)"]


@pytest.mark.usefixtures("runtime")
def test_what_is_kept_in_memory_is_bounded(home: Path) -> None:
    for number in range(500):
        clientobs.event("e", f"line {number} " + "x" * 5_000, severity="error")
        with clientobs.span(f"click {number}"):
            pass
    assert clientobs.report_problem("x")
    clientobs.shutdown()
    told = the_report(home).attributes
    assert len(told["session.log_lines"]) == 50
    assert told["session.log_lines"][-1].startswith("ERROR line 499 ")
    assert max(map(len, told["session.log_lines"])) < 600
    assert len(told["problem.errors"]) == 10
    assert len(told["problem.traces"]) == 8
    assert told["problem.traces.name"][0].startswith("click 499 ")


@pytest.mark.usefixtures("runtime")
def test_own_attributes_neither_push_ours_out_nor_replace_them(home: Path) -> None:
    own: dict[str, Any] = {f"n{number}": number for number in range(500)}
    code = clientobs.report_problem("words", **{**own, "problem.code": "FAKE", "problem.message": "fake"})
    told = the_report(home).attributes
    assert (told["problem.code"], told["problem.message"]) == (code, "words")
    assert told["machine.memory.total"]


def test_without_a_recorder_there_is_no_code() -> None:
    assert clientobs.report_problem("x") == ""


def test_switched_off_there_is_no_code(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("CLIENTOBS_DISABLED", "1")
    clientobs.init("tool")
    try:
        assert clientobs.report_problem("x") == ""
    finally:
        clientobs.shutdown()
    assert not home.exists()


def test_a_report_that_the_journal_refuses_has_no_code(
    runtime: Runtime, lenient_faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runtime.journal is not None
    runtime.journal.close("exited", "for the test")
    assert clientobs.report_problem("x") == ""


class Odd:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize(
    "message",
    [None, b"\xff\x00", Odd(), 10**5000, "\ud800", "x" * 10_000_000, ""],
    ids=["none", "bytes", "odd", "huge number", "surrogate", "ten million characters", "empty"],
)
def test_any_message_is_taken(home: Path, message: Any) -> None:
    assert clientobs.report_problem(message) == the_report(home).attributes["problem.code"]


@pytest.mark.usefixtures("runtime")
def test_threads_report_at_once_under_codes_of_their_own(home: Path) -> None:
    codes: list[str] = []
    threads = [
        threading.Thread(target=lambda: codes.extend(clientobs.report_problem("x") for _ in range(3)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = {one.attributes["problem.code"] for one in seen(home).events("problem.report")}
    assert set(codes) == written
    assert len(codes) == 24


def _until_there(path: str) -> bytes:
    deadline = time.monotonic() + 20
    while not os.path.exists(path):
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.01)
    with open(path, "rb") as file:
        return file.read()


def test_a_screenshot_lies_in_the_folder_of_the_run(runtime: Runtime, home: Path) -> None:
    assert runtime.journal is not None
    code = clientobs.report_problem("x", screenshot=lambda: PNG)
    told = the_report(home).attributes
    path = told["problem.screenshot.path"]
    assert path == os.path.join(runtime.journal.path, f"{code}.png")
    assert told["problem.screenshot.size"] == len(PNG)
    assert _until_there(path) == PNG
    assert os.stat(path).st_mode & 0o077 == 0


def _raise() -> bytes:
    raise RuntimeError("no display for hunter2")


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize(
    ("taken", "why"),
    [
        (_raise, "RuntimeError while it was taken"),
        (lambda: b"GIF89a", "not the bytes of a PNG"),
        (lambda: None, "not the bytes of a PNG"),
        (lambda: PNG + bytes(MAX_SCREENSHOT), "more than"),
    ],
)
def test_a_picture_that_fails_leaves_the_report(home: Path, taken: Callable[[], Any], why: str) -> None:
    assert clientobs.report_problem("x", screenshot=taken)
    told = the_report(home).attributes
    assert why in told["problem.screenshot.error"]
    assert "problem.screenshot.path" not in told
    assert not list(home.glob("v1/*/*.png"))


@pytest.mark.usefixtures("runtime")
def test_pictures_of_one_session_are_few(home: Path) -> None:
    for _ in range(10):
        clientobs.report_problem("x", screenshot=lambda: PNG)
    clientobs.shutdown()
    assert len(list(home.glob("v1/*/*.png"))) == 8
    errors = [one.attributes.get("problem.screenshot.error") for one in seen(home).events("problem.report")]
    assert errors.count(None) == 8


def test_a_picture_of_the_last_moment_is_written_at_exit(home: Path) -> None:
    path = answer_of(
        """
        import clientobs, json
        clientobs.init("tool")
        clientobs.report_problem("x", screenshot=lambda: b"\\x89PNG\\r\\n\\x1a\\n")
        print(json.dumps(clientobs.__name__))
        """,
        environ={"CLIENTOBS_EXIT_FLUSH": "0"},
    )
    assert path == "clientobs"
    assert len(list(home.glob("v1/*/*.png"))) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_reports_in_its_own_run(home: Path) -> None:
    answer_of(
        """
        import clientobs, json, os
        clientobs.init("tool")
        pid = os.fork()
        if pid == 0:
            clientobs.report_problem("child")
            os._exit(0)
        os.waitpid(pid, 0)
        clientobs.report_problem("parent")
        print(json.dumps(1))
        """,
        environ={"CLIENTOBS_EXIT_FLUSH": "0"},
        flags=("-W", "ignore::DeprecationWarning"),
    )
    told = {one.attributes["problem.message"] for one in seen(home).events("problem.report")}
    assert told == {"child", "parent"}
