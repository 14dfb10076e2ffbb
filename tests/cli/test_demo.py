"""`clientobs demo`: one publish succeeds, one fails, and the journal tells both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clientobs.journal.format import Kind
from support.otlp_receiver import OtlpReceiver
from support.readback import seen


def demo(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clientobs.cli.main", "demo", *arguments],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environ},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run the demo once for the tests that only look at it."""
    home = tmp_path_factory.mktemp("demo") / "home"
    done = demo(CLIENTOBS_HOME=str(home), CLIENTOBS_DRAIN="off", OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout, home


def test_it_draws_the_publish_that_succeeded_and_the_one_that_failed(shown: tuple[str, Path]) -> None:
    text, _ = shown
    good, bad = text.index("comet / sq010 / sh0040 / comp"), text.index("comet / sq010 / sh0050 / comp")
    assert good < bad
    assert "✓ ok" in text[good:bad]
    for step in ("render_frames", "encode_review", "check_movie", "copy_to_nas", "write_manifest"):
        assert step in text[good:bad]
    assert "✗ failed" in text[bad:]
    assert "✗ encode_review" in text[bad:]
    assert "write_manifest" not in text[bad:]


def test_it_shows_log_lines_and_what_ffmpeg_said(shown: tuple[str, Path]) -> None:
    text, _ = shown
    assert "all 12 frames decode" in text
    assert "ffmpeg ended with 8: Unknown encoder 'libfdk_aac'" in text


def test_it_says_in_two_lines_how_to_see_it_in_grafana(shown: tuple[str, Path]) -> None:
    text, _ = shown
    assert "Grafana" in text.splitlines()[-2]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318" in text.splitlines()[-1]


def test_what_is_shown_lies_in_the_journal_with_its_production_context(shown: tuple[str, Path]) -> None:
    journal = seen(shown[1])
    shots = {
        (one.production["production.shot"], one.production["publish.version"])
        for one in journal.of(Kind.SPAN_ENDED)
    }
    assert shots == {("sh0040", 3), ("sh0050", 1)}
    assert [log.body for log in journal.events("shot.published")] == ["Published sh0040 v003: 13 files"]
    assert [span.status for span in journal.spans if span.name == "publish_shot"] == [0, 2]


def test_it_counts_what_it_rendered(shown: tuple[str, Path]) -> None:
    names = {metric[1] for record in seen(shown[1]).metrics for metric in record.metrics}
    assert {"demo.frames.rendered", "demo.published.size", "demo.movie.size"} <= names


def test_a_script_gets_json_and_the_files_stay_where_it_wants_them(tmp_path: Path) -> None:
    done = demo("--json", "--folder", str(tmp_path / "kept"))
    document = json.loads(done.stdout)
    good, bad = document["publishes"]
    assert done.returncode == 0
    assert Path(good["manifest"]).is_relative_to(tmp_path / "kept" / "nas")
    assert Path(good["manifest"]).is_file()
    assert bad["manifest"] is None
    assert "libfdk_aac" in bad["error"]
    assert document["delivered"] is None


def test_switched_off_it_says_so() -> None:
    done = demo(CLIENTOBS_DISABLED="1")
    assert done.returncode == 2
    assert "CLIENTOBS_DISABLED" in done.stderr


def test_with_an_endpoint_the_same_traces_arrive_there(drains: Path) -> None:
    with OtlpReceiver() as receiver:
        done = demo("--json", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.base)
        document = json.loads(done.stdout)
        assert document["delivered"] is True, done.stderr
        spans, logs = receiver.spans(), receiver.logs()
    arrived = {span.record.span_id.hex() for span in spans}
    assert arrived == {f"{span.span_id:016x}" for span in seen(drains).spans}
    assert {span.record.trace_id.hex() for span in spans} == {
        publish["trace_id"] for publish in document["publishes"]
    }
    shots = {span.attributes["production.shot"] for span in spans}
    assert shots == {"sh0040", "sh0050"}
    assert any("libfdk_aac" in str(log.attributes.get("exception.message")) for log in logs)
