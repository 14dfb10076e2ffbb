"""Bundles: what was recorded reads the same from them, within a size, and hostile ones are refused."""

from __future__ import annotations

import os
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.errors import BundleError
from clientobs.viewer.bundles.read import open_bundle
from clientobs.viewer.bundles.write import Made, write_bundle
from clientobs.viewer.recordings import Recordings
from clientobs.viewer.reports import find_report
from clientobs.viewer.selection import by_id, last_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clientobs.journal.records import SpanRecord

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 1000


def made(home: Path, path: Path, **options: Any) -> Made:
    settings = {"since_ns": 0, "most_bytes": 32 << 20, "redact": str, **options}
    return write_bundle(
        str(path), Recordings(str(home / "v1")), doctor={"ok": True}, doctor_text="fine", **settings
    )


@pytest.fixture
def code(home: Path) -> Iterator[str]:
    """Record a session that fails and is reported, and is still running."""
    clientobs.init("publisher", version="1.4")
    with clientobs.context(shot="sh010"), clientobs.span("publish"):
        with clientobs.span("inner", data=b"\x00\xff", items=["a", 1]):
            pass
        with pytest.raises(ValueError, match="no plate"), clientobs.span("copy"):
            raise ValueError("no plate")
    yield clientobs.report_problem("안 돼요", screenshot=lambda: PNG)
    clientobs.shutdown()


def test_traces_read_the_same_from_a_bundle(code: str, home: Path, tmp_path: Path) -> None:
    clientobs.shutdown()
    done = made(home, tmp_path / "out.zip")
    assert (done.runs, done.attachments, done.left_out) == (1, 1, 0)
    (journal,) = last_traces(Recordings(str(home / "v1")), 1)
    bundle = open_bundle(str(tmp_path / "out.zip"))
    (trace,) = last_traces(bundle, 1)
    assert [(s.record, s.state, s.context, s.scope) for s in trace.walk()] == [
        (_without_numbers(s.record), s.state, s.context, s.scope) for s in journal.walk()
    ]
    assert [log.record.body for span in trace.walk() for log in span.logs] == ["ValueError: no plate"]
    assert trace.runs[0].resource == journal.runs[0].resource
    assert bundle.damaged == 0


def _without_numbers(record: SpanRecord) -> SpanRecord:
    from dataclasses import replace  # noqa: PLC0415

    return replace(record, context=0, scope=0)


def test_a_report_is_found_in_a_bundle_with_all_that_it_leads_to(
    code: str, home: Path, tmp_path: Path
) -> None:
    _until(lambda: list(home.glob("v1/*/*.png")))
    made(home, tmp_path / "out.zip")
    found = find_report(open_bundle(str(tmp_path / "out.zip")), code)
    assert found is not None
    assert found.value("problem.message") == "안 돼요"
    assert [trace.roots[0].record.name for trace in found.traces] == ["publish"]
    assert [log.record.body for log in found.errors] == ["ValueError: no plate"]
    name = f"attachments/{found.log.run.run}/{code}.png"
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.read(name) == PNG
        assert archive.read("doctor.txt") == b"fine"


def test_sessions_and_ids_are_found_in_a_bundle(code: str, home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "out.zip")
    bundle = open_bundle(str(tmp_path / "out.zip"))
    (run,) = bundle.manifest["runs"]
    assert len(by_id(bundle.fresh(), run["session"][:8])) == 1
    assert len(by_id(bundle.fresh(), run["run"][:8])) == 1
    assert by_id(bundle.fresh(), "f" * 32) == []


def test_what_runs_while_the_bundle_is_made_is_open_not_interrupted(home: Path, tmp_path: Path) -> None:
    clientobs.init("tool")
    with clientobs.span("long work"):
        made(home, tmp_path / "out.zip")
        bundle = open_bundle(str(tmp_path / "out.zip"))
        (trace,) = last_traces(bundle, 1)
    clientobs.shutdown()
    assert trace.state == "open"
    assert trace.end_ns(bundle.now_ns) == bundle.now_ns


@pytest.mark.usefixtures("code")
def test_what_is_older_stays_out_but_how_the_session_began(home: Path, tmp_path: Path) -> None:
    with clientobs.span("late"):
        pass
    _until(lambda: "session.environment" in _events(Recordings(str(home / "v1"))))
    spans = {s.record.name: s.record for t in last_traces(Recordings(str(home / "v1")), 9) for s in t.walk()}
    made(home, tmp_path / "out.zip", since_ns=spans["publish"].end_ns + 1)
    bundle = open_bundle(str(tmp_path / "out.zip"))
    assert [s.record.name for t in last_traces(bundle, 9) for s in t.walk()] == ["late"]
    events = {log.record.event_name for log in bundle.book.logs()} | _events(bundle.fresh())
    assert "session.start" in events
    assert "session.environment" in events


def _until(condition: Callable[[], object]) -> None:
    """Wait for what the keeper does when it finds the time."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _events(recordings: Recordings) -> set[str]:
    found = set()
    for folder, segment in recordings.newest_first():
        recordings.read(folder, segment)
        found |= {log.record.event_name for log in recordings.book.logs()}
    return found


def test_a_bundle_keeps_within_its_size_and_says_what_it_left_out(home: Path, tmp_path: Path) -> None:
    clientobs.init("tool")
    code = clientobs.report_problem("x")
    for _ in range(40):
        clientobs.event("noise", os.urandom(30_000).hex())
    clientobs.shutdown()
    done = made(home, tmp_path / "out.zip", most_bytes=400_000)
    assert done.left_out > 0
    assert os.path.getsize(tmp_path / "out.zip") == done.size <= 400_000
    bundle = open_bundle(str(tmp_path / "out.zip"))
    assert bundle.manifest["left_out"] == done.left_out
    assert find_report(bundle, code) is not None  # the vital lane goes first


def test_the_stacks_of_a_crash_are_redacted(code: str, home: Path, tmp_path: Path) -> None:
    clientobs.shutdown()
    (run,) = [path for path in (home / "v1").iterdir() if path.is_dir()]
    (run / "fault.txt").write_text('Fatal Python error: token=abc\n  File "/home/ron/x.py", line 1\n')
    made(home, tmp_path / "out.zip", redact=lambda text: text.replace("token=abc", "token=[redacted]"))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert b"token=[redacted]" in archive.read(f"faults/{run.name}.txt")


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_a_symlink_in_a_run_is_not_followed(code: str, home: Path, tmp_path: Path) -> None:
    clientobs.shutdown()
    (run,) = [path for path in (home / "v1").iterdir() if path.is_dir()]
    (tmp_path / "private").write_text("private")
    (run / "ABC-DEX.png").symlink_to(tmp_path / "private")
    (run / "fault.txt").unlink(missing_ok=True)
    (run / "fault.txt").symlink_to(tmp_path / "private")
    made(home, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert not [name for name in archive.namelist() if "ABC-DEX" in name or name.startswith("faults")]


def test_no_half_a_bundle_is_left(home: Path, tmp_path: Path) -> None:
    (home / "v1").mkdir(parents=True)
    with pytest.raises(BundleError, match="can't be written"):
        made(home, tmp_path / "not" / "there" / "out.zip")
    (tmp_path / "taken.zip").mkdir()
    with pytest.raises(BundleError):
        made(home, tmp_path / "taken.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "taken.zip"]


def test_what_is_there_and_no_bundle_stays_as_it_is(home: Path, tmp_path: Path) -> None:
    (home / "v1").mkdir(parents=True)
    scene, pipe = tmp_path / "hero.ma", tmp_path / "pipe"
    scene.write_text("//Maya ASCII")
    stage = tmp_path / "hero.usdz"
    with zipfile.ZipFile(stage, "w") as archive:
        archive.writestr("hero.usda", "#usda 1.0")
    if hasattr(os, "mkfifo"):  # stands for a device: /dev/full, of a root who is absent-minded
        os.mkfifo(pipe)
    before = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    for path in (scene, stage, pipe):
        if path.exists():
            with pytest.raises(BundleError, match="another"):
                made(home, path)
    assert {path.name: path.stat().st_mode for path in tmp_path.iterdir()} == before
    assert scene.read_text() == "//Maya ASCII"
    with zipfile.ZipFile(stage) as archive:
        assert archive.namelist() == ["hero.usda"]
    made(home, tmp_path / "out.zip")
    made(home, tmp_path / "out.zip")  # one of our own is made anew


def test_a_bundle_is_private(home: Path, tmp_path: Path) -> None:
    (home / "v1").mkdir(parents=True)
    made(home, tmp_path / "out.zip")
    assert os.name == "nt" or (tmp_path / "out.zip").stat().st_mode & 0o077 == 0
