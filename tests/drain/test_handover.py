"""Who asks whom to leave."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from clientobs.drain.handover import ask_to_leave, asked_to_leave, is_newer, withdraw
from clientobs.drain.lock import drain_folder

RISING = ["0.9", "1.0.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1", "1.0.1", "1.2", "1.10", "2.0"]


@pytest.fixture
def home(tmp_path: Path) -> str:
    drain_folder(str(tmp_path))
    return str(tmp_path)


def test_versions_are_ordered_as_releases_are() -> None:
    for older, newer in itertools.pairwise(RISING):
        assert is_newer(newer, older), (newer, older)
        assert not is_newer(older, newer), (older, newer)
    assert not any(is_newer(version, version) for version in RISING)
    assert not is_newer("1.0.0", "1.0")


@pytest.mark.parametrize("odd", ["", "?", "latest", "v", "\x00"])
def test_what_is_no_version_sends_nobody_away(odd: str) -> None:
    assert not is_newer(odd, "1.0")
    assert not is_newer("1.0", odd)


def test_a_request_is_for_older_drains_only(home: str) -> None:
    assert not asked_to_leave(home, "d1", "1.0")
    ask_to_leave(home, "d1", "1.1")
    assert asked_to_leave(home, "d1", "1.0")
    assert not asked_to_leave(home, "d1", "1.1")
    assert not asked_to_leave(home, "d2", "1.0")


def test_the_drain_that_fulfils_a_request_removes_it_and_an_older_one_leaves_it(home: str) -> None:
    ask_to_leave(home, "d1", "1.1")
    withdraw(home, "d1", "1.0")
    assert asked_to_leave(home, "d1", "1.0")
    withdraw(home, "d1", "1.1")
    assert not asked_to_leave(home, "d1", "1.0")
    withdraw(home, "d1", "1.1")
    assert os.listdir(os.path.join(home, "drain")) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": []}', b"\xff" * 300])
def test_a_damaged_request_sends_nobody_away(home: str, content: bytes) -> None:
    Path(home, "drain", "d1.leave").write_bytes(content)
    assert not asked_to_leave(home, "d1", "0.0.1")
