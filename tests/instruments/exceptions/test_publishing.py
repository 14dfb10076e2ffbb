"""A publish by the real pyblish: validation that says no is rejected, anything that breaks has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.programs import run_program
from support.readback import Seen, seen

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("pyblish", reason="comes with the dependency group `test`")

PUBLISH = """
import clientobs, logging, sys
clientobs.init("publisher")
import pyblish.api, pyblish.util
logging.getLogger("pyblish").addHandler(logging.NullHandler())

class Collect(pyblish.api.ContextPlugin):
    order = pyblish.api.CollectorOrder
    def process(self, context):
        if fails == "collect": raise FileNotFoundError(2, "No such file", "/mnt/p/scene.ma")
        context.create_instance("hero")

class ValidateTextures(pyblish.api.InstancePlugin):
    order = pyblish.api.ValidatorOrder
    def process(self, instance):
        if fails == "validate": raise RuntimeError("3 textures are missing")
        if fails == "assert": assert False, "not frozen"
        if fails == "bug": raise AttributeError("'NoneType' object has no attribute 'name'")

class ExtractAlembic(pyblish.api.InstancePlugin):
    order = pyblish.api.ExtractorOrder
    def process(self, instance):
        if fails == "extract": raise RuntimeError("can't write")

PLUGINS = [Collect, ValidateTextures, ExtractAlembic]
"""
IN_A_SPAN = """
with clientobs.span("publish"):
    context = pyblish.util.publish(plugins=PLUGINS)
    if stops and any(result["error"] for result in context.data["results"]):
        raise RuntimeError("publish stopped")
"""


def publish(home: Path, fails: str, *, stops: bool = False, way: str = IN_A_SPAN) -> Seen:
    done = run_program(f"fails, stops = {fails!r}, {stops}\n{PUBLISH}\n{way}")
    assert done.stderr == "" or stops, done.stderr
    return seen(home)


@pytest.mark.parametrize("fails", ["validate", "assert"])
@pytest.mark.parametrize("stops", [False, True])
def test_validation_that_says_no_is_a_rejection(home: Path, fails: str, stops: bool) -> None:
    records = publish(home, fails, stops=stops)
    span = records.span("publish")
    assert span.attributes["tool.outcome"] == "rejected"
    assert span.attributes["publish.rejected_by"] == ["ValidateTextures"]
    assert span.status == 0
    in_the_publish = [event for event in records.events("exception") if event.span_id]
    assert in_the_publish == []
    (why,) = [log for log in records.logs if log.attributes.get("publish.plugin") == "ValidateTextures"]
    assert (why.severity_text, why.attributes["publish.instance"]) == ("INFO", "hero")


@pytest.mark.parametrize("fails", ["collect", "bug", "extract"])
@pytest.mark.parametrize("stops", [False, True])
def test_what_breaks_has_failed_with_one_headline(home: Path, fails: str, stops: bool) -> None:
    records = publish(home, fails, stops=stops)
    span = records.span("publish")
    assert (span.attributes["tool.outcome"], span.status) == ("failed", 2)
    (headline,) = records.events("exception")
    assert headline.attributes["exception.mechanism"] == "publish"
    assert headline.attributes["publish.plugin"] in {"Collect", "ValidateTextures", "ExtractAlembic"}


def test_a_publish_that_is_well_says_nothing(home: Path) -> None:
    records = publish(home, "")
    assert records.span("publish").attributes == {}
    assert [log for log in records.logs if "exception.type" in log.attributes] == []


WAYS = {
    "no span": "pyblish.util.publish(plugins=PLUGINS)",
    "its other name": "pyblish.util.run(plugins=PLUGINS)",
    "OpenTelemetry's": """
from opentelemetry import trace
with trace.get_tracer("studio").start_as_current_span("publish"):
    pyblish.util.publish(plugins=PLUGINS)
""",
    "a loop": """
with clientobs.span("publish"):
    for _ in pyblish.util.publish_iter(plugins=PLUGINS):
        with clientobs.span("progress bar"):
            pass
""",
    "a thread": """
import threading
with clientobs.span("publish"):
    worker = threading.Thread(target=lambda: pyblish.util.publish(plugins=PLUGINS))
    worker.start(); worker.join()
""",
    "spans of plug-ins": """
for plugin in PLUGINS:
    plugin.process = clientobs.traced(plugin.process)
pyblish.util.publish(plugins=PLUGINS)
""",
}


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize(
    ("fails", "outcome", "headlines"), [("validate", "rejected", 0), ("bug", "failed", 1)]
)
def test_whoever_opens_the_span_it_has_the_outcome(
    home: Path, way: str, fails: str, outcome: str, headlines: int
) -> None:
    records = publish(home, fails, way=WAYS[way])
    assert records.span("publish").attributes["tool.outcome"] == outcome
    assert len(records.events("exception")) == headlines


@pytest.mark.parametrize("way", ["no span", "spans of plug-ins"])
def test_a_publish_without_a_span_gets_one_that_says_nothing_where_all_is_well(home: Path, way: str) -> None:
    records = publish(home, "", way=WAYS[way])
    assert records.span("publish").attributes == {}
    assert records.span("publish").status == 0


OWN_LOOP = """
import pyblish.logic, pyblish.plugin
context = pyblish.api.Context()
for plugin, instance in pyblish.logic.Iterator(PLUGINS, context):
    pyblish.plugin.process(plugin, context, instance)
"""


@pytest.mark.parametrize(("fails", "outcome"), [("assert", "rejected"), ("collect", "failed")])
def test_a_publisher_with_a_loop_of_its_own_and_no_span_says_it_on_the_record(
    home: Path, fails: str, outcome: str
) -> None:
    records = publish(home, fails, way=OWN_LOOP)
    (told,) = [log for log in records.logs if "publish.plugin" in log.attributes]
    assert told.attributes["tool.outcome"] == outcome
    assert records.spans == []


def test_results_are_heard_again_after_somebody_has_taken_all_callbacks_off(home: Path) -> None:
    way = """
from clientobs.instruments import registry
pyblish.api.deregister_all_callbacks()
registry.tick()
registry.tick()
pyblish.util.publish(plugins=PLUGINS)
assert len(pyblish.api.registered_callbacks()["pluginProcessed"]) == 1
clientobs.uninstrument("exceptions")
assert pyblish.api.registered_callbacks()["pluginProcessed"] == []
assert pyblish.util.publish.__module__ == pyblish.util.run.__module__ == "pyblish.util"
assert not hasattr(pyblish.util.publish, "__wrapped__")
"""
    records = publish(home, "validate", way=way)
    assert records.span("publish").attributes["tool.outcome"] == "rejected"
