"""Bundles that came by mail: hostile and damaged ones are refused or read in part, and raise nothing else."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.errors import BundleError
from clientobs.journal.records import LogRecord, SpanEvent, SpanLink, SpanRecord
from clientobs.viewer.bundles import read as reading
from clientobs.viewer.bundles.lines import line_of, parse
from clientobs.viewer.bundles.read import open_bundle
from clientobs.viewer.model import Log, Run, Span
from clientobs.viewer.selection import last_traces

if TYPE_CHECKING:
    from pathlib import Path

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
    odd = [None, 7, {}, {**MANIFEST["runs"][0], "resource": []}, {**MANIFEST["runs"][0], "run": 5}]  # type: ignore[index]
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
