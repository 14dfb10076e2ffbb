"""A command under `clientobs run --farm` that ends without a word: its parent saw how, and the session says so."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.otlp_inbox import Telemetry
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, and a status by waitpid")

BEGIN = 'import clientobs, ctypes, os, signal; clientobs.init("the-task")\n'


def end_of(receiver: OtlpReceiver, desk: Workstation, program: str, code: int) -> Telemetry:
    words = [sys.executable, "-m", "clientobs.cli.main", "run", "--farm", "--"]
    done = subprocess.run(
        [*words, sys.executable, "-c", BEGIN + program],
        env={**desk.environ, "OTEL_SERVICE_NAME": "the-farm"},
        timeout=60,
        check=False,
    )
    assert done.returncode == code

    def ends() -> list[Telemetry]:
        found = [one for one in receiver.logs() if one.record.event_name == "session.end"]
        return [one for one in found if one.resource["service.name"] == "the-task"]

    receiver.wait_for(lambda: bool(ends()), 30)
    (end,) = ends()
    return end


@pytest.mark.parametrize(
    ("program", "code", "status", "evidence"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, "abnormal", "ended by SIGKILL"),
        ("ctypes.CDLL(None)._exit(3)", 3, "exited", "exit status 3"),
        ("ctypes.CDLL(None)._exit(0)", 0, "exited", "exit status 0"),
        ("", 0, "exited", "atexit"),
    ],
    ids=["killed", "left by C", "left well by C", "well"],
)
def test_an_end_without_a_word_is_told_as_its_parent_saw_it(
    receiver: OtlpReceiver, desk: Workstation, program: str, code: int, status: str, evidence: str
) -> None:
    end = end_of(receiver, desk, program, code)
    assert (end.attributes["session.status"], end.attributes["session.evidence"]) == (status, evidence)


def test_a_fatal_signal_is_a_crash_with_its_stacks_all_the_same(
    receiver: OtlpReceiver, desk: Workstation
) -> None:
    end = end_of(receiver, desk, "ctypes.string_at(0)", -11)
    assert end.attributes["session.status"] == "crashed"
    (crash,) = [one for one in receiver.logs() if one.record.event_name == "app.crash"]
    assert "<module>" in str(crash.attributes)
