"""Where headers come from, and what their errors never say."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.otlp.headers import Headers, parse_headers
from clientobs.errors import DeliveryError

if TYPE_CHECKING:
    from pathlib import Path


def test_lines_comments_and_equals_signs_in_values() -> None:
    text = "# token of the farm\n\nAuthorization=Basic YTpi==\r\n x-scope-orgid = studio \n"
    assert list(parse_headers(text, "test")) == [
        ("authorization", "Basic YTpi=="),
        ("x-scope-orgid", "studio"),
    ]


def test_command_wins_over_file_and_file_over_configuration(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("b=file\nc=file\n")
    command = (sys.executable, "-c", "print('c=command')")
    headers = Headers((("A", "fixed"), ("B", "fixed")), file=str(file), command=command)
    assert dict(headers.read()) == {"a": "fixed", "b": "file", "c": "command"}


def test_the_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("authorization=old")
    headers = Headers(file=str(file))
    assert headers.read() == (("authorization", "old"),)
    file.write_text("authorization=new")
    assert headers.read() == (("authorization", "new"),)


@pytest.mark.parametrize(
    "line",
    [
        "no equals sign hunter2",
        "bad name=hunter2",
        "x=hunter2\x01",
        "=hunter2",
        "Authorization: Bearer hunter2==",
    ],
)
def test_a_wrong_line_is_named_without_telling_the_secret(line: str) -> None:
    with pytest.raises(DeliveryError, match=r"headers_file f, line 2") as caught:
        list(parse_headers(f"# first\n{line}", "headers_file f"))
    assert "hunter2" not in str(caught.value)


def test_a_line_break_in_a_configured_value_is_refused() -> None:
    with pytest.raises(DeliveryError, match="control character"):
        Headers((("authorization", "x\r\nx-evil: 1"),)).read()


@pytest.mark.parametrize(
    "command",
    [
        ("/nonexistent/broker", "--secret=hunter2"),
        (sys.executable, "-c", "raise SystemExit(3)", "hunter2"),
        (sys.executable, "-c", "import sys; sys.stdout.buffer.write(b'\\xff')", "hunter2"),
    ],
    ids=["missing", "fails", "no text"],
)
def test_a_command_that_fails_is_named_without_its_arguments(command: tuple[str, ...]) -> None:
    with pytest.raises(DeliveryError) as caught:
        Headers(command=command).read()
    assert command[0] in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clientobs.drain.otlp.headers._COMMAND_SECONDS", 0.2)
    with pytest.raises(DeliveryError, match="TimeoutExpired"):
        Headers(command=(sys.executable, "-c", "import time; time.sleep(60)")).read()


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"headers_file .*missing cannot be read"):
        Headers(file=str(tmp_path / "missing")).read()


def test_only_file_and_command_can_change() -> None:
    assert not Headers((("a", "b"),)).changeable
    assert Headers(file="x").changeable
    assert Headers(command=("x",)).changeable
