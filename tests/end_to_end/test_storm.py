"""A tool that opens a span for each of a million instances: thinned and counted, and nothing else is lost for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.otlp_inbox import plain_attributes
from support.tools import failures

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

SCATTER = """
clientobs.init("scatter", version="1.0")
with clientobs.span("build set"):
    with clientobs.span("load layout"):
        clientobs.event("layout.loaded", "412 assets")
    for number in range(int(sys.argv[1])):
        with clientobs.span("instance"):
            pass
    with clientobs.span("write cache"):
        clientobs.event("cache.written", "one file")
wait()
"""


@pytest.mark.diagnosis("storm")
@pytest.mark.parametrize("instances", [100_000, pytest.param(1_000_000, marks=pytest.mark.torture)])
def test_a_storm_of_quick_spans_is_thinned_and_counted_and_costs_nothing_else(
    receiver: OtlpReceiver, desk: Workstation, instances: int
) -> None:
    host = desk.start(SCATTER, str(instances))
    receiver.wait_for(lambda: "cache.written" in {log.record.event_name for log in receiver.logs()}, 110)
    assert host.end(110) == 0
    receiver.wait_for(lambda: "build set" in {one.record.name for one in receiver.spans()}, 60)
    receiver.wait_for(lambda: len(kept(receiver)) + storm(receiver) == instances, 60)
    assert 1000 < len(kept(receiver)) < instances / 2
    names = [one.record.name for one in receiver.spans() if one.record.name != "instance"]
    assert sorted(names) == ["build set", "load layout", "write cache"]
    events = [log.record.event_name for log in receiver.logs()]
    for event in ("session.start", "layout.loaded", "cache.written", "session.end"):
        assert events.count(event) == 1
    assert failures(receiver) == []
    told = [log.attributes for log in receiver.logs() if log.record.event_name == "clientobs.storm"]
    assert {one["clientobs.storm.name"] for one in told} == {"instance"}
    assert sum(one["clientobs.storm.dropped"] for one in told) == storm(receiver)


def kept(receiver: Inbox) -> set[bytes]:
    return {one.record.span_id for one in receiver.spans() if one.record.name == "instance"}


def storm(receiver: Inbox) -> int:
    """Return what was counted as lost to the storm, as it came last; any other loss is an error."""
    found: dict[str, int] = {}
    for one in receiver.metrics():
        if one.record.name == "clientobs.records.lost":
            for point in one.record.sum.data_points:
                found[plain_attributes(point.attributes)["clientobs.loss.reason"]] = point.as_int
    assert found.keys() <= {"storm"}, found
    return found.get("storm", 0)
