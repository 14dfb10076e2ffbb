"""File troubles as they happen to artists, each in a tool that knows nothing of clientobs but init() and a span.

What is asserted is what the endpoint received. The tools are those that studios write: they swallow errors, retry,
write beside and rename. test_storage.py has slow and full storage.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.tools import RUN_SCRIPT, failures, run_tool, script_of, span

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="permissions and names as Linux has them")


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


@pytest.mark.diagnosis("missing-file")
def test_a_missing_texture_is_named_though_the_tool_says_failed_and_no_more(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    textures = tmp_path / "assets" / "hero" / "tex"
    textures.mkdir(parents=True)
    for name in ("diffuse", "displacement"):
        (textures / f"hero_{name}.exr").write_bytes(b"\0" * 128)
    run_tool(desk, LOADER, tmp_path)
    load = span(receiver, "load asset")
    assert load.attributes["file.io.missing"] == [str(textures / "hero_roughness.exr")]
    assert load.attributes["file.io.failures"] == ["ENOENT open {proj}/assets/hero/tex/hero_roughness.exr"]
    work = {"project": "mars", "shot": "sq010_sh020"}
    assert_always(load, desk, service=("lookdev-loader", "2.3.1"), production=work)


# Root is refused nothing, and tests may run as root: this is what it takes to be an ordinary user here.
ORDINARY = """
import ctypes
if os.geteuid() == 0:
    head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(head, data) == 0
    for word in (0, 1):
        data[word] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(head, data) == 0
"""
PUBLISH = f"""
import os, shutil, sys
import clientobs
{ORDINARY}
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


@pytest.mark.diagnosis("refused-folder")
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
    run_tool(desk, PUBLISH, work, folder)
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
    production = {"asset": "hero", "task": "rig"}
    assert_always(refused, desk, service=("publisher", "5.0"), production=production)


VERSION_UP = f"""
import os, sys
import clientobs
{ORDINARY}
clientobs.init("version-up", version="1.0")

with clientobs.context(asset="hero"), clientobs.span("version up"):
    work, folder = sys.argv[1:]
    for target in (os.path.join(folder, "hero.ma"), os.path.join(os.path.dirname(work), "old")):
        try:
            os.rename(work, target)
        except OSError:
            print("not renamed")
"""


def test_a_rename_that_is_refused_tells_both_names_and_the_folder_that_is_closed(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    work, folder, old = tmp_path / "work" / "hero_v012.ma", tmp_path / "publish", tmp_path / "work" / "old"
    for made in (old, folder):
        made.mkdir(parents=True)
    work.write_text("//Maya ASCII")
    folder.chmod(0o555)
    run_tool(desk, VERSION_UP, work, folder)
    refused = span(receiver, "file rename")
    assert refused.attributes["error.code"] == "EACCES"
    assert refused.attributes["file.path"] == str(work)
    assert refused.attributes["file.target"] == str(folder / "hero.ma")
    assert refused.attributes["file.refused.path"] == str(folder)
    assert refused.attributes["file.mode"] == "0555"
    assert span(receiver, "version up").attributes["file.io.failures"] == [
        f"EACCES rename {work} -> {folder / 'hero.ma'}",
        f"EISDIR rename {work} -> {old}",
    ]


SAVE = """
import os, sys
import clientobs

clientobs.init("save-scene", version="1.0")


def lock(path):
    try:
        return os.open(path + ".lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        raise RuntimeError("the scene is locked") from None


with clientobs.context(asset="hero"), clientobs.span("save"):
    lock(sys.argv[1])
"""


@pytest.mark.diagnosis("locked-file")
def test_a_lock_of_another_machine_tells_whose_it_is_and_since_when(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    held = tmp_path / "hero.ma.lock"
    held.write_text("ws-412:8123")
    os.utime(held, (1_700_000_000, 1_700_000_000))
    if os.geteuid() == 0:
        os.chown(held, 4321, 8765)
    host = desk.start(RUN_SCRIPT, script_of(desk, SAVE), str(tmp_path / "hero.ma"))
    assert host.end() == 1
    told = span(receiver, "file open")
    assert told.attributes["error.code"] == "EEXIST"
    assert told.attributes["file.path"] == str(held)
    assert told.attributes["file.owner"] == held.stat().st_uid
    assert told.attributes["file.modified"] == "2023-11-14T22:13:20Z"
    assert told.record.parent_span_id == span(receiver, "save").record.span_id
    assert_always(told, desk, service=("save-scene", "1.0"), production={"asset": "hero"})


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


@pytest.mark.diagnosis("undecodable-path")
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
    receiver.wait_for(lambda: any("exception.mechanism" in one.attributes for one in receiver.logs()), 30)
    # Under -W error the iterator that stays open is an exception of its own.
    faults = [one for one in receiver.logs() if one.record.event_name == "exception"]
    (told,) = [one for one in faults if one.attributes["exception.mechanism"] == "span"]
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
    tool = ("ingest" if source is INGEST else "catalogue", "3.1")
    assert_always(told, desk, service=tool, production={"project": "mars"})


STAGE = """
import os, sys
import clientobs

clientobs.init("render-submit", version="1.0")

with clientobs.context(shot="sq010_sh020"), clientobs.span("stage frames"):
    frames = sys.argv[1]
    # A renderer without a licence, as it is: it makes its file, says nothing, and ends well.
    with open(frames + ".part", "wb"):
        pass
    os.rename(frames + ".part", frames)
"""


@pytest.mark.diagnosis("empty-file")
def test_an_empty_file_and_exit_code_0_are_told_with_the_process_that_wrote_it(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    host = desk.start(RUN_SCRIPT, script_of(desk, STAGE), str(tmp_path / "frame.1001.exr"))
    pid, code = host.pid, host.end()
    assert code == 0
    stage = span(receiver, "stage frames")
    assert stage.attributes["file.io.empty"] == [str(tmp_path / "frame.1001.exr")]
    assert stage.resource["process.pid"] == pid
    assert_always(stage, desk, service=("render-submit", "1.0"), production={"shot": "sq010_sh020"})


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


@pytest.mark.diagnosis("probing")
def test_healthy_work_is_counted_and_says_nothing_else(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    run_tool(desk, HEALTHY, tmp_path)
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
