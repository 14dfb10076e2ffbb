"""Failures as they happen to artists, and healthy work beside them: what a back end receives of each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always

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
    receiver.wait_for(lambda: any(one.record.event_name == "session.end" for one in receiver.logs()), 30)
    found = [one for one in receiver.logs() if one.record.event_name == "exception"]
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


def test_who_stops_refuses_or_probes_causes_no_alarm(receiver: OtlpReceiver, desk: Workstation) -> None:
    assert desk.start(STARTED + HEALTHY).end() == 0
    assert events_of(receiver, 0) == []
    tools = spans_of(receiver, "tool", 4)
    everything = [*tools, *spans_of(receiver, "step", 4), *spans_of(receiver, "optional")]
    assert {one.record.status.code for one in everything} == {0}
    outcomes = [one.attributes.get("tool.outcome", "") for one in tools]
    assert sorted(outcomes) == ["", "cancelled", "cancelled", "rejected"]
    assert max(one.record.severity_number for one in receiver.logs()) < 13
    failures = [one.record.event_name for one in receiver.logs() if one.record.event_name.startswith("app.")]
    assert failures == []


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
