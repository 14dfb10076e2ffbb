"""The path policy in what exceptions say: nothing of a hidden path is left in any record."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.record import recorder
from clientobs.record.stacks import message_of
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "OBERON"


@pytest.fixture
def running(home: Path) -> Iterator[Any]:
    def start(policy: str) -> None:
        root = {"proj": {"linux": "/mnt/proj", "macos": "/mnt/proj"}}
        assert clientobs.init("test-tool", files={"paths": policy}, roots=root).running

    yield start
    clientobs.shutdown()


def load(path: str) -> None:
    with clientobs.span("load"):
        try:
            os.rename(path, f"{path}.old")
        except OSError as error:
            raise RuntimeError(f"can't put {path} aside") from error


def test_a_dropped_path_is_in_no_record_at_all(running: Any, home: Path, tmp_path: Path) -> None:
    path = str(tmp_path / f"{SECRET}.ma")
    running("drop")
    with pytest.raises(RuntimeError, match=SECRET) as raised:
        load(path)
    assert str(raised.value) == f"can't put {path} aside", "the program's own exception is as it was"
    clientobs.shutdown()
    found = seen(home)
    (told,) = found.events("exception")
    assert told.attributes["exception.message"] == "can't put (hidden) aside"
    assert "'(hidden)' -> '(hidden)'" in told.attributes["exception.stacktrace"]
    assert found.span("load").status_message == "RuntimeError: can't put (hidden) aside"
    assert [repr(one.record) for one in found.placed if SECRET in repr(one.record)] == []


@pytest.mark.parametrize(
    ("policy", "path", "expected"),
    [
        ("keep", "/mnt/proj/sq010/a.ma", "'/mnt/proj/sq010/a.ma'"),
        ("portable", "/mnt/proj/sq010/a.ma", "'{proj}/sq010/a.ma'"),
        ("portable", "/elsewhere/a.ma", "'(hidden)'"),
        ("drop", b"/mnt/proj/\xb7.ma", "'(hidden)'"),
        ("drop", "a", "'(hidden)'"),
        ("drop", 'it\'s "odd"\n', "'(hidden)'"),
    ],
)
def test_a_message_has_the_path_that_the_policy_leaves(
    running: Any, policy: str, path: str | bytes, expected: str
) -> None:
    running(policy)
    error = FileNotFoundError(errno.ENOENT, "No such file or directory", path)
    assert message_of(error) == f"[Errno 2] No such file or directory: {expected}"


def test_the_name_is_hashed_as_in_the_attributes(running: Any) -> None:
    running("hash")
    error = FileNotFoundError(errno.ENOENT, "No such file or directory", f"/mnt/proj/{SECRET}.ma")
    message = message_of(error)
    assert message.endswith(".ma'")
    assert "'/mnt/proj/" in message
    assert SECRET not in message


def test_an_error_without_a_path_is_as_it_was(running: Any) -> None:
    running("drop")
    active = recorder.active()
    assert active is not None
    assert active.hide_path is not None
    for error in (OSError(errno.EIO, "Input/output error"), ValueError("/mnt/x"), OSError(3, "x", 5)):
        assert message_of(error) == str(error)
