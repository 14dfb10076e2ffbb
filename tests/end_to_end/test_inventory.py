"""Every name that clientobs itself sends is in the inventory, with what it is for and whether it is personal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.privacy.inventory import unlisted
from support.otlp_inbox import plain_attributes

if TYPE_CHECKING:
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

# Nothing here gives an attribute of the program's own: what arrives is ours.
HOST = """
clientobs.init("publisher", version="1.4.0")
clientobs.set_context(project="demo", shot="sq010_sh020", task="comp", workfile_version=3)
try:
    with clientobs.span("publish"):
        clientobs.event("published", "It is out", severity="warn")
        clientobs.counter("frames").add(1)
        raise ValueError("broken")
except ValueError:
    pass
try:
    with clientobs.span("cancelled"):
        raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
clientobs.init("another-tool", version="2")
for _ in range(7000):
    with clientobs.span("storm"):
        pass
say(None)
wait()
"""


def test_no_attribute_event_or_metric_is_sent_that_the_inventory_does_not_list(
    receiver: OtlpReceiver, desk: Workstation
) -> None:
    host = desk.start(HOST, environ={"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"})
    host.heard()
    receiver.wait_for(lambda: {one.record.name for one in receiver.metrics()} >= {"frames"}, 30)
    host.process.kill()  # what recovery adds is ours too
    receiver.wait_for(lambda: [one for one in receiver.logs() if one.record.event_name == "session.end"], 30)
    records = [*receiver.spans(), *receiver.logs()]
    attributes = {key for one in [*records, *receiver.metrics()] for key in one.resource}
    attributes |= {key for one in records for key in one.attributes}
    attributes |= {
        key
        for one in receiver.metrics()
        for sort in ("sum", "gauge", "histogram")
        for point in getattr(one.record, sort).data_points
        for key in plain_attributes(point.attributes)
    }
    events = {one.record.event_name for one in receiver.logs()} - {"", "published"}
    assert len(attributes) > 25
    assert unlisted(attributes, "attribute") == []
    assert unlisted(events, "event") == []
    assert unlisted({one.record.name for one in receiver.metrics()} - {"frames"}, "metric") == []
