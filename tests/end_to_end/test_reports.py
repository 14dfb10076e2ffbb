"""Problems that artists report, and machines that differ: what the endpoint received, and nothing else."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from support.always import assert_always
from support.workstation import Workstation

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Inbox, Telemetry
    from support.otlp_receiver import OtlpReceiver

# A studio's tool, with init() and a span: nothing in it was written for a report.
PUBLISHER = """
    import logging, tempfile
    clientobs.init("scene-publisher", version="1.4.0")
    clientobs.set_context(project="demo", shot="sq010_sh020")
    def press_publish():
        with clientobs.span("publish"):
            with clientobs.span("collect"):
                clientobs.event("publish.collected", "Collected 3 references")
            open(os.path.join(tempfile.gettempdir(), "not", "there", "plate.exr"))
    try:
        press_publish()
    except OSError:
        pass  # the tool shows "failed"
    wait()
    # The artist, from the menu, some time later, outside of any span.
    say(clientobs.report_problem("툴이 안 돼요 😢 \\"publish\\""))
    wait()
"""
SEATED = """
    clientobs.init("scene-publisher", version=sys.argv[1])
    say("ready")
    wait()
"""


def events(receiver: Inbox, name: str) -> list[Telemetry]:
    return [one for one in receiver.logs() if one.record.event_name == name]


@pytest.mark.diagnosis("problem-report")
def test_the_code_leads_to_the_words_the_trace_and_the_errors(desk: Workstation, receiver: Inbox) -> None:
    host = desk.start(PUBLISHER)
    host.go()
    code = host.heard()
    receiver.wait_for(lambda: events(receiver, "problem.report"), 30)
    host.go()
    assert host.end() == 0
    # Search by the code, as support does ...
    (report,) = [one for one in receiver.logs() if one.attributes.get("problem.code") == code]
    assert report.record.event_name == "problem.report"
    assert code in report.record.body.string_value
    assert report.attributes["problem.message"] == '툴이 안 돼요 😢 "publish"'
    production = {"project": "demo", "shot": "sq010_sh020"}
    assert_always(report, desk, service=("scene-publisher", "1.4.0"), production=production, traced=False)
    # ... follow the trace of what was clicked before ...
    trace, name = report.attributes["problem.traces"][0], report.attributes["problem.traces.name"][0]
    assert name.startswith("publish (failed ")
    receiver.wait_for(lambda: "publish" in {one.record.name for one in receiver.spans()}, 30)
    spans = {one.record.name for one in receiver.spans() if one.record.trace_id.hex() == trace}
    assert {"publish", "collect"} <= spans
    # ... and read the last errors and lines, which name the very file.
    (error,) = report.attributes["problem.errors"]
    assert "FileNotFoundError" in error
    assert "plate.exr" in error
    assert "press_publish" in error
    assert "INFO Collected 3 references" in report.attributes["session.log_lines"]
    session = report.attributes["session.id"]
    failed = [one for one in receiver.logs() if one.attributes.get("exception.type") == "FileNotFoundError"]
    assert {one.attributes["session.id"] for one in failed} == {session}


def test_a_report_from_a_terminal_arrives_under_the_artist_s_session(
    receiver: OtlpReceiver, desk: Workstation
) -> None:
    host = desk.start(
        """
        clientobs.init("scene-publisher")
        clientobs.set_context(shot="sh010")
        with clientobs.span("publish"):
            say(clientobs.trace_id())
            wait()
        """
    )
    trace = host.heard()
    done = desk.clientobs("report", "it hangs")
    assert "It has arrived." in done.stderr
    (report,) = events(receiver, "problem.report")
    (start,) = events(receiver, "session.start")
    assert report.record.trace_id.hex() == trace
    assert report.attributes["session.id"] == start.attributes["session.id"]
    assert report.resource["service.name"] == "scene-publisher"
    assert report.attributes["production.shot"] == "sh010"
    assert host.end() == 0


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
@pytest.mark.diagnosis("other-machine")
def test_two_machines_differ_in_exactly_what_differs(tmp_path: Path, receiver: OtlpReceiver) -> None:
    for name, numpy in (("works", "1.26.4"), ("fails", "2.1.0")):
        (tmp_path / name / "site" / f"numpy-{numpy}.dist-info").mkdir(parents=True)
    (tmp_path / "works" / "site" / "ocio_tools-1.0.dist-info").mkdir()
    settings: dict[str, dict[str, str]] = {
        "works": {"OCIO": "/studio/aces_1.2/config.ocio", "MAYA_MODULE_PATH": "/studio/a:/studio/b"},
        "fails": {"OCIO": "/studio/aces_1.3/config.ocio", "MAYA_MODULE_PATH": "/studio/b:/home/old"},
    }
    same_place = tmp_path / "site"
    sessions: dict[str, str] = {}
    for name, version in (("works", "1.4.0"), ("fails", "1.5.0")):
        same_place.unlink(missing_ok=True)
        same_place.symlink_to(tmp_path / name / "site")
        with Workstation(tmp_path / name, receiver.base) as seat:
            seat.environ.update(settings[name])
            seat.environ["PYTHONPATH"] += f":{same_place}"
            host = seat.start(SEATED, version)
            assert host.heard() == "ready"
            assert host.end() == 0
            receiver.wait_for(partial(_has_environments, receiver, len(sessions) + 1), 30)
        known = {one.attributes["session.id"] for one in events(receiver, "session.environment")}
        sessions[name] = (known - set(sessions.values())).pop()
    # What the back end has, in the form in which Loki returns it.
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(as_loki_answers(receiver.logs())))
    support = Workstation(tmp_path, home=tmp_path / "of support: nothing recorded")
    done = support.clientobs(
        "diff-env", f"{answer}@{sessions['works']}", f"{answer}@{sessions['fails']}", "--json"
    )
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert found["not_compared"] == []
    told = {(one["section"], one["name"]): (one["a"], one["b"]) for one in found["differences"]}
    assert told == {
        ("packages", "numpy"): ("1.26.4", "2.1.0"),
        ("packages", "ocio-tools"): ("1.0", None),
        ("versions", "service.version"): ("1.4.0", "1.5.0"),
        ("tools", "scene-publisher"): ("1.4.0", "1.5.0"),
        ("variables", "OCIO"): ("/studio/aces_1.2/config.ocio", "/studio/aces_1.3/config.ocio"),
        ("variables", "MAYA_MODULE_PATH"): ("/studio/a:/studio/b", "/studio/b:/home/old"),
    }
    (parts,) = [one for one in found["differences"] if one["name"] == "MAYA_MODULE_PATH"]
    assert (parts["gone"], parts["new"]) == (["/studio/a"], ["/home/old"])


def _has_environments(receiver: Inbox, count: int) -> bool:
    return all(len(events(receiver, f"session.{what}")) >= count for what in ("environment", "packages"))


def as_loki_answers(logs: list[Telemetry]) -> dict[str, Any]:
    """Return logs as Loki's query_range returns them: underscores for dots, lists as JSON, all of it text."""
    streams = []
    for one in logs:
        merged = {**one.resource, **one.attributes}
        labels = {name.replace(".", "_"): _as_label(value) for name, value in merged.items()}
        entry = [str(one.record.time_unix_nano), one.record.body.string_value]
        streams.append({"stream": labels, "values": [entry]})
    return {"status": "success", "data": {"resultType": "streams", "result": streams}}


def _as_label(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (list, bool)) else str(value)
