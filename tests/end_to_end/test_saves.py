"""Known work whose main thread waits for a thread that waits for a storage: a pipe that nobody writes stands for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support.stage import Stage

if TYPE_CHECKING:
    from clientobs._beat import Beat
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads what Linux tells of threads"
)

HEAD = """
import threading
clientobs.init(sys.argv[1], version="2.1", session_kind="interactive",
               hangs={"seconds": 2, "stall_seconds": 4})
path = sys.argv[1] + ".pipe"
os.mkfifo(path)
def stands(): open(path).read()
"""
SAVE = """
def save():
    writer = threading.Thread(target=stands, name="writer", daemon=True)
    writer.start()
    writer.join()
with clientobs.span("save scene"):
    save()
"""
POOL = """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
pool.submit(print, end="").result()
with clientobs.span("save scene"):
    say(clientobs.init().run)
    wait()  # until the watch has begun
    pool.submit(stands).result()
"""
LISTENER = """
threading.Thread(target=stands, name="command port", daemon=True).start()
say(clientobs.init().run)
wait()
with clientobs.span("render on the farm"):
    threading.Event().wait()
"""


def test_a_save_that_waits_for_its_writer_is_a_hang_and_one_beside_a_listener_is_none(
    receiver: OtlpReceiver, desk: Workstation
) -> None:
    stage = Stage(desk, receiver, HEAD)
    listener = stage.start("listener", LISTENER)
    beats: set[int] = set()

    def is_a_later_one(beat: Beat) -> bool:
        beats.add(beat.at)
        return beat.watch == "idle" and len(beats) > 1

    # They are a second apart: a thread that begins within hundredths of a second of the work is taken for its own.
    stage.until_beat(listener.heard(), is_a_later_one)
    listener.go()
    pool = stage.start("pool", POOL)
    stage.until_beat(pool.heard(), lambda beat: beat.work == "save")
    pool.go()
    stage.start("save", SAVE)
    for name in ("save", "pool"):
        hang = stage.event(name, "app.hang")
        assert hang.attributes["app.hang.reason"] == "file"
        assert hang.attributes["tool.work"] == "save"
        assert hang.attributes["file.path"] == f"{name}.pipe"
        assert any("stands" in stack for stack in hang.attributes["app.hang.threads"])
        stage.kill(name)
        assert stage.event(name, "session.end").attributes["session.ending"] == "hang_killed"
    stage.kill("listener")
    assert stage.event("listener", "session.end").attributes["session.ending"] == "killed"
