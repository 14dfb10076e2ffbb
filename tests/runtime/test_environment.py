"""The session's environment: allow-listed, redacted, sent once per content."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import clientobs
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from clientobs.journal.records import LogRecord

_PREFIX = "process.environment_variable."


def _told(home: Path, service: str) -> LogRecord:
    runtime = clientobs.init(service)
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline:
            for one in seen(home).placed:
                if one.header.run == runtime.run and _is_environment(one.record):
                    return one.record  # type: ignore[no-any-return]
            time.sleep(0.01)
    finally:
        clientobs.shutdown()
    raise AssertionError("the keeper has told no environment")


def _is_environment(record: object) -> bool:
    return getattr(record, "event_name", "") == "session.environment"


def test_variables_are_sent_once_per_content(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "/studio/config.ocio")
    first, again = _told(home, "one"), _told(home, "two")
    assert first.attributes[_PREFIX + "OCIO"] == "/studio/config.ocio"
    assert list(again.attributes) == ["session.environment.id"]
    assert again.attributes == {"session.environment.id": first.attributes["session.environment.id"]}
    monkeypatch.setenv("OCIO", "/studio/other.ocio")
    other = _told(home, "three")
    assert other.attributes[_PREFIX + "OCIO"] == "/studio/other.ocio"
    assert other.attributes["session.environment.id"] != first.attributes["session.environment.id"]


def test_what_is_not_allowed_or_secret_is_not_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AYON_API_KEY", "f00dfeed")
    monkeypatch.setenv("SOME_STUDIO_SECRET", "hunter2")
    names = _told(home, "tool").attributes
    assert not [name for name in names if "AYON_API_KEY" in name or "STUDIO_SECRET" in name]
