"""Asking a program of the system: what it says, within bounds, and nothing of it left running."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from clientobs.drain.deaths.programs import ask_program, find_program
from support.workstation import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="asks /bin/sh")


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def test_what_it_prints_is_text_whatever_its_end() -> None:
    assert (
        ask_program(shell("printf 'one \\377 two'; echo no >&2; exit 3"), longest=20, most=100)
        == "one \ufffd two"
    )


def test_one_that_is_not_there_or_no_program_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no program")
    assert ask_program([str(tmp_path / "missing")], longest=20, most=100) == ""
    assert ask_program([str(tmp_path / "file")], longest=20, most=100) == ""


def test_one_that_never_ends_its_words_is_ended_at_the_bound() -> None:
    assert ask_program(shell("while :; do echo words; done"), longest=20, most=12) == "words\nwords\n"


@pytest.mark.parametrize("script", ["echo one; sleep 60 & wait", "echo one; exec >&-; sleep 60"])
def test_one_that_takes_too_long_is_ended_with_what_it_has_started(script: str, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    assert ask_program(shell(f"echo $$ > {note}; {script}"), longest=0.5, most=100) == ""
    group = int(note.read_text())
    until(lambda: not _in_group(group))


def _in_group(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_gets_no_variable_and_no_input_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
    said = ask_program(shell("env; cat"), longest=20, most=10_000)
    assert "PATH=/usr/bin:/bin" in said
    assert "LC_ALL=C" in said
    assert "secret" not in said


def test_a_program_is_looked_for_where_the_system_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journalctl-of-the-user").write_text("#!/bin/sh\n")
    (tmp_path / "journalctl-of-the-user").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program("journalctl-of-the-user") is None
    found = find_program("sh")
    assert found is not None
    assert Path(found).parent in {Path("/usr/bin"), Path("/bin")}
