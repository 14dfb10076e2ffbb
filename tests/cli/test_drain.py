"""`clientobs drain` in the foreground: real journals, a real receiver, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clientobs.cli.main import DONE, USAGE, WRONG
from clientobs.config.destination import destination_key
from clientobs.config.resolve import resolve
from clientobs.drain.lock import DrainLock, drain_folder, file_of
from clientobs.journal.home import prepare
from support.otlp_receiver import OtlpReceiver
from viewer.recorder import Recorder
from viewer.story import span_record

SOURCE = str(Path(__file__).parents[2] / "src")
AWAY = "http://127.0.0.1:9"


def _environ(home: Path, endpoint: str | None) -> dict[str, str]:
    environ = {**os.environ, "PYTHONPATH": SOURCE, "CLIENTOBS_HOME": str(home)}
    return environ | ({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} if endpoint else {})


def _drain(home: Path, endpoint: str | None, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clientobs.cli.main", "drain", *words]
    return subprocess.run(
        command, env=_environ(home, endpoint), capture_output=True, text=True, timeout=60, check=False
    )


def _key(home: Path, endpoint: str) -> str:
    secret = prepare(str(home), uid=os.getuid() if hasattr(os, "getuid") else None).secret
    config = resolve({}, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, strict=True).config
    return destination_key(config.delivery, secret)


def _record(home: Path, endpoint: str) -> None:
    run = Recorder(home, destination=_key(home, endpoint))
    run.span(span_record(1, "publish"))
    run.close()


def test_once_delivers_what_is_there_and_ends(home: Path) -> None:
    with OtlpReceiver() as receiver:
        _record(home, receiver.base)
        done = _drain(home, receiver.base, "--once", "--json")
        assert [got.record.name for got in receiver.spans()] == ["publish"]
    assert (done.returncode, done.stderr) == (DONE, "")
    told = json.loads(done.stdout)
    assert (told["reason"], told["left_records"], told["delivered"]["traces"]) == ("done", 0, 1)


def test_once_gives_up_in_time_and_says_what_is_left(home: Path) -> None:
    _record(home, AWAY)
    done = _drain(home, AWAY, "--once", "--timeout", "0.5", "--json")
    assert done.returncode == WRONG, done.stderr
    assert json.loads(done.stdout)["left_records"] >= 1
    assert _drain(home, AWAY, "--once", "--timeout", "0.5").stdout.count("Connection refused") >= 1


def test_without_an_endpoint_it_says_which_variable_to_set(home: Path) -> None:
    done = _drain(home, None, "--once")
    assert done.returncode == USAGE
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in done.stderr


def test_another_drain_at_work_is_named(home: Path) -> None:
    _record(home, AWAY)
    drain_folder(str(home))
    lock = DrainLock.acquire(file_of(str(home), _key(home, AWAY), "lock"), version="0.1.0")
    assert lock is not None
    try:
        done = _drain(home, AWAY, "--once", "--timeout", "5")
    finally:
        lock.release()
    assert done.returncode == WRONG
    assert f"another drain delivers there already (pid {os.getpid()})" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="a console's Ctrl-Break is another matter")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_foreground_it_delivers_until_it_is_told_to_end(home: Path, number: signal.Signals) -> None:
    with OtlpReceiver() as receiver:
        _record(home, receiver.base)
        with subprocess.Popen(
            [sys.executable, "-m", "clientobs.cli.main", "drain"],
            env=_environ(home, receiver.base), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            deadline = time.monotonic() + 30
            while not receiver.spans() and time.monotonic() < deadline:
                time.sleep(0.02)
            child.send_signal(number)
            out, err = child.communicate(timeout=30)
        assert receiver.spans()
    assert (child.returncode, err) == (DONE, "")
    assert "told to end" in out
