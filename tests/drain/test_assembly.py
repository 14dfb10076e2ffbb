"""Whole drains: started as a host starts them, delivering what real processes recorded to a real receiver."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from clientobs.config.model import Config, DrainConfig
from clientobs.drain.assembly import has_work, life_of
from clientobs.drain.launch.ensure import Started, ensure_drain
from clientobs.drain.lock import file_of, look
from clientobs.drain.thread import start_thread
from clientobs.journal.home import Home, prepare
from clientobs.journal.lock import RunLock
from support.drain_site import until
from support.drains import DESTINATION, config_for
from support.recorder import Recorder

if TYPE_CHECKING:
    from support.otlp_receiver import OtlpReceiver


@pytest.fixture
def prepared(tmp_path: Path) -> Home:
    return prepare(str(tmp_path / "home"), uid=os.getuid() if os.name == "posix" else None)


def config(receiver: OtlpReceiver, idle_seconds: float = 0.5) -> Config:
    return dataclasses.replace(config_for(receiver.base), drain=DrainConfig(idle_seconds=idle_seconds))


def names(receiver: OtlpReceiver) -> list[str]:
    return sorted(span.record.name for span in receiver.spans())


def lock_of(home: Home) -> str:
    return file_of(home.path, DESTINATION, "lock")


def test_a_drain_started_by_a_host_delivers_and_leaves_when_idle(
    prepared: Home, receiver: OtlpReceiver
) -> None:
    with Recorder(Path(prepared.path)) as host:
        host.tell("span", name="publish")
        environ = {"PATH": os.environ["PATH"], "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}
        outcome = ensure_drain(config(receiver), prepared, DESTINATION, environ, is_network=lambda _: False)
        assert isinstance(outcome, Started)
        receiver.wait_for(lambda: names(receiver) == ["publish"], timeout=20)
        held = look(lock_of(prepared))
        assert held is not None
        host.end()
    until(lambda: look(lock_of(prepared)) is None)
    until(lambda: not psutil.pid_exists(held.pid))
    assert not has_work(prepared, DESTINATION)


def test_what_waits_and_who_lives_is_seen_without_the_lock(prepared: Home, receiver: OtlpReceiver) -> None:
    assert not has_work(prepared, DESTINATION)
    with Recorder(Path(prepared.path)) as host:
        host.tell("span", name="publish")
        assert has_work(prepared, DESTINATION)
        assert not has_work(prepared, "e" * 32)
        host.end()
    assert has_work(prepared, DESTINATION)  # it is gone, its span is not delivered
    life = life_of(config(receiver), prepared, DESTINATION, idle_seconds=0.1)
    assert life.run() == "idle"
    assert names(receiver) == ["publish"]
    assert not has_work(prepared, DESTINATION)


def test_a_run_that_has_only_just_begun_counts_as_work(prepared: Home) -> None:
    # it holds its lock, and has written no header that tells its destination: it may be ours
    folder = Path(prepared.runs, "a" * 32)
    folder.mkdir()
    lock = RunLock.acquire(f"{folder}.lock")
    assert has_work(prepared, DESTINATION)
    lock.release(closed=True)
    assert not has_work(prepared, DESTINATION)


def test_once_delivers_beside_a_living_run_and_ends(prepared: Home, receiver: OtlpReceiver) -> None:
    with Recorder(Path(prepared.path)) as host:
        host.tell("span", name="publish")
        life = life_of(config(receiver), prepared, DESTINATION, idle_seconds=60.0, steward="ops")
        assert life.once(timeout=20) == "done"
    assert names(receiver) == ["publish"]


def test_a_thread_of_the_host_delivers_alike(prepared: Home, receiver: OtlpReceiver) -> None:
    thread = start_thread(config(receiver), prepared, DESTINATION)
    with Recorder(Path(prepared.path)) as host:
        host.tell("span", name="publish")
        receiver.wait_for(lambda: names(receiver) == ["publish"], timeout=20)
    assert thread.stop(10.0)
    assert look(lock_of(prepared)) is None


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_drain_that_is_told_to_end_delivers_its_round_and_frees_the_lock(
    prepared: Home, receiver: OtlpReceiver
) -> None:
    environ = {"PATH": os.environ["PATH"]}
    with Recorder(Path(prepared.path)) as host:
        host.tell("span", name="publish")
        ensure_drain(config(receiver), prepared, DESTINATION, environ, is_network=lambda _: False)
        receiver.wait_for(lambda: names(receiver) == ["publish"], timeout=20)
        held = look(lock_of(prepared))
        assert held is not None
        psutil.Process(held.pid).terminate()
        until(lambda: not psutil.pid_exists(held.pid))
    assert look(lock_of(prepared)) is None
