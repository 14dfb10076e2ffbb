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

with clientobs.span("publish"):
    context = pyblish.util.publish(plugins=[Collect, ValidateTextures, ExtractAlembic])
    if stops and any(result["error"] for result in context.data["results"]):
        raise RuntimeError("publish stopped")
"""


def publish(home: Path, fails: str, *, stops: bool = False) -> Seen:
    run_program(f"fails, stops = {fails!r}, {stops}\n{PUBLISH}")
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
