"""`clientobs diff-env`: from journals, bundles and what Loki returned, in words and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.errors import BundleError
from clientobs.journal.format import Kind
from clientobs.viewer.differences import differences
from clientobs.viewer.loki import surroundings_from_loki
from clientobs.viewer.surroundings import Surroundings
from support.readback import seen
from support.workstation import Workstation, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOOL = """
    clientobs.init("publisher", version=sys.argv[1])
    say(clientobs.init().session)
    wait()
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path, CLIENTOBS_DRAIN="off") as made:
        yield made


def session(desk: Workstation, version: str, **environ: str) -> str:
    host = desk.start(TOOL, version, environ=environ)
    told = str(host.heard())
    until(lambda: told in {one.header.session for one in _environments(desk)})
    assert host.end() == 0
    return told


def _environments(desk: Workstation) -> list[Any]:
    return [one for one in seen(desk.home).of(Kind.LOG) if one.record.event_name == "session.environment"]


def test_sessions_that_are_alike_are_told_to_be(desk: Workstation) -> None:
    a, b = session(desk, "1"), session(desk, "1")
    done = desk.clientobs("diff-env", a[:12], b[:12])
    assert done.returncode == 0, done.stdout
    assert "nothing differs" in done.stdout


def test_what_differs_is_told_by_section(desk: Workstation) -> None:
    a = session(desk, "1", OCIO="/a.ocio", HOUDINI_PATH="/x:/y:&")
    b = session(desk, "2", HOUDINI_PATH="/y:/z:&", LANG="ko_KR.UTF-8")
    done = desk.clientobs("diff-env", a, b)
    assert done.returncode == 1
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "service.version  1  →  2" in lines
    assert "OCIO  /a.ocio  →  (not there)" in lines
    assert lines[lines.index("HOUDINI_PATH") + 1 :][:2] == ["only A  /x", "only B  /z"]


def test_a_bundle_is_compared_with_a_journal(desk: Workstation, tmp_path: Path) -> None:
    a = session(desk, "1", OCIO="/a.ocio")
    assert desk.clientobs("report", "--bundle", "a.zip").returncode == 0
    with Workstation(tmp_path, home=tmp_path / "other", CLIENTOBS_DRAIN="off") as other:
        b = session(other, "1", OCIO="/b.ocio")
        done = other.clientobs("diff-env", "a.zip", b, "--json")
        named = other.clientobs("diff-env", f"a.zip@{a[:8]}", f"{other.home}@{b[:8]}", "--json")
    found = json.loads(done.stdout)
    assert (found["a"]["session"], found["b"]["session"]) == (a, b)
    assert [(one["name"], one["a"], one["b"]) for one in found["differences"]] == [
        ("OCIO", "/a.ocio", "/b.ocio")
    ]
    assert found["not_compared"] == []
    assert json.loads(named.stdout) == found


def test_a_content_that_was_sent_before_is_in_a_bundle_too(desk: Workstation) -> None:
    session(desk, "1", OCIO="/a.ocio")
    again = session(desk, "1", OCIO="/a.ocio")
    desk.clientobs("report", "--bundle", "a.zip", "--max-size", "4")
    for path in desk.home.glob("environments/*"):
        path.unlink()
    done = desk.clientobs("diff-env", f"a.zip@{again}", f"a.zip@{again}", "--json")
    assert json.loads(done.stdout)["not_compared"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("feedbeef", "feedbeef"), "no such session"),
        (("none.zip", "none.zip"), "not there"),
        (("none.json", "none.json"), "can't be read"),
        (("zz", "zz"), "is no id"),
    ],
)
def test_what_is_not_there_is_told(desk: Workstation, arguments: tuple[str, str], words: str) -> None:
    session(desk, "1")
    done = desk.clientobs("diff-env", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


# Loki

ENVIRONMENT = {
    "session_id": "a" * 32,
    "service_name": "publisher",
    "session_environment_id": "e1",
    "session_packages_id": "p1",
    "machine_gpu_driver": '["nvidia 550.1"]',
}


def answer(path: Path, *entries: tuple[dict[str, str], str], apart: str = "") -> str:
    streams = []
    for number, (labels, line) in enumerate(entries):
        values: list[Any] = [str(number + 1), line]
        if apart:
            values.append({apart: labels} if apart != "flat" else labels)
        streams.append({"stream": {} if apart else labels, "values": [values]})
    path.write_text(json.dumps({"status": "success", "data": {"resultType": "streams", "result": streams}}))
    return str(path)


@pytest.mark.parametrize("apart", ["", "flat", "structuredMetadata"])
def test_what_loki_returned_is_read_in_each_of_its_forms(tmp_path: Path, apart: str) -> None:
    told = {**ENVIRONMENT, "process_environment_variable_OCIO": "/a"}
    packages = {"session_id": "a" * 32, "session_packages_id": "p1"}
    path = answer(tmp_path / "a.json", (told, "1 variable"), (packages, "1 packages\nnumpy 2.0"), apart=apart)
    (one,) = surroundings_from_loki(path).values()
    assert one.variables == {"OCIO": "/a"}
    assert one.packages == {"numpy": "2.0"}
    assert one.facts["machine.gpu.driver"] == "nvidia 550.1"
    assert one.facts["service.name"] == "publisher"


def test_a_content_that_another_session_sent_counts(tmp_path: Path) -> None:
    full = {**ENVIRONMENT, "process_environment_variable_OCIO": "/a"}
    path = answer(tmp_path / "a.json", (full, ""), ({**ENVIRONMENT, "session_id": "b" * 32}, ""))
    assert surroundings_from_loki(path)["b" * 32].variables == {"OCIO": "/a"}


def test_a_content_that_is_not_in_the_answer_is_told_by_its_id(desk: Workstation, tmp_path: Path) -> None:
    path = answer(tmp_path / "a.json", (ENVIRONMENT, ""))
    done = desk.clientobs("diff-env", path, path)
    assert done.returncode == 0
    assert "variables of A: their content e1 is not there" in done.stdout
    assert "nothing that could be compared differs" in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"data": {"result": {}}}',
        '{"data": 5}',
        "[" * 100_000,
        "\x00",
        '{"data": {"result": "x"}}',
    ],
    ids=range(8),
)
def test_what_is_no_answer_of_loki_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BundleError, match="no answer of Loki"):
        surroundings_from_loki(str(tmp_path / "a.json"))


@pytest.mark.parametrize(
    "streams",
    [
        [7],
        [{"stream": []}],
        [{"stream": {}, "values": 5}],
        [{"stream": {"session_id": 5}, "values": [[], ["x", 1], 3]}],
    ],
)
def test_odd_entries_are_passed_over(tmp_path: Path, streams: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"data": {"result": streams}}))
    assert surroundings_from_loki(str(tmp_path / "a.json")) == {}


def of(**variables: str) -> Surroundings:
    return Surroundings(session="s", variables=variables, packages={})


def test_the_order_of_a_path_is_a_difference() -> None:
    (one,) = differences(of(PATH="/a:/b"), of(PATH="/b:/a"))
    assert one.reordered
    assert not one.gone
    (one,) = differences(of(PATH="C:\\a;C:\\b"), of(PATH="C:\\b;C:\\c"))
    assert (one.gone, one.new) == (("C:\\a",), ("C:\\c",))


def test_a_tool_that_one_of_them_has_not_used_is_no_difference() -> None:
    a, b = of(), of()
    a.tools, b.tools = {"publisher": "1", "loader": "2"}, {"publisher": "1"}
    assert differences(a, b) == []
