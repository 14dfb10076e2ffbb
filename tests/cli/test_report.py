"""`clientobs report` and `clientobs show CODE`: a code from the terminal, and what it leads to."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from support.readback import seen
from support.workstation import Workstation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CODE = re.compile(r"[2-9A-HJ-NP-Z]{3}-[2-9A-HJ-NP-Z]{3}")
FAILING = """
    clientobs.init("scene-publisher", version="1.4.0")
    try:
        with clientobs.context(shot="sh010"), clientobs.span("publish"):
            raise ValueError("no plate")
    except ValueError:
        pass
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path, CLIENTOBS_DRAIN="off") as made:
        yield made


def test_a_report_from_the_terminal_is_about_the_last_session(desk: Workstation) -> None:
    desk.run(FAILING)
    done = desk.clientobs("report", "툴이", "안 돼요")
    assert done.returncode == 0
    code = done.stdout.strip()
    assert CODE.fullmatch(code)
    assert "support" in done.stderr
    found = json.loads(desk.clientobs("show", code.lower().replace("-", ""), "--json").stdout)
    assert found["report"]["attributes"]["problem.message"] == "툴이 안 돼요"
    assert [error["body"] for error in found["errors"]] == ["ValueError: no plate"]
    assert [span["name"] for trace in found["traces"] for span in trace["spans"]] == ["publish"]
    assert found["session"] == found["traces"][0]["runs"][0]["session"] == found["run"]["session"]


def test_a_code_shows_everything_on_the_screen(desk: Workstation) -> None:
    desk.run(FAILING + '\n    clientobs.report_problem("it says: <failed>\\x1b[2J")\n')
    (code,) = CODE.findall(desk.clientobs("report", "--bundle", "x.zip").stdout) or [""]
    assert code == ""
    listed = desk.clientobs("show", "x.zip").stdout
    (code,) = CODE.findall(listed)
    shown = desk.clientobs("show", code)
    assert shown.returncode == 0
    for words in (
        "it says: <failed>",
        "scene-publisher",
        "publish (failed",
        "ValueError: no plate",
        "✗ publish",
        "sh010",
    ):
        assert words in shown.stdout
    assert "\x1b" not in shown.stdout
    assert desk.clientobs("show", "x.zip", code).stdout.partition("\n")[0] == shown.stdout.partition("\n")[0]


def test_a_session_can_be_named(desk: Workstation) -> None:
    for _ in range(2):
        desk.run(FAILING)
    runs = json.loads(desk.clientobs("status", "--json").stdout)["runs"]
    sessions = [view["session"] for view in runs]
    code = desk.clientobs("report", "x", "--session", sessions[0][:10]).stdout.strip()
    found = json.loads(desk.clientobs("show", code, "--json").stdout)
    assert found["session"] == sessions[0]


def test_a_machine_that_has_recorded_nothing_takes_a_report(desk: Workstation) -> None:
    code = desk.clientobs("report", "nothing starts").stdout.strip()
    found = json.loads(desk.clientobs("show", code, "--json").stdout)
    assert found["report"]["attributes"]["problem.message"] == "nothing starts"


def test_where_clientobs_is_off_no_code_is_given(desk: Workstation) -> None:
    done = desk.clientobs("report", "x", environ={"CLIENTOBS_DISABLED": "1"})
    assert (done.returncode, done.stdout) == (1, "")
    assert "Not recorded" in done.stderr


def test_an_unknown_code_says_how_to_search_for_it(desk: Workstation) -> None:
    desk.run(FAILING)
    done = desk.clientobs("show", "K7Q-3FD")
    assert done.returncode == 1
    assert 'problem_code="K7Q-3FD"' in done.stderr


def test_a_bundle_takes_the_report_with_it(desk: Workstation, tmp_path: Path) -> None:
    desk.run(FAILING)
    answer = json.loads(desk.clientobs("report", "it hangs", "--bundle", "x.zip", "--json").stdout)
    assert answer["bundle"]["runs"] == 2
    found = json.loads(desk.clientobs("show", "x.zip", answer["code"], "--json").stdout)
    assert found["report"]["attributes"]["problem.message"] == "it hangs"
    assert [span["name"] for trace in found["traces"] for span in trace["spans"]] == ["publish"]


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_the_code_of_a_report_is_told_though_its_bundle_can_t_be_written(
    desk: Workstation, form: tuple[str, ...]
) -> None:
    desk.run(FAILING)
    done = desk.clientobs("report", "it hangs", "--bundle", "not/there/x.zip", *form)
    assert done.returncode == 2
    assert "can't be written" in done.stderr
    (code,) = CODE.findall(done.stdout)
    assert json.loads(desk.clientobs("show", code, "--json").stdout)["code"] == code


def test_an_older_session_stays_out_of_the_bundle(desk: Workstation) -> None:
    desk.run(FAILING)
    for path in desk.home.glob("v1/*/*.seg"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    answer = json.loads(desk.clientobs("report", "--bundle", "x.zip", "--minutes", "5", "--json").stdout)
    assert answer["bundle"]["runs"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say what is wrong"),
        (("--bundle", "/not/there/x.zip"), "can't be written"),
        (("--bundle", "x.zip", "--minutes", "-1"), "not more than 0"),
        (("--bundle", "x.zip", "--max-size", "nan"), "not more than 0"),
    ],
)
def test_what_cannot_be_done_is_told(desk: Workstation, arguments: tuple[str, ...], words: str) -> None:
    desk.run(FAILING)
    done = desk.clientobs("report", *arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_what_is_no_bundle_is_told(desk: Workstation, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"hello")
    for command in (("show", "x.zip"), ("diff-env", "x.zip", "x.zip")):
        done = desk.clientobs(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert "no bundle" in done.stderr


def test_the_report_is_a_session_of_its_own_kind(desk: Workstation) -> None:
    desk.clientobs("report", "x")
    (run,) = json.loads(desk.clientobs("status", "--json").stdout)["runs"]
    assert run["resource"]["service.name"] == "clientobs-report"


# Of a session that goes on -----------------------------------------------------------------------------

OPEN = """
    import logging
    clientobs.init("scene-publisher", version="1.4.0")
    clientobs.set_context(shot="sh010")
    try:
        with clientobs.span("collect"):
            raise ValueError("no plate")
    except ValueError:
        pass
    logging.getLogger("studio").warning("retrying")
    with clientobs.span("publish"), clientobs.span("copy"):
        say(clientobs.trace_id())
        wait()
"""


def trace_of(desk: Workstation, code: str) -> str:
    """Return the trace that a report stands in."""
    (report,) = [
        one for one in seen(desk.home).events("problem.report") if one.attributes["problem.code"] == code
    ]
    return f"{report.trace_id:032x}"


def event_of(desk: Workstation, code: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(desk.clientobs("show", code, "--json").stdout)
    return found


def test_it_stands_under_the_session_that_it_is_about_with_what_goes_on_there(desk: Workstation) -> None:
    host = desk.start(OPEN)
    trace = host.heard()
    code = desk.clientobs("report", "it hangs").stdout.strip()
    found = event_of(desk, code)
    report = found["report"]
    assert trace_of(desk, code) == trace
    said = report["attributes"]
    assert said["production.shot"] == "sh010"
    assert said["problem.traces.name"][0] == "publish (open)"
    assert said["problem.errors"][0].startswith("ValueError: no plate (")
    assert any("retrying" in line for line in said["session.log_lines"])
    assert said["process.memory.resident"] > 1_000_000
    (run,) = [run for run in known_runs(desk) if run["role"] == "main"]
    assert found["session"] == found["run"]["session"] == run["session"]
    assert found["run"]["resource"] == run["resource"]
    assert "problem.session.id" not in said
    shown = desk.clientobs("show", code).stdout
    assert f"pid {host.pid}" in shown.partition("\n\n")[0]
    assert "sh010" in shown.partition("\n\n")[0]
    assert host.end() == 0


def known_runs(desk: Workstation) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(desk.clientobs("status", "--json").stdout)["runs"]
    return runs


def test_it_opens_no_session_of_its_own_and_ends_none(desk: Workstation) -> None:
    host = desk.start(OPEN)
    host.heard()
    desk.clientobs("report", "it hangs")
    records = seen(desk.home)
    assert [log.event_name for log in records.logs if log.event_name.startswith("session.st")] == [
        "session.start"
    ]
    assert records.events("session.end") == []
    assert host.end() == 0
    assert len(seen(desk.home).events("session.end")) == 1


def test_from_within_an_application_it_is_about_that_one(desk: Workstation) -> None:
    asked = (
        OPEN
        + """
        import subprocess
        made = [sys.executable, "-m", "clientobs.cli.main", "report", "x"]
        say(subprocess.run(made, capture_output=True, text=True).stdout.strip())
        wait()
    """
    )
    first = desk.start(asked)
    first.heard()
    other = desk.start(OPEN)
    other_trace = other.heard()  # the one that wrote last
    first.go()
    code = first.heard()
    assert trace_of(desk, code) != other_trace
    assert first.end() == other.end() == 0


def test_called_in_the_application_s_own_process_it_neither_begins_nor_ends_a_session(
    desk: Workstation,
) -> None:
    host = desk.start(
        """
        import contextlib, io
        from clientobs.cli.main import main
        clientobs.init("scene-publisher")
        with clientobs.span("publish"):
            told = io.StringIO()
            with contextlib.redirect_stdout(told), contextlib.redirect_stderr(io.StringIO()):
                main(["report", "x"])
            say([told.getvalue().strip(), clientobs.trace_id()])
        wait()
        with clientobs.span("afterwards"):
            pass
        """
    )
    code, trace = host.heard()
    assert CODE.fullmatch(code)
    assert trace_of(desk, code) == trace
    host.go()
    assert host.end() == 0
    assert "afterwards" in {span.name for span in seen(desk.home).spans}


def test_who_only_bore_witness_is_no_process_for_a_reader(desk: Workstation) -> None:
    desk.run(FAILING)
    desk.clientobs("report", "x", "--bundle", "x.zip")
    assert desk.clientobs("status").stdout.count("scene-publisher") == 1
    assert desk.clientobs("status", "--all").stdout.count("scene-publisher") == 2
    assert desk.clientobs("show", "x.zip").stdout.count("session ") == 1
