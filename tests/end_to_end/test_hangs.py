"""Main threads that stand still, each for real, told while they do.

The hosts run side by side over one home and one drain, as on a workstation: a hang takes two seconds to be one.
Work that only looks like a hang is in test_long_work.py, event loops are in test_qt.py.
"""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.otlp_receiver import OtlpReceiver
from support.slow_mount import slow_mount
from support.stage import Stage
from support.workstation import Workstation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_inbox import Telemetry

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads what Linux tells of threads"
)

HEAD = """
clientobs.init(sys.argv[1], version="2.1", session_kind="interactive", hangs={"seconds": 2})
clientobs.set_context(project="demo", shot="sq010_sh020")
"""
LOOP = """
def solve_constraints():
    while True:
        pass
def build_rig():
    solve_constraints()
with clientobs.span("shot work", **{"dcc.name": "maya", "dcc.scene.path": "/mnt/proj/old.ma"}):
    with clientobs.span("build rig", **{"dcc.scene.path": "/mnt/proj/sh020.ma"}):
        build_rig()
"""
CALLBACK = """
from clientobs.instruments.exceptions import callback
@callback(name="kAfterOpen")
def relink_textures():
    while True:
        pass
relink_textures()
"""
NATIVE = """
import ctypes
def refresh_viewport():
    ctypes.PyDLL(None).usleep(int(float(sys.argv[2]) * 1e6))
with clientobs.span("orbit", **{"dcc.scene.path": "/mnt/proj/sh020.ma"}):
    clientobs.event("scene.opened", "opened /mnt/proj/sh020.ma")
    say(clientobs.init().run)
    wait()  # until the watch has begun, and there is a drain to see what comes
    refresh_viewport()
    say("back")
    wait()
"""
STAT = """
def find_reference(path):
    return os.stat(path)
with clientobs.span("check references"):
    find_reference(sys.argv[2])
"""
DEADLOCK = """
import threading
class Cache:
    def __init__(self):
        self.lock = threading.Lock()
cache, scene = Cache(), threading.RLock()
here, there = threading.Event(), threading.Event()
def prefetch():
    with cache.lock:
        there.set(); here.wait()
        with scene:
            pass
def publish():
    with scene:
        here.set(); there.wait()
        with cache.lock:
            pass
threading.Thread(target=prefetch, name="prefetch", daemon=True).start()
with clientobs.span("publish"):
    publish()
"""
LOCKS = """
import collections, threading
locks = collections.defaultdict(threading.Lock)
def lock_for(asset):
    with guard:
        return locks[asset]
guard, both = threading.Lock(), threading.Barrier(2)
def swap(here, there):
    with lock_for(here):
        both.wait()
        with lock_for(there): pass
threading.Thread(target=swap, args=("rig", "hero"), name="prefetch", daemon=True).start()
with clientobs.span("publish"):
    swap("hero", "rig")
"""
WORKERS = """
import concurrent.futures, threading
cache, scene = threading.Lock(), threading.Lock()
both = threading.Barrier(2)
def prefetch():
    with cache:
        both.wait()
        with scene: pass
def export():
    with scene:
        both.wait()
        with cache: pass
with clientobs.span("publish"), concurrent.futures.ThreadPoolExecutor(2, "worker") as pool:
    work = [pool.submit(one) for one in (prefetch, export)]
    if sys.argv[2] == "result":
        work[0].result()
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("hangs")
    export, point = folder / "export", folder / "nas"
    export.mkdir()
    point.mkdir()
    settings = folder / "no_py_spy.toml"
    settings.write_text('[hangs]\npy_spy = "/nowhere/py-spy"\n')
    # What hangs on the mount can't be ended before the mount is gone.
    with (
        OtlpReceiver() as receiver,
        Workstation(folder, receiver.base) as desk,
        slow_mount(export, point, delay=60) as mounted,
    ):
        made = Stage(desk, receiver, HEAD)
        made.start("loop", LOOP)
        made.start("callback", CALLBACK)
        made.start("deadlock", DEADLOCK)
        made.start("locks", LOCKS)
        made.start("joins", WORKERS, "shutdown")
        made.start("asks", WORKERS, "result")
        if mounted:
            made.start("stat", STAT, str(point / "sq010" / "rig.ma"))
        begin_native(made, "native", "4.5", CLIENTOBS_CONFIG=str(settings))
        yield made
        for host in made.hosts.values():
            host.process.kill()
        receiver.closing.set()


def begin_native(stage: Stage, name: str, seconds: str, **environ: str) -> None:
    host = stage.start(name, NATIVE, seconds, **environ)
    stage.until_beat(host.heard(), lambda beat: beat.watch == "span")
    host.go()


def spans_of(told: Telemetry) -> list[str]:
    return [span.partition(" (")[0] for span in told.attributes["session.open_spans"]]


@pytest.mark.diagnosis("hung-storage")
def test_a_stat_on_storage_that_went_away_names_call_path_and_mount(stage: Stage) -> None:
    if "stat" not in stage.hosts:
        pytest.skip("no file system can be mounted here")
    nas = stage.desk.folder / "nas"
    hang = stage.event("stat", "app.hang")
    said = hang.attributes
    assert said["app.hang.reason"] == "file"
    assert said["app.hang.stacks"][0].startswith("__main__.<module>;__main__.find_reference;")
    line = stage.line_of(STAT, "    return os.stat(path)")
    assert f"line {line}, in find_reference" in said["code.stacktrace"]
    assert said["file.operation"] == "stat"
    assert said["file.path"] == str(nas / "sq010" / "rig.ma")
    assert said["storage.mount"] == str(nas)
    assert said["code.function.name"] == "__main__.find_reference"
    storage = stage.event("stat", "storage.hung")
    assert storage.attributes["storage.mount"] == str(nas)
    assert storage.attributes["app.hang.id"] == said["app.hang.id"]
    assert stage.hosts["stat"].process.poll() is None  # it was told while it hung
    for told in (hang, storage):
        assert_always(told, stage.desk, service=("stat", "2.1"), production={"shot": "sq010_sh020"})


@pytest.mark.diagnosis("endless-loop", "force-quit")
def test_an_endless_loop_is_told_while_it_runs_and_so_is_the_kill_that_ends_it(stage: Stage) -> None:
    hang = stage.event("loop", "app.hang")
    assert stage.hosts["loop"].process.poll() is None  # it was told while it hung
    assert hang.record.severity_text == "ERROR"
    assert hang.attributes["app.hang.reason"] == "computing"
    assert hang.attributes["code.function.name"] == "__main__.solve_constraints"
    stacks = hang.attributes["app.hang.stacks"]
    assert stacks[0].startswith("__main__.<module>;__main__.build_rig;__main__.solve_constraints ")
    assert_always(hang, stage.desk, service=("loop", "2.1"), production={"shot": "sq010_sh020"})
    stage.kill("loop")
    end = stage.event("loop", "session.end")
    assert end.attributes["session.status"] == "hung"
    assert end.attributes["session.ending"] == "hang_killed"
    assert end.attributes["app.hang.since"] == hang.attributes["app.hang.since"]
    assert end.attributes["session.id"] == hang.attributes["session.id"]
    assert end.record.body.string_value == (
        "The application was closed because it did not answer during 'build rig'."
    )
    assert spans_of(end) == ["shot work", "build rig"]
    for told in (hang, end):
        scene = told.attributes["dcc.name"], told.attributes["dcc.scene.path"]
        assert scene == ("maya", "/mnt/proj/sh020.ma")
    began = datetime.fromisoformat(hang.attributes["app.hang.since"].replace("Z", "+00:00"))
    assert end.record.time_unix_nano / 1e9 > began.timestamp() + 2
    assert_always(end, stage.desk, service=("loop", "2.1"), production={"shot": "sq010_sh020"})
    span = stage.span("loop", "build rig")
    assert hang.record.span_id == end.record.span_id == span.record.span_id


def test_a_host_s_callback_is_watched_as_a_span_is_and_told_by_its_name(stage: Stage) -> None:
    hang = stage.event("callback", "app.hang")
    assert hang.attributes["app.hang.reason"] == "computing"
    assert hang.attributes["code.function.name"].endswith("relink_textures")
    assert spans_of(hang) == ["kAfterOpen"]
    assert hang.record.body.string_value == (
        "The main thread computes without a pause during 'kAfterOpen', in relink_textures()."
    )
    assert_always(
        hang, stage.desk, service=("callback", "2.1"), production={"shot": "sq010_sh020"}, traced=False
    )
    stage.kill("callback")
    assert stage.event("callback", "session.end").attributes["session.ending"] == "hang_killed"


def test_native_code_that_holds_the_interpreter_is_seen_from_outside(stage: Stage) -> None:
    hang = stage.event("native", "app.hang")
    assert hang.attributes["app.hang.reason"] == "native"
    assert hang.attributes["app.hang.stack_source"] == "none"
    assert spans_of(hang) == ["orbit"]
    assert hang.attributes["dcc.scene.path"] == "/mnt/proj/sh020.ma"
    assert "INFO opened /mnt/proj/sh020.ma" in hang.attributes["session.log_lines"]
    host = stage.hosts["native"]
    assert host.heard() == "back"
    end = stage.event("native", "app.hang.end")
    assert end.attributes["app.hang.id"] == hang.attributes["app.hang.id"]
    assert end.attributes["app.hang.duration"] > hang.attributes["app.hang.duration"]
    assert hang.record.time_unix_nano < end.record.time_unix_nano
    assert host.end() == 0
    assert stage.event("native", "session.end").attributes["session.status"] == "exited"


@pytest.mark.diagnosis("deadlock")
def test_a_deadlock_says_who_waits_for_whom(stage: Stage) -> None:
    hang = stage.event("deadlock", "app.hang")
    assert hang.attributes["app.hang.reason"] == "deadlock"
    assert hang.attributes["app.hang.waits"] == [
        "MainThread waits for cache.lock, held by prefetch",
        "prefetch waits for scene, held by MainThread",
    ]
    assert any(stack.startswith("prefetch: ") for stack in hang.attributes["app.hang.threads"])
    assert_always(hang, stage.desk, service=("deadlock", "2.1"), production={"shot": "sq010_sh020"})
    stage.kill("deadlock")


@pytest.mark.diagnosis("deadlock")
def test_locks_that_are_handed_out_by_a_function_are_told_by_the_call(stage: Stage) -> None:
    hang = stage.event("locks", "app.hang")
    assert hang.attributes["app.hang.reason"] == "deadlock"
    assert hang.attributes["app.hang.waits"] == [
        "MainThread waits for lock_for(there), held by prefetch",
        "prefetch waits for lock_for(there), held by MainThread",
    ]
    stage.kill("locks")


@pytest.mark.diagnosis("deadlock")
@pytest.mark.parametrize("name", ["joins", "asks"])
def test_workers_that_wait_for_each_other_are_told_though_the_main_thread_waits_for_their_end(
    stage: Stage, name: str
) -> None:
    hang = stage.event(name, "app.hang")
    assert hang.attributes["app.hang.reason"] == "deadlock"
    waits = set(hang.attributes["app.hang.waits"])
    assert waits >= {
        "worker_0 waits for scene, held by worker_1",
        "worker_1 waits for cache, held by worker_0",
    }
    joins = [wait for wait in waits if wait.startswith("MainThread waits for the end of worker_")]
    assert len(joins) == (name == "joins")
    stage.kill(name)


@pytest.mark.skipif(
    shutil.which("py-spy") is None, reason="the extra `stacks` (py-spy) is not installed here"
)
def test_the_python_stack_under_native_code_is_read_by_py_spy(stage: Stage) -> None:
    begin_native(stage, "spied", "60")
    hang = stage.event("spied", "app.hang")
    assert hang.attributes["app.hang.stack_source"] == "py-spy"
    assert hang.attributes["code.function.name"] == "refresh_viewport"
    stage.kill("spied")
    assert stage.event("spied", "session.end").attributes["session.ending"] == "hang_killed"
