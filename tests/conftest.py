"""What every test rests on: guards that bite, a journal home of its own, and no drain left behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from clientobs._guarded import Faults, faults
from support.processes import end_processes_in

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["support.recording"]

_OURS = ("CLIENTOBS_", "OTEL_")
_CARRIED = ("TRACEPARENT", "TRACESTATE", "BAGGAGE")


def pytest_configure(config: pytest.Config) -> None:
    """Leave the torture and the real hosts out unless `-m` says otherwise, and let no example fail for being slow."""
    # A deadline is a wall-clock assertion: on a busy machine it fails what is right.
    settings.register_profile("clientobs", deadline=None)
    settings.load_profile("clientobs")
    config.option.markexpr = config.option.markexpr or "not torture and not hosts"
    # A shell lets what it starts in the background ignore Ctrl-C, and nohup the end of the terminal; every host of a
    # test would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _guards_bite() -> Iterator[None]:
    """Let each fault that a guard would swallow in a host fail the test."""
    faults.reset()
    faults.strict = True
    yield
    faults.strict = False
    faults.reset()


@pytest.fixture
def lenient_faults() -> Iterator[Faults]:
    """Let guards do in this test what they do in a host: swallow and count."""
    faults.strict = False
    yield faults
    faults.strict = True


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take the caller's settings away; give each test a journal home of its own, and no drain."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name in _CARRIED:
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLIENTOBS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLIENTOBS_DRAIN", "off")


@pytest.fixture
def home() -> Path:
    """Return the journal home of this test; the first one who needs it makes it."""
    return Path(os.environ["CLIENTOBS_HOME"])


@pytest.fixture
def drains(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Path]:
    """Let this test start drains; those of its home, and no others, are ended afterwards."""
    monkeypatch.delenv("CLIENTOBS_DRAIN")
    yield home
    end_processes_in(home)


@pytest.fixture(autouse=True, scope="session")
def _nothing_left_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail where a test forgot the fixture `drains`, and end what it left."""
    yield
    left = end_processes_in(tmp_path_factory.getbasetemp())
    assert not left, f"left running by a test: {left}"
