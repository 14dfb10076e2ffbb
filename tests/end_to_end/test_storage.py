"""Slow, full and unseen storage as it happens to artists, in tools that know nothing of clientobs but a span.

What is asserted is what the endpoint received. A share is a mount of its own (support/slow_mount.py), a full disk a
small one.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.disks import tmpfs
from support.slow_mount import slow_mount
from support.tools import failures, run_tool, span
from support.workstation import until

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux has them")

CACHE = """
import os, pickle, sys
import clientobs

clientobs.init("sim-cache", version="0.9")


def write_cache(path, frames):
    with open(path, "wb") as out:
        for frame in range(frames):
            pickle.dump({"frame": frame, "points": os.urandom(16_000)}, out)


with clientobs.context(shot="sq030_sh110"), clientobs.span("write cache"):
    try:
        write_cache(sys.argv[1], 200)
    except Exception:
        print("the cache could not be written")
"""


@pytest.mark.diagnosis("full-disk")
def test_a_full_disk_tells_its_room_what_was_written_and_which_file_is_left(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    disk = tmp_path / "cache"
    with tmpfs(disk, "1m") as mounted:
        if not mounted:
            pytest.skip("a disk of its own can't be mounted here")
        path = disk / "sim.pkl"
        run_tool(desk, CACHE, path)
        cache, full = span(receiver, "write cache"), span(receiver, "file write")
        left = path.stat().st_size
    assert full.attributes["error.code"] == "ENOSPC"
    assert full.attributes["file.path"] == str(path)
    assert full.attributes["storage.mount"] == str(disk)
    assert full.attributes["storage.kind"] == "tmpfs"
    assert full.attributes["storage.size"] == 1 << 20
    assert full.attributes["storage.free"] == 0
    assert full.attributes["file.written"] == left
    assert full.attributes["file.size"] == left
    assert cache.attributes["file.io.left_behind"] == [str(path)]
    assert cache.attributes["file.io.written"] == left > 500_000
    assert full.record.parent_span_id == cache.record.span_id
    assert_always(full, desk, service=("sim-cache", "0.9"), production={"shot": "sq030_sh110"})


DELIVER = """
import os, shutil, sys
import clientobs

clientobs.init("deliver", version="1.1")

with clientobs.span("deliver"):
    source, folder = sys.argv[1:]
    draft = os.path.join(folder, "." + os.path.basename(source) + ".part")
    try:
        shutil.copy2(source, draft)
        os.replace(draft, os.path.join(folder, os.path.basename(source)))
    except OSError:
        print("not delivered")
"""


def test_a_copy_onto_a_full_disk_tells_the_same_though_python_saw_no_write(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    disk, source = tmp_path / "cache", tmp_path / "plate.exr"
    source.write_bytes(b"x" * 3_000_000)
    with tmpfs(disk, "1m") as mounted:
        if not mounted:
            pytest.skip("a disk of its own can't be mounted here")
        run_tool(desk, DELIVER, source, disk)
        deliver, full = span(receiver, "deliver"), span(receiver, "file copyfile")
        left = disk / ".plate.exr.part"
        size = left.stat().st_size
    assert (full.attributes["error.code"], full.attributes["file.path"]) == ("ENOSPC", str(left))
    assert full.attributes["file.source"] == str(source)
    assert full.attributes["file.written"] == full.attributes["file.size"] == size
    assert (full.attributes["storage.mount"], full.attributes["storage.size"]) == (str(disk), 1 << 20)
    assert deliver.attributes["file.io.left_behind"] == [str(left)]


SCENE = """
import glob, os, sys
import clientobs

clientobs.init("scene-loader", version="1.0")

nas, local = sys.argv[1:]

with clientobs.context(shot="sq010_sh020"), clientobs.span("load scene"):
    for folder in (local, nas):
        for path in sorted(glob.glob(os.path.join(folder, "*.cache"))):
            with open(path, "rb") as file:
                file.read()
"""


@pytest.mark.diagnosis("slow-storage")
def test_a_nas_that_takes_400_ms_for_each_open_is_told_beside_the_local_disk(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    export, point, local = tmp_path / "export", tmp_path / "nas", tmp_path / "local"
    for folder in (export, point, local):
        folder.mkdir()
    for folder in (export, local):
        for number in range(4):
            (folder / f"{number}.cache").write_bytes(b"x" * 5000)
    with slow_mount(export, point, opening=0.4) as mounted:
        if not mounted:
            pytest.skip("no file system can be mounted here")
        run_tool(desk, SCENE, point, local)
    load = span(receiver, "load scene")
    told = load.attributes
    lasted = (load.record.end_time_unix_nano - load.record.start_time_unix_nano) / 1e9
    assert told["file.io.mounts"][0] == str(point)
    assert told["file.io.mounts.kind"][0] == "fuse"
    assert 1.6 <= told["file.io.mounts.time"][0] <= told["file.io.time"] <= lasted
    assert told["file.io.network.time"] > 10 * told["file.io.local.time"]
    assert told["file.io.opened"] == 8
    assert told["file.io.operations"] >= 8
    assert told["file.io.mounts.operations"][0] >= 4
    assert told["file.io.read"] == 8 * 5000
    assert told["file.io.mounts.read"][0] == 4 * 5000
    assert os.path.dirname(told["file.io.slowest.path"]) == str(point)
    assert told["file.io.slowest.operation"] == "open"
    assert told["file.io.slowest.time"] >= 0.4
    slow = [one for one in receiver.spans() if one.record.name == "file open"]
    assert {one.attributes["file.path"] for one in slow} == {str(point / f"{n}.cache") for n in range(4)}
    # Slow is told as slow: no failure in it (healthy work, too, may take its time).
    assert failures(receiver) == []
    assert_always(load, desk, service=("scene-loader", "1.0"), production={"shot": "sq010_sh020"})


NATIVE = """
import ctypes
clientobs.init("maya", version="2026")
with clientobs.span("load scene"), open(sys.argv[1], "rb") as file:
    libc, room = ctypes.CDLL(None), ctypes.create_string_buffer(1 << 20)
    for _ in range(40):
        assert libc.pread(file.fileno(), room, 1 << 20, 0) == 1 << 20
say("read")
wait()
"""


def test_what_c_reads_is_no_file_of_python_s_and_told_as_the_process_s(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    (tmp_path / "sim.abc").write_bytes(b"x" * (1 << 20))
    host = desk.start(NATIVE, str(tmp_path / "sim.abc"))
    host.heard()
    until(lambda: any((one["read"] or 0) >= 40 << 20 for s in desk.states() for one in s.processes.values()))
    status = desk.clientobs("status").stdout
    assert host.end() == 0
    assert span(receiver, "load scene").attributes["file.io.read"] < 1 << 20
    receiver.wait_for(lambda: moved(receiver).get(("maya", "read"), 0) >= 40 << 20, 30)
    assert re.search(r"● maya .*\n +read 4\d\.\d MiB, wrote ", status), status


def moved(receiver: OtlpReceiver) -> dict[tuple[str, str], int]:
    """Return the totals of process.io by service and direction, as they came last."""
    found: dict[tuple[str, str], int] = {}
    for one in receiver.metrics():
        if one.record.name == "process.io":
            for point in one.record.sum.data_points:
                found[one.resource["service.name"], point.attributes[0].value.string_value] = point.as_int
    return found
