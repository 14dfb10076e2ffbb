"""A file on the share, edited by hand: what is broken is named with file, line and key, the rest is used."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.config import toml_file
from clientobs.config.resolve import Resolved, resolve

if TYPE_CHECKING:
    from pathlib import Path


def settle(toml: str | bytes, *, strict: bool = False) -> Resolved:
    raw = toml.encode() if isinstance(toml, str) else toml
    return resolve(
        {"config": "/s/c.toml"}, environ={}, strict=strict, platform="linux", read_file=lambda _path: raw
    )


def told(found: Resolved) -> list[str]:
    return [str(problem) for problem in found.problems]


def test_an_unknown_key_is_named_with_its_line_and_the_rest_is_used() -> None:
    found = settle("[journal]\n# where\nhom = '/x'\nbulk_bytes = '8 MiB'\n")
    assert told(found) == ["/s/c.toml:3: journal.hom: unknown key; did you mean 'journal.home'?"]
    assert found.config.journal.bulk_bytes == 8 << 20


def test_a_wrong_type_is_named_with_what_is_accepted() -> None:
    found = settle("drain = 'off'\n[traces]\nsampler = 5\n")
    assert told(found) == [
        "/s/c.toml:1: drain: a table [drain] is expected here",
        (
            "/s/c.toml:3: traces.sampler: 5 is refused; accepted: always_on | always_off | traceidratio"
            " | parentbased_always_on | parentbased_always_off | parentbased_traceidratio"
        ),
    ]


def test_one_broken_line_costs_that_line_alone() -> None:
    found = settle("[journal]\nhome = /var/tmp/x\nbulk_bytes = 2097152\n[drain]\nmode = 'off'\n")
    [problem] = found.problems
    assert (problem.file, problem.line, problem.key) == ("/s/c.toml", 2, "journal.home")
    assert problem.message.startswith("not TOML: ")
    assert found.config.journal.home is None
    assert found.config.journal.bulk_bytes == 2097152
    assert found.config.drain.mode == "off"


def test_a_broken_table_header_costs_that_table_and_its_keys_reach_no_other() -> None:
    found = settle("[privacy]\nuser = 'none'\n[drain\nmode = 'off'\n[journal]\nhome = '/x'\n")
    assert [(problem.line, problem.key) for problem in found.problems] == [(3, "drain")]
    assert found.config.privacy.user == "none"
    assert found.config.drain.mode == "process"
    assert found.config.journal.home == "/x"


def test_several_slips_are_all_named() -> None:
    found = settle("a b\n[drain]\nmode = off\nidle_seconds = 5\n[journal]\nhome = '/x\n")
    assert [problem.line for problem in found.problems] == [1, 3, 6]
    assert found.config.drain.idle_seconds == 5


def test_a_file_beyond_repair_is_not_used_and_says_so() -> None:
    found = settle("\n".join(f"[t{number}]\n] = 1" for number in range(50)))
    assert found.problems[-1].message == "cannot be repaired, not used"
    assert not found.sources


def test_privacy_rules_survive_a_slip_elsewhere() -> None:
    found = settle("[limits\n[privacy]\nredact_keys = [\n  'show.*', # NDA\n  'client',\n]\n")
    assert found.config.privacy.redact_keys == ("show.*", "client")


@pytest.mark.parametrize("start", ["\ufeff", ""])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_files_saved_by_windows_editors_are_read(start: str, newline: str) -> None:
    found = settle(f"{start}[drain]{newline}{newline}mode = 'off'{newline}", strict=True)
    assert found.source("drain.mode").where == "/s/c.toml:3"


def test_a_file_in_another_encoding_is_a_problem_with_its_line() -> None:
    assert told(settle("a = 1\nb = 'ü'".encode("latin-1"))) == [
        "/s/c.toml:2: not UTF-8; save the file as UTF-8"
    ]


def test_an_oversized_file_is_not_parsed() -> None:
    [problem] = settle(b"#" * (toml_file.MAX_BYTES + 1)).problems
    assert "larger than" in problem.message


def test_a_missing_file_is_a_problem_even_as_an_argument(tmp_path: Path) -> None:
    path = str(tmp_path / "none.toml")
    found = resolve({"config": path}, environ={}, strict=False)
    assert told(found) == [f"{path}: cannot be read: No such file or directory"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe without a writer plays the server that hangs")
def test_a_share_that_hangs_holds_the_host_no_longer_than_the_limit(tmp_path: Path) -> None:
    pipe = str(tmp_path / "hung.toml")
    os.mkfifo(pipe)
    with pytest.raises(TimeoutError, match="did not answer within"):
        toml_file.read_within(pipe, limit=0.05)
    # let the abandoned reader go, so that the thread ends with the test
    with open(pipe, "wb"):
        pass
    for thread in threading.enumerate():
        if thread.name == "clientobs-config":
            assert thread.daemon
            thread.join(10)
            assert not thread.is_alive()


@given(st.binary(max_size=200))
def test_no_file_whatever_stops_the_host(raw: bytes) -> None:
    settle(raw)


_PIECES = [
    "[drain]",
    "[",
    "]",
    "mode",
    "=",
    "'off'",
    '"""',
    "'''",
    "\n",
    "{",
    "}",
    "a.b",
    "1",
    ",",
    "#",
    "\\",
    '"',
]


@given(st.lists(st.sampled_from(_PIECES), max_size=40))
def test_no_half_written_file_stops_the_host(pieces: list[str]) -> None:
    settle(" ".join(pieces))


def test_deep_nesting_is_a_problem_not_a_crash() -> None:
    assert settle("a = " + "[" * 100_000).problems
