"""File troubles as they happen to artists, each in a tool that knows nothing of clientobs but init() and a span.

What is asserted is what the endpoint received. The tools are those that studios write: they swallow errors, retry,
write beside and rename. A share is a mount of its own (support/slow_mount.py), a full disk a small one.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from support.disks import tmpfs
from support.slow_mount import slow_mount
from support.workstation import until

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Telemetry
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts and permissions as Linux has them")

ERROR = 2
RUN_SCRIPT = "import runpy; sys.argv[:2] = sys.argv[1:2]; runpy.run_path(sys.argv[0], run_name='__main__')"


def tool(desk: Workstation, source: str, *arguments: object) -> None:
    """Run a tool to its good end."""
    desk.run(RUN_SCRIPT, script_of(desk, source), *(str(one) for one in arguments))


def script_of(desk: Workstation, source: str) -> str:
    """Write a tool down, as the file that its tracebacks name."""
    script = desk.folder / "tool.py"
    script.write_text(source.lstrip(), encoding="utf-8")
    return str(script)


def span(receiver: OtlpReceiver, name: str) -> Telemetry:
    """Return the one span of that name, once the session has ended and all of it has arrived."""
    receiver.wait_for(lambda: any(one.record.event_name == "session.end" for one in receiver.logs()), 30)
    receiver.wait_for(lambda: any(one.record.name == name for one in receiver.spans()), 30)
    (found,) = [one for one in receiver.spans() if one.record.name == name]
    return found


def said_always(one: Telemetry) -> set[str]:
    """Return which of what every row must have is there: machine, versions, session, and when."""
    names = {"service.name", "service.version", "host.name", "os.type", "process.runtime.version"}
    began = getattr(one.record, "start_time_unix_nano", 0) or one.record.time_unix_nano
    assert began > 1_700_000_000 * 10**9
    return (names - one.resource.keys()) | ({"session.id"} - one.attributes.keys())


def failures(receiver: OtlpReceiver) -> list[str]:
    """Return everything that says that something went wrong: spans with status error, events, exceptions."""
    told = [one.record.name for one in receiver.spans() if one.record.status.code == ERROR]
    told += [one.record.event_name for one in receiver.logs() if one.record.severity_number >= 13]
    return told


LOADER = """
import os, sys
import clientobs

clientobs.init("lookdev-loader", version="2.3.1", roots={"proj": {"linux": sys.argv[1]}})

MAPS = ("diffuse", "roughness", "displacement")


class Loader:
    def __init__(self, root):
        self.root = root
        self.problems = 0

    def find(self, asset, name):
        for extension in (".tx", ".exr", ".tif"):
            path = os.path.join(self.root, "assets", asset, "tex", f"{asset}_{name}{extension}")
            if os.path.exists(path):
                return path
        return os.path.join(self.root, "assets", asset, "tex", f"{asset}_{name}.exr")

    def load(self, asset):
        for name in MAPS:
            try:
                with open(self.find(asset, name), "rb") as file:
                    file.read(64)
            except Exception:
                self.problems += 1
        return self.problems == 0


with clientobs.context(project="mars", shot="sq010_sh020"):
    with clientobs.span("load asset"):
        if not Loader(sys.argv[1]).load("hero"):
            print("failed")
"""


def test_a_missing_texture_is_named_though_the_tool_says_failed_and_no_more(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    textures = tmp_path / "assets" / "hero" / "tex"
    textures.mkdir(parents=True)
    for name in ("diffuse", "displacement"):
        (textures / f"hero_{name}.exr").write_bytes(b"\0" * 128)
    tool(desk, LOADER, tmp_path)
    load = span(receiver, "load asset")
    assert load.attributes["file.io.missing"] == [str(textures / "hero_roughness.exr")]
    assert load.attributes["file.io.failures"] == ["ENOENT open {proj}/assets/hero/tex/hero_roughness.exr"]
    assert load.attributes["production.shot"] == "sq010_sh020"
    assert load.attributes["production.project"] == "mars"
    assert said_always(load) == set()


PUBLISH = """
import json, os, shutil, sys, tempfile
import clientobs

# Root is refused nothing, and tests may run as root: this is what it takes to be an ordinary user here.
import ctypes
if os.geteuid() == 0:
    head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(head, data) == 0
    for word in (0, 1):
        data[word] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(head, data) == 0

clientobs.init("publisher", version="5.0")


def publish(work, folder):
    name = os.path.basename(work)
    draft = os.path.join(folder, "." + name + ".part")
    try:
        shutil.copyfile(work, draft)
        os.replace(draft, os.path.join(folder, name))
    except OSError as error:
        print("publish did not work:", type(error).__name__)


with clientobs.context(asset="hero", task="rig"), clientobs.span("publish"):
    publish(*sys.argv[1:])
"""


def test_a_read_only_publish_folder_tells_who_owns_it_and_who_was_refused(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    folder = tmp_path / "publish"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, 4321, 8765)
    folder.chmod(0o555)
    work = tmp_path / "hero_rig_v012.ma"
    work.write_text("//Maya ASCII")
    tool(desk, PUBLISH, work, folder)
    publish = span(receiver, "publish")
    refused = span(receiver, "file open")
    found = os.stat(folder)
    assert refused.record.parent_span_id == publish.record.span_id
    assert refused.attributes["error.code"] == "EACCES"
    assert refused.attributes["file.path"] == str(folder / ".hero_rig_v012.ma.part")
    assert refused.attributes["file.refused.path"] == str(folder)
    assert refused.attributes["file.owner"] == found.st_uid
    assert refused.attributes["file.group"] == found.st_gid
    assert refused.attributes["file.mode"] == "0555"
    assert refused.attributes["file.refused.user"] == os.geteuid()
    assert publish.attributes["production.asset"] == "hero"
    assert said_always(refused) == set()


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


def test_a_full_disk_tells_its_room_what_was_written_and_which_file_is_left(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    disk = tmp_path / "cache"
    with tmpfs(disk, "1m") as mounted:
        if not mounted:
            pytest.skip("a disk of its own can't be mounted here")
        path = disk / "sim.pkl"
        tool(desk, CACHE, path)
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
    assert said_always(full) == set()


def test_a_copy_onto_a_full_disk_tells_the_same_though_python_saw_no_write(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    disk, source = tmp_path / "cache", tmp_path / "plate.exr"
    source.write_bytes(b"x" * 3_000_000)
    with tmpfs(disk, "1m") as mounted:
        if not mounted:
            pytest.skip("a disk of its own can't be mounted here")
        tool(desk, PUBLISH, source, disk)
        publish, full = span(receiver, "publish"), span(receiver, "file copyfile")
        left = disk / ".plate.exr.part"
        size = left.stat().st_size
    assert (full.attributes["error.code"], full.attributes["file.path"]) == ("ENOSPC", str(left))
    assert full.attributes["file.source"] == str(source)
    assert full.attributes["file.written"] == full.attributes["file.size"] == size
    assert (full.attributes["storage.mount"], full.attributes["storage.size"]) == (str(disk), 1 << 20)
    assert publish.attributes["file.io.left_behind"] == [str(left)]


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
        tool(desk, SCENE, point, local)
    load = span(receiver, "load scene")
    told = load.attributes
    lasted = (load.record.end_time_unix_nano - load.record.start_time_unix_nano) / 1e9
    assert told["file.io.mounts"][0] == str(point)
    assert told["file.io.mounts.kind"][0] == "fuse"
    assert 1.6 <= told["file.io.mounts.time"][0] <= told["file.io.time"] <= lasted
    assert told["file.io.network.time"] > 10 * told["file.io.local.time"]
    assert told["file.io.opened"] == 8
    assert told["file.io.read"] == 8 * 5000
    assert told["file.io.mounts.read"][0] == 4 * 5000
    assert os.path.dirname(told["file.io.slowest.path"]) == str(point)
    assert told["file.io.slowest.operation"] == "open"
    assert told["file.io.slowest.time"] >= 0.4
    slow = [one for one in receiver.spans() if one.record.name == "file open"]
    assert {one.attributes["file.path"] for one in slow} == {str(point / f"{n}.cache") for n in range(4)}
    # Slow is told as slow: no failure in it (healthy work, too, may take its time).
    assert failures(receiver) == []
    assert said_always(load) == set()


KOREAN = "레이아웃"
INGEST = """
import os, sys
import clientobs

clientobs.init("ingest", version="3.1")
sys.stderr = open(os.devnull, "w")


def names_of(folder):
    return [raw.decode("utf-8") for raw in os.listdir(os.fsencode(folder))]


with clientobs.context(project="mars"), clientobs.span("ingest"):
    names_of(sys.argv[1])
"""
CATALOGUE = """
import os, sys
import clientobs

clientobs.init("catalogue", version="3.1")
sys.stderr = open(os.devnull, "w")


def write_catalogue(folder, path):
    with open(path, "w", encoding="utf-8") as out:
        for entry in os.scandir(folder):
            out.write(entry.path)


with clientobs.context(project="mars"), clientobs.span("catalogue"):
    write_catalogue(*sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("source", "kind", "line", "code"),
    [
        (INGEST, "UnicodeDecodeError", 9, 'raw.decode("utf-8")'),
        (CATALOGUE, "UnicodeEncodeError", 11, "out.write(entry.path)"),
    ],
    ids=["names taken for UTF-8", "a name written into a UTF-8 file"],
)
def test_a_korean_name_that_can_not_be_decoded_is_told_to_the_byte(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path, source: str, kind: str, line: int, code: str
) -> None:
    """A name from a workstation of the years of cp949, and tools of today."""
    folder, name = tmp_path / "plates", KOREAN.encode("cp949") + b"_v001.ma"
    folder.mkdir()
    os.close(os.open(os.fsencode(folder) + b"/" + name, os.O_CREAT))
    arguments = (str(folder), str(tmp_path / "catalogue.txt"))
    host = desk.start(RUN_SCRIPT, script_of(desk, source), *arguments, environ={"LC_ALL": "C.UTF-8"})
    assert host.end() == 1
    receiver.wait_for(lambda: any(one.record.event_name == "exception" for one in receiver.logs()), 30)
    (told,) = [one for one in receiver.logs() if one.record.event_name == "exception"]
    whole = os.fsencode(folder) + b"/" + name if source is CATALOGUE else name
    assert told.attributes["exception.type"] == kind
    assert bytes.fromhex(told.attributes["text.bytes"]) == whole
    assert told.attributes["text.position"] == whole.index(name)
    assert told.attributes["text.encoding"] == "utf-8"
    assert told.attributes["text.locale"] == "C.UTF-8"
    assert told.attributes["text.filesystem_encoding"] == "utf-8/surrogateescape"
    where = told.attributes["exception.stacktrace"]
    assert f'tool.py", line {line}, in ' in where
    assert code in where
    assert told.attributes["production.project"] == "mars"
    assert said_always(told) == set()


STAGE = """
import os, sys
import clientobs

clientobs.init("render-submit", version="1.0")

with clientobs.span("stage frames"):
    frames = sys.argv[1]
    # A renderer without a licence, as it is: it makes its file, says nothing, and ends well.
    with open(frames + ".part", "wb"):
        pass
    os.rename(frames + ".part", frames)
"""


def test_an_empty_file_and_exit_code_0_are_told_with_the_process_that_wrote_it(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    tool(desk, STAGE, tmp_path / "frame.1001.exr")
    stage = span(receiver, "stage frames")
    assert stage.attributes["file.io.empty"] == [str(tmp_path / "frame.1001.exr")]
    assert isinstance(stage.resource["process.pid"], int)
    assert said_always(stage) == set()


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
    assert re.search(r"● maya .* read 4\d\.\d MiB, wrote ", status), status


def moved(receiver: OtlpReceiver) -> dict[tuple[str, str], int]:
    """Return the totals of process.io by service and direction, as they came last."""
    found: dict[tuple[str, str], int] = {}
    for one in receiver.metrics():
        if one.record.name == "process.io":
            for point in one.record.sum.data_points:
                found[one.resource["service.name"], point.attributes[0].value.string_value] = point.as_int
    return found


HEALTHY = """
import glob, importlib, os, shutil, sys, tempfile
import clientobs

clientobs.init("tidy", version="1.0")
folder = sys.argv[1]

with clientobs.span("probe"):
    for extension in (".tx", ".exr", ".tif") * 50:
        os.path.exists(os.path.join(folder, "no" + extension))
    for path in ("site.toml", "user.toml"):
        try:
            open(os.path.join(folder, path)).close()
        except FileNotFoundError:
            pass
    for module in ("numpy_of_the_studio", "tomli_of_old"):
        try:
            importlib.import_module(module)
        except ImportError:
            pass
    os.makedirs(os.path.join(folder, "made", "already"), exist_ok=True)
    os.makedirs(os.path.join(folder, "made", "already"), exist_ok=True)
    glob.glob(os.path.join(folder, "**", "*.exr"), recursive=True)

with clientobs.span("save"):
    with tempfile.TemporaryDirectory() as scratch:
        draft = os.path.join(scratch, "scene.ma")
        with open(draft, "w") as out:
            out.write("// scene")
        shutil.move(draft, os.path.join(folder, "scene.ma"))

with clientobs.span("many"):
    path = os.path.join(folder, "scene.ma")
    for _ in range(20_000):
        with open(path, "rb") as file:
            file.read()
"""


def test_healthy_work_is_counted_and_says_nothing_else(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    tool(desk, HEALTHY, tmp_path)
    probe, many = span(receiver, "probe"), span(receiver, "many")
    assert failures(receiver) == []
    assert sorted(one.record.name for one in receiver.spans()) == ["many", "probe", "save"]
    assert probe.attributes["file.io.failed"] >= 150
    assert sorted(os.path.basename(path) for path in probe.attributes["file.io.missing"]) == [
        "site.toml",
        "user.toml",
    ]
    save = span(receiver, "save").attributes
    assert {key for key in save if key in ("file.io.empty", "file.io.short", "file.io.left_behind")} == set()
    assert many.attributes["file.io.opened"] == 20_000
    assert many.attributes["file.io.read"] == pytest.approx(20_000 * len("// scene"), rel=0.01)
