"""The doctor finds what is wrong, says what to do, and outlives whatever it examines."""

from __future__ import annotations

import email.utils
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import clientobs
from clientobs._guarded import Faults, faults
from clientobs.cli.main import DONE, WRONG, main
from clientobs.config.resolve import resolve
from clientobs.runtime.doctor import Finding, Report, examine
from support.otlp_receiver import OtlpReceiver

SOURCE = str(Path(__file__).parents[2] / "src")


def _examine(home: Path, *, network: bool = False, **environ: str) -> Report:
    surroundings = {"CLIENTOBS_HOME": str(home), "PATH": os.environ["PATH"], "HOME": str(home)} | environ
    return examine(resolve({}, environ=surroundings, strict=False), surroundings, network=network)


def _of(report: Report, section: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.section == section]


def test_a_sound_machine_has_no_problem(home: Path) -> None:
    report = _examine(home)
    assert report.ok, str(report)
    assert {finding.section for finding in report.findings} >= {
        "settings",
        "python",
        "packages",
        "drain",
        "journal",
    }
    assert _of(report, "journal")[0].facts["home"] == str(home)


def test_every_warning_and_problem_has_a_remedy(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "studio.toml"
    broken.write_text("profil = 1\n")
    report = _examine(
        home, network=True, CLIENTOBS_CONFIG=str(broken), OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        CLIENTOBS_DISABLED="1",
    )  # fmt: skip
    pressing = [finding for finding in report.findings if finding.level in {"warning", "problem"}]
    assert {finding.section for finding in pressing} >= {"settings", "endpoint"}
    assert all(finding.remedy for finding in pressing)
    assert report.exit_code == 1


def test_a_broken_setting_is_named_with_file_and_line(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "studio.toml"
    broken.write_text("[journal]\nbulk_bytes = 'much'\n")
    (finding,) = _of(_examine(home, CLIENTOBS_CONFIG=str(broken)), "settings")
    assert (finding.level, finding.facts["line"], finding.facts["key"]) == (
        "problem",
        2,
        "journal.bulk_bytes",
    )


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are POSIX")
def test_a_home_that_others_can_write_to_is_refused(home: Path) -> None:
    home.mkdir()
    home.chmod(0o777)
    problem = _of(_examine(home), "journal")[0]
    assert problem.level == "problem"
    assert "open to others" in problem.text


def test_too_little_room_is_a_problem(home: Path, tmp_path: Path) -> None:
    greedy = tmp_path / "studio.toml"
    greedy.write_text(f"[journal]\nfree_floor_bytes = {1 << 50}\n")
    levels = [finding.level for finding in _of(_examine(home, CLIENTOBS_CONFIG=str(greedy)), "journal")]
    assert levels == ["good", "problem"]


def test_an_endpoint_that_takes_otlp_is_good_and_keeps_nothing(home: Path) -> None:
    with OtlpReceiver() as receiver:
        report = _examine(home, network=True, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.base)
        findings = _of(report, "endpoint")
        assert [finding.level for finding in findings] == ["good"] * 3, str(report)
        assert not _of(report, "clock")


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "credential"), (403, "credential may do"), (404, "check the URL"), (503, "ask whoever")],
)
def test_a_refusal_is_told_with_what_to_check(home: Path, status: int, remedy: str) -> None:
    with OtlpReceiver() as receiver:
        receiver.answer(status)
        report = _examine(home, network=True, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=receiver.url("traces"))
    (problem,) = [finding for finding in _of(report, "endpoint") if finding.level == "problem"]
    assert f"HTTP {status}" in problem.text
    assert remedy in problem.remedy


def test_the_endpoint_is_not_asked_unless_wanted(home: Path) -> None:
    with OtlpReceiver() as receiver:
        _examine(home, network=False, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.base)
        assert receiver.requests == []


@pytest.mark.parametrize(("seconds", "direction"), [(-100_000, "ahead of"), (100_000, "behind")])
def test_a_clock_that_is_far_off_the_endpoints_is_a_problem(home: Path, seconds: int, direction: str) -> None:
    with OtlpReceiver() as receiver:
        receiver.answer(headers=(("date", email.utils.formatdate(time.time() + seconds, usegmt=True)),))
        report = _examine(home, network=True, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=receiver.url("traces"))
    (finding,) = _of(report, "clock")
    assert (finding.level, direction in finding.text) == ("problem", True)
    assert abs(finding.facts["skew_seconds"] + seconds) < 60


@pytest.mark.parametrize(
    ("name", "text", "level", "told"),
    [
        (
            "interpreter.failed",
            '{"unfit": [["/usr/bin/python3", "Python 3.9 is too old"]]}',
            "problem",
            "3.9 is too old",
        ),
        ("interpreter.failed", "no JSON", "problem", "can't be read"),
        (
            "last-words.txt",
            "Traceback ...\nRuntimeError: broken installation\n",
            "warning",
            "broken installation",
        ),
    ],
)
def test_a_drain_that_could_not_start_is_told_until_one_does(
    home: Path, name: str, text: str, level: str, told: str
) -> None:
    _examine(home)
    folder = home / "drain"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (finding,) = [one for one in _of(_examine(home), "drain") if one.level == level]
    assert told in finding.text
    assert finding.remedy
    (folder / "interpreter.known").write_text("{}")
    os.utime(folder / name, (1_000_000_000, 1_000_000_000))
    assert [one.level for one in _of(_examine(home), "drain")] == ["good"]


def test_a_check_that_fails_is_a_finding_like_any_other(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("instrument out of order")

    monkeypatch.setattr("clientobs.runtime.checks.home.check", broken)
    report = _examine(home)
    (finding,) = _of(report, "home")
    assert "instrument out of order" in finding.text
    assert _of(report, "this process")


def test_inside_a_host_it_tells_the_run_and_what_is_patched() -> None:
    runtime = clientobs.init("host", drain="off")
    try:
        report = clientobs.doctor()
    finally:
        clientobs.shutdown()
    texts = [finding.text for finding in _of(report, "this process")]
    assert any(runtime.run in text for text in texts)
    assert any("os._exit" in text for text in texts)


def test_our_own_faults_are_told(home: Path, lenient_faults: Faults) -> None:
    faults.record("journal.sync", OSError("odd"))
    (finding,) = [one for one in _of(_examine(home), "this process") if one.level == "warning"]
    assert "journal.sync" in finding.text
    assert "odd" in finding.text


def test_in_a_host_it_loads_no_network_client_unasked(home: Path) -> None:
    code = (
        "import sys, clientobs; clientobs.init('host', drain='off')\n"
        "report = clientobs.doctor(); assert report.ok, str(report)\n"
        "print([name for name in ('http.client', 'ssl', 'grpc', 'google.protobuf') if name in sys.modules])"
    )
    environ = {**os.environ, "PYTHONPATH": SOURCE, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_command_prints_findings_and_answers_by_its_exit_code(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["doctor", "--offline"]) == DONE
    assert "✓ everything works" in capsys.readouterr().out
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert main(["doctor", "--json"]) == WRONG
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert any(one["section"] == "endpoint" and one["level"] == "problem" for one in document["findings"])
