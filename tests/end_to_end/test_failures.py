"""Failures as they happen to artists, and healthy work beside them: what a back end receives of each."""

from __future__ import annotations

import importlib.machinery
import pathlib
import platform
import signal
import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.tools import failures

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Telemetry
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

STARTED = """
clientobs.init("studio-host", version="2.1")
clientobs.set_context(project="demo", shot="sq010_sh020")
"""
PRODUCTION = {"project": "demo", "shot": "sq010_sh020"}


def events_of(receiver: OtlpReceiver, count: int) -> list[Telemetry]:
    """Wait for that many headlines and the end of the session, and return the headlines."""

    def arrived(name: str) -> list[Telemetry]:
        return [one for one in receiver.logs() if one.record.event_name == name]

    # Both: they go by two lanes, of which either may arrive first.
    receiver.wait_for(lambda: bool(arrived("session.end")) and len(arrived("exception")) >= count, 30)
    found = arrived("exception")
    assert len(found) == count, [one.record.body for one in found]
    return found


def spans_of(receiver: OtlpReceiver, name: str, count: int = 1) -> list[Telemetry]:
    """Wait for that many spans of a name, which arrive after the logs."""
    receiver.wait_for(lambda: len(_spans(receiver, name)) >= count, 30)
    return _spans(receiver, name)


def _spans(receiver: OtlpReceiver, name: str) -> list[Telemetry]:
    return [one for one in receiver.spans() if one.record.name == name]


LOADER = """
import importlib, logging
plugins = sys.argv[1]
sys.path.insert(0, plugins)
with clientobs.span("load plug-ins"):
    for name in ("studio_shelf", "studio_textures"):
        try:
            importlib.import_module(name)
        except Exception:
            {swallowed}
"""


@pytest.mark.diagnosis("broken-plug-in")
@pytest.mark.parametrize(
    "swallowed",
    [
        'logging.getLogger("host").exception("plug-in %s", name)',
        'logging.getLogger("host").error("could not load %s", name)',
        "import traceback; traceback.print_exc()",
    ],
    ids=["log.exception", "log.error", "print_exc"],
)
def test_a_plug_in_that_fails_to_import_at_start_up(
    receiver: OtlpReceiver, desk: Workstation, tmp_path: Path, swallowed: str
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "studio_shelf.py").write_text("try:\n    import hou\nexcept ImportError:\n    hou = None\n")
    (plugins / "studio_textures.py").write_text("import studio_shelf\nfrom OpenImageIO_9 import ImageBuf\n")
    desk.start(STARTED + LOADER.format(swallowed=swallowed), str(plugins)).end()
    assert events_of(receiver, 0) == []
    (failed,) = [one for one in receiver.logs() if "exception.type" in one.attributes]
    said = failed.attributes
    assert said["exception.type"] == "ModuleNotFoundError"
    assert said["import.module"] == "studio_textures"
    assert said["import.missing"] == "OpenImageIO_9"
    assert said["import.path_entry"] == str(plugins)
    assert said["import.interpreter"].startswith(sys.executable)
    assert said["import.module.path"] == str(plugins / "studio_textures.py")
    assert said["import.path_entry.index"] == 0
    assert_always(failed, desk, service=("studio-host", "2.1"), production=PRODUCTION)
    (span,) = spans_of(receiver, "load plug-ins")
    assert failed.record.span_id == span.record.span_id


BROKEN_BINARY = """
import importlib
sys.path.insert(0, sys.argv[1])
with clientobs.span("load plug-ins"):
    importlib.import_module("studio_oiio")
"""


def a_binary_that_needs_a_library(needs: bytes) -> bytes:
    """Return an extension module of this Python's own, with the C library that it needs renamed."""
    folder = pathlib.Path(sysconfig.get_config_var("DESTSHARED"))
    binaries = [content for path in folder.glob("*.so") if b"\0libc.so.6\0" in (content := path.read_bytes())]
    if not binaries:
        pytest.skip("the extension modules of this Python need no library that can be renamed")
    return binaries[0].replace(b"\0libc.so.6\0", b"\0" + needs + b"\0")


@pytest.mark.diagnosis("broken-plug-in")
@pytest.mark.skipif(sys.platform != "linux", reason="binaries as Linux has them")
def test_a_plug_in_whose_library_is_missing_names_the_library(
    receiver: OtlpReceiver, desk: Workstation, tmp_path: Path
) -> None:
    package = tmp_path / "plugins" / "studio_oiio"
    package.mkdir(parents=True)
    binary = package / f"_oiio{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    binary.write_bytes(a_binary_that_needs_a_library(b"libq.so.6"))
    (package / "__init__.py").write_text("from ._oiio import ImageBuf\n")
    assert desk.start(STARTED + BROKEN_BINARY, str(package.parent)).end() == 1
    (headline,) = events_of(receiver, 1)
    said = headline.attributes
    assert said["exception.type"] == "ImportError"
    assert said["import.library"] == "libq.so.6"
    assert said["import.path"] == str(binary)
    assert (said["import.module"], said["import.module.path"]) == (
        "studio_oiio",
        str(package / "__init__.py"),
    )
    assert said["import.path_entry"] == str(package.parent)


@pytest.mark.diagnosis("broken-plug-in")
def test_a_plug_in_that_was_built_for_another_python_says_so(
    receiver: OtlpReceiver, desk: Workstation, tmp_path: Path
) -> None:
    package = tmp_path / "plugins" / "studio_oiio"
    package.mkdir(parents=True)
    (package / "_oiio.cpython-27-x86_64-linux-gnu.so").touch()
    (package / "__init__.py").write_text("from ._oiio import ImageBuf\n")
    assert desk.start(STARTED + BROKEN_BINARY, str(package.parent)).end() == 1
    (headline,) = events_of(receiver, 1)
    said = headline.attributes
    assert said["import.missing"] == "studio_oiio._oiio"
    assert said["import.other_builds"] == [str(package / "_oiio.cpython-27-x86_64-linux-gnu.so")]
    assert said["import.interpreter"].endswith(platform.python_version())


THREAD = """
import threading
def encode(frame):
    raise RuntimeError(f"encoder gave up at {frame}")
with clientobs.span("publish"):
    worker = threading.Thread(target=encode, args=(37,), name="encoder")
    worker.start(); worker.join()
"""


@pytest.mark.diagnosis("unseen-exception")
def test_an_exception_in_a_thread_that_nobody_saw(receiver: OtlpReceiver, desk: Workstation) -> None:
    desk.start(STARTED + THREAD).end()
    (headline,) = events_of(receiver, 1)
    said = headline.attributes
    assert said["exception.type"] == "RuntimeError"
    assert said["exception.message"] == "encoder gave up at 37"
    assert "in encode" in said["exception.stacktrace"]
    assert said["exception.fingerprint"].startswith("1-")
    assert (said["thread.name"], said["code.function.name"]) == ("encoder", "encode")
    assert_always(headline, desk, service=("studio-host", "2.1"), production=PRODUCTION)


POOL = """
from concurrent.futures import ThreadPoolExecutor
def encode(frame):
    if frame == 37: raise RuntimeError(f"encoder gave up at {frame}")
with clientobs.span("publish"), ThreadPoolExecutor(2, thread_name_prefix="encoder") as pool:
    for frame in range(30, 40): pool.submit(encode, frame)
"""


@pytest.mark.diagnosis("unseen-exception")
def test_an_exception_of_a_pool_s_task_that_nobody_saw(receiver: OtlpReceiver, desk: Workstation) -> None:
    assert desk.start(STARTED + POOL).end() == 0
    (headline,) = events_of(receiver, 1)
    said = headline.attributes
    assert (said["exception.type"], said["exception.mechanism"]) == ("RuntimeError", "future")
    assert said["exception.message"] == "encoder gave up at 37"
    assert "in encode" in said["exception.stacktrace"]
    assert said["thread.name"].startswith("encoder")
    (publish,) = spans_of(receiver, "publish")
    assert headline.record.span_id == publish.record.span_id
    assert_always(headline, desk, service=("studio-host", "2.1"), production=PRODUCTION)


HEALTHY = """
import logging, types
hou = types.ModuleType("hou")
class OperationInterrupted(Exception): __module__ = "hou"
class PublishValidationError(Exception): pass
def attempt(error):
    try:
        with clientobs.span("tool"), clientobs.span("step"):
            raise error
    except BaseException: pass
attempt(OperationInterrupted("Esc"))
attempt(KeyboardInterrupt())
attempt(PublishValidationError("3 textures are missing"))
attempt(SystemExit(0))
for name in ("hou", "maya.cmds", "nuke"):
    try: __import__(name)
    except ImportError: pass
with clientobs.span("optional"):
    try: import no_such_accelerator
    except ImportError: no_such_accelerator = None
logging.getLogger("host").info("ready")
sys.exit(0)
"""


@pytest.mark.diagnosis("cancelled", "rejected", "probing")
def test_who_stops_refuses_or_probes_causes_no_alarm(receiver: OtlpReceiver, desk: Workstation) -> None:
    assert desk.start(STARTED + HEALTHY).end() == 0
    assert events_of(receiver, 0) == []
    tools = spans_of(receiver, "tool", 4)
    everything = [*tools, *spans_of(receiver, "step", 4), *spans_of(receiver, "optional")]
    assert {one.record.status.code for one in everything} == {0}
    outcomes = [one.attributes.get("tool.outcome", "") for one in tools]
    assert sorted(outcomes) == ["", "cancelled", "cancelled", "rejected"]
    assert max(one.record.severity_number for one in receiver.logs()) < 13
    assert failures(receiver) == []


LONG_TOOL = """
import time
def bake(frames):
    with clientobs.span("bake"):
        for frame in range(frames):
            with clientobs.span("frame"):
                if frame == 3: say("at it")
                time.sleep(0.05)
try:
    bake(10_000)
except KeyboardInterrupt:
    print("cancelled", file=sys.stderr)
"""


@pytest.mark.diagnosis("cancelled")
def test_ctrl_c_in_a_long_tool_is_told_as_cancelled(receiver: OtlpReceiver, desk: Workstation) -> None:
    host = desk.start(STARTED + LONG_TOOL)
    assert host.heard() == "at it"
    assert host.kill(signal.SIGINT) == 0
    assert events_of(receiver, 0) == []
    (bake,) = spans_of(receiver, "bake")
    assert (bake.attributes["tool.outcome"], bake.record.status.code) == ("cancelled", 0)
    assert failures(receiver) == []


# The studio's own plug-ins, run by pyblish itself.
PUBLISH = """
import logging, warnings
warnings.simplefilter("ignore")  # pyblish is of an age at which it warns
import pyblish.api, pyblish.util
logging.getLogger("pyblish").addHandler(logging.NullHandler())
class Collect(pyblish.api.ContextPlugin):
    order = pyblish.api.CollectorOrder
    def process(self, context):
        context.create_instance("hero")
class ValidateTextures(pyblish.api.InstancePlugin):
    order = pyblish.api.ValidatorOrder
    def process(self, instance):
        raise RuntimeError("3 textures are missing")
with clientobs.span("publish"):
    pyblish.util.publish(plugins=[Collect, ValidateTextures])
"""


@pytest.mark.diagnosis("rejected")
def test_a_publish_that_validation_stops_is_told_as_rejected_with_why(
    receiver: OtlpReceiver, desk: Workstation
) -> None:
    pytest.importorskip("pyblish", reason="comes with the dependency group `test`")
    assert desk.start(STARTED + PUBLISH).end() == 0
    assert events_of(receiver, 0) == []
    (publish,) = spans_of(receiver, "publish")
    assert (publish.attributes["tool.outcome"], publish.record.status.code) == ("rejected", 0)
    assert publish.attributes["publish.rejected_by"] == ["ValidateTextures"]
    (why,) = [one for one in receiver.logs() if one.attributes.get("publish.plugin") == "ValidateTextures"]
    assert why.attributes["exception.message"] == "3 textures are missing"
    # What pyblish itself logs, at the level that it chose, is no event.
    assert [name for name in failures(receiver) if name] == []


ONE_FAULT = """
import logging
def work():
    with clientobs.span("outer"), clientobs.span("inner"):
        try:
            raise OSError(5, "Input/output error", "/mnt/p/cache.vdb")
        except OSError:
            logging.getLogger("tool").exception("while caching")
            raise
work()
"""


def test_a_fault_that_ends_the_program_has_one_headline(receiver: OtlpReceiver, desk: Workstation) -> None:
    assert desk.start(STARTED + ONE_FAULT).end() == 1
    (headline,) = events_of(receiver, 1)
    logged = [one for one in receiver.logs() if one.record.body.string_value == "while caching"]
    assert [one.attributes["fault.id"] for one in logged] == [headline.attributes["fault.id"]]
    (outer,), (inner,) = spans_of(receiver, "outer"), spans_of(receiver, "inner")
    assert {one.record.status.code for one in (outer, inner)} == {2}
    assert headline.record.span_id == inner.record.span_id
