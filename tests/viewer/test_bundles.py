"""Bundles: what was recorded reads the same from them, within a size, and hostile ones are refused."""

from __future__ import annotations

import json
import os
import struct
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clientobs
from clientobs.errors import BundleError
from clientobs.journal.records import LogRecord, SpanEvent, SpanLink, SpanRecord
from clientobs.viewer.bundles import read as reading
from clientobs.viewer.bundles.lines import line_of, parse
from clientobs.viewer.bundles.read import open_bundle
from clientobs.viewer.bundles.write import Made, write_bundle
from clientobs.viewer.model import Log, Run, Span
from clientobs.viewer.recordings import Recordings
from clientobs.viewer.reports import find_report
from clientobs.viewer.selection import by_id, last_traces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    with (
        pytest.raises(ValueError, match="no plate"),
        clientobs.context(shot="sh010"),
        clientobs.span("publish"),
    ):
        with clientobs.span("inner", data=b"\x00\xff", items=["a", 1]):
            pass
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
    assert [log.record.body for log in trace.roots[0].logs] == ["ValueError: no plate"]
    assert trace.runs[0].resource == journal.runs[0].resource
    assert bundle.damaged == 0


def _without_numbers(record: SpanRecord) -> SpanRecord:
    from dataclasses import replace  # noqa: PLC0415

    return replace(record, context=0, scope=0)


def test_a_report_is_found_in_a_bundle_with_all_that_it_leads_to(
    code: str, home: Path, tmp_path: Path
) -> None:
    deadline = time.monotonic() + 20
    while not list(home.glob("v1/*/*.png")):  # the keeper writes it
        assert time.monotonic() < deadline
        time.sleep(0.01)
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
    spans = {s.record.name: s.record for t in last_traces(Recordings(str(home / "v1")), 9) for s in t.walk()}
    made(home, tmp_path / "out.zip", since_ns=spans["publish"].end_ns + 1)
    bundle = open_bundle(str(tmp_path / "out.zip"))
    assert [s.record.name for t in last_traces(bundle, 9) for s in t.walk()] == ["late"]
    events = {log.record.event_name for log in bundle.book.logs()} | _events(bundle.fresh())
    assert "session.start" in events
    assert "session.environment" in events


def _events(recordings: Recordings) -> set[str]:
    found = set()
    for folder, segment in recordings.newest_first():
        recordings.read(folder, segment)
        found |= {log.record.event_name for log in recordings.book.logs()}
    return found


def test_a_bundle_keeps_within_its_size_and_says_what_it_left_out(home: Path, tmp_path: Path) -> None:
    clientobs.init("tool")
    for _ in range(40):
        clientobs.event("noise", os.urandom(30_000).hex())
    code = clientobs.report_problem("x")
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


def test_a_bundle_is_private(home: Path, tmp_path: Path) -> None:
    (home / "v1").mkdir(parents=True)
    made(home, tmp_path / "out.zip")
    assert os.name == "nt" or (tmp_path / "out.zip").stat().st_mode & 0o077 == 0


# Hostile ones

RUN = "a" * 32
MANIFEST = {
    "format": 1,
    "made_ns": 10,
    "runs": [
        {
            "run": RUN,
            "session": "b" * 32,
            "pid": 1,
            "role": "main",
            "resource": {},
            "started_ns": 1,
            "last_ns": 2,
            "alive": False,
            "closed": "exited",
        }
    ],
}


def zipped(path: Path, members: dict[str, bytes], manifest: object = MANIFEST) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name, data in members.items():
            archive.writestr(name, data)
    return str(path)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "records/../../x.jsonl",
        "C:\\windows\\x",
        "records/" + RUN + "/bulk-000001.seg",
        "records/" + RUN + "/bulk-000001.jsonl/",
        "attachments/" + RUN + "/../x.png",
        "manifest.json\n",
        "setup.py",
    ],
)
def test_a_name_that_no_bundle_has_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="no bundle does"):
        open_bundle(zipped(tmp_path / "x.zip", {name: b"x"}))


def test_a_bomb_is_refused_by_what_comes_out_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_MEMBER", 1_000_000)
    path = zipped(tmp_path / "x.zip", {f"records/{RUN}/bulk-000001.jsonl": bytes(50_000_000)})
    assert os.path.getsize(path) < 100_000
    bundle = open_bundle(path)
    with pytest.raises(BundleError, match="unpacks to more"):
        last_traces(bundle, 1)


def test_many_members_are_refused_by_their_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LARGEST_IN_ALL", 3_000_000)
    members = {f"records/{RUN}/bulk-{number:06d}.jsonl": b" " * 1_000_000 for number in range(5)}
    bundle = open_bundle(zipped(tmp_path / "x.zip", members))
    with pytest.raises(BundleError, match="unpacks to more"):
        last_traces(bundle, 1)


@pytest.mark.parametrize(
    ("line", "count", "why"), [(b"", 200_000, "more lines"), (b"{}", 20_000, "no record")]
)
def test_a_member_of_worthless_lines_is_given_up(tmp_path: Path, line: bytes, count: int, why: str) -> None:
    bundle = open_bundle(
        zipped(tmp_path / "x.zip", {f"records/{RUN}/bulk-000001.jsonl": (line + b"\n") * count})
    )
    with pytest.raises(BundleError, match=why):
        last_traces(bundle, 1)


def test_a_size_that_lies_is_no_way_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_MEMBER", 1_000_000)
    path = zipped(tmp_path / "x.zip", {f"records/{RUN}/bulk-000001.jsonl": bytes(5_000_000)})
    data = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(data.replace(struct.pack("<L", 5_000_000), struct.pack("<L", 10)))
    with pytest.raises(BundleError):
        last_traces(open_bundle(path), 1)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("manifest.json", json.dumps(MANIFEST))
        archive.writestr("manifest.json", json.dumps(MANIFEST))
    with pytest.raises(BundleError, match="two entries"):
        open_bundle(str(tmp_path / "x.zip"))


def test_an_encrypted_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    zipped(path, {})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # general purpose flag of the local header ...
    data[data.index(b"PK\x01\x02") + 8] |= 1  # ... and of the directory
    path.write_bytes(data)
    with pytest.raises(BundleError, match="broken at"):
        open_bundle(str(path))


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        [],
        {},
        {"format": 1},
        {"format": 1, "runs": {}},
        {"format": 2, "runs": []},
        {"format": [[]], "runs": []},
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, manifest: object) -> None:
    with pytest.raises(BundleError, match=r"manifest|format"):
        open_bundle(zipped(tmp_path / "x.zip", {}, manifest))


def test_a_manifest_too_deep_for_python_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("manifest.json", "[" * 200_000)
    with pytest.raises(BundleError, match="manifest"):
        open_bundle(str(tmp_path / "x.zip"))


def test_odd_runs_in_a_manifest_are_left_out(tmp_path: Path) -> None:
    odd = [None, 7, {}, {**MANIFEST["runs"][0], "resource": []}, {**MANIFEST["runs"][0], "run": 5}]  # type: ignore[index,dict-item]
    bundle = open_bundle(zipped(tmp_path / "x.zip", {}, {**MANIFEST, "runs": odd}))
    assert list(bundle.newest_first()) == []


def test_a_missing_file_and_one_that_is_no_zip_are_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not there"):
        open_bundle(str(tmp_path / "none.zip"))
    (tmp_path / "x.zip").write_bytes(b"hello")
    with pytest.raises(BundleError, match="no bundle"):
        open_bundle(str(tmp_path / "x.zip"))


@given(
    cut=st.integers(0, 2_000),
    flips=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=4),
)
def test_damage_is_refused_or_read_but_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flips: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.mktemp("damage") / "x.zip"
    zipped(path, {f"records/{RUN}/bulk-000001.jsonl": line_of(_span()) + line_of(_log())})
    data = bytearray(path.read_bytes()[: max(cut, 1)])
    for place, value in flips:
        data[place % len(data)] = value
    path.write_bytes(data)
    try:
        last_traces(open_bundle(str(path)), 5)
    except BundleError as error:
        assert str(path) in str(error)  # noqa: PT017  # it may as well be readable


def _run() -> Run:
    return Run(run=RUN, session="b" * 32, pid=1)


def _span(**fields: Any) -> Span:
    record = SpanRecord(
        *(
            1,
            2,
            0,
            "n",
            0,
            1,
            "",
            0,
            0,
            5,
            5,
            {"a": b"\x00", "b": [1, None, 2.5, {"c": True}], "ㄱ": "\ud800"},
        ),
        links=(SpanLink(3, 4, "", {"k": "v"}),),
        end_ns=9,
        events=(SpanEvent("e", 6, {}),),
    )
    return Span(run=_run(), record=record, ended=True, context={"production.shot": "sh"}, scope="s", **fields)


def _log() -> Log:
    record = LogRecord(5, 5, 9, "INFO", {"structured": [b"x"]}, "ev", {"k": 1}, 1, 2, 1, 0, 0)
    return Log(run=_run(), record=record, context={}, scope="")


def test_a_line_gives_back_the_record() -> None:
    span, log = _span(), _log()
    assert parse(line_of(span)) == ("span", span.record, span.context, "s")
    assert parse(line_of(log)) == ("log", log.record, {}, "")


@pytest.mark.parametrize(
    "change",
    [
        {"trace_id": -1},
        {"trace_id": 1 << 128},
        {"trace_id": "1"},
        {"span_id": True},
        {"start_ns": 1 << 63},
        {"start_ns": 1.5},
        {"name": None},
        {"attributes": []},
        {"links": [{"trace_id": 1}]},
        {"links": 7},
        {"events": [[]]},
        {"record": "code"},
        {"record": {}},
        {"context": []},
        {"scope": 1},
    ],
)
def test_a_line_with_a_field_that_is_none_of_its_kind_is_left_out(change: dict[str, Any]) -> None:
    document = {**json.loads(line_of(_span())), **change}
    assert parse(json.dumps(document).encode()) is None


@given(st.binary(max_size=300))
def test_a_line_of_anything_raises_nothing(line: bytes) -> None:
    assert parse(line) is None


def test_a_line_that_is_too_deep_or_too_long_a_number_is_left_out() -> None:
    assert parse(b"[" * 100_000) is None
    assert parse(b'{"record": "span", "trace_id": ' + b"9" * 10_000 + b"}") is None
