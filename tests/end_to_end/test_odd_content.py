"""Content that no wire format takes as it is: it arrives escaped or bounded, and spoils nothing beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.otlp_receiver import OtlpReceiver
from support.workstation import Workstation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_inbox import Inbox, Telemetry

# Each line is one record between two plain ones. `odd` is a text with all that UTF-8 and XML dislike.
RECORDS = {
    "value": 'clientobs.event("e.value", value=odd)',
    "key": 'clientobs.event("e.key", **{odd: 1})',
    "event-name": "clientobs.event(odd)",
    "body": 'clientobs.event("e.body", odd)',
    "span-name": "with clientobs.span(odd): pass",
    "span-key": 'with clientobs.span("s.key", **{odd: odd}): pass',
    "late-attribute": 'with clientobs.span("s.late") as span: span.set_attribute(odd, odd)',
    "span-event": 'with clientobs.span("s.event") as span: span.add_event(odd, {odd: odd})',
    "exception": 'with contextlib.suppress(OSError), clientobs.span("s.error"): raise OSError(odd)',
    "context": 'with clientobs.context(shot=odd, **{odd: odd}), clientobs.span("s.context"): pass',
    "metric": "clientobs.counter(odd).add(1, **{odd: odd})",
    "metric-attribute": 'clientobs.counter("c.attribute").add(1, **{odd: odd})',
    "otel-span": "tracer.start_span(odd, attributes={odd: [odd, odd]}).end()",
    "scope": 'trace.get_tracer(odd, odd).start_span("s.scope", attributes={"k": 1}).end()',
    "status": 'with clientobs.span("s.status") as span: span.set_status(trace.StatusCode.ERROR, odd)',
    "link": 'tracer.start_span("s.link", links=[trace.Link(context, {odd: odd})]).end()',
    "huge-value": 'clientobs.event("e.huge-value", value="x" * 10_000_000)',
    "huge-key": 'clientobs.event("e.huge-key", **{"k" * 10_000_000: 1})',
    "huge-name": 'with clientobs.span("n" * 10_000_000): pass',
    "huge-list": 'with clientobs.span("s.huge-list", value=["x" * 1000] * 10_000): pass',
    "huge-bytes": 'clientobs.event("e.huge-bytes", value=b"\\xff" * 10_000_000)',
    "huge-body": 'clientobs.event("e.huge-body", "b" * 100_000_000)',
    "many": 'with clientobs.span("s.many", **{f"key-{n}": n for n in range(5000)}): pass',
    "many-event": 'clientobs.event("e.many", **{f"key-{n}": n for n in range(5000)})',
    "many-late": 'with clientobs.span("s.many-late") as span: span.set_attributes({f"k{n}": n for n in range(5000)})',
    "many-events": 'with clientobs.span("s.many-events") as span: [span.add_event(str(n)) for n in range(5000)]',
    "deep": 'clientobs.event("e.deep", value=deep)',
    "cyclic": 'clientobs.event("e.cyclic", value=cyclic)',
    "cyclic-body": 'clientobs.event("e.cyclic-body", cyclic)',
    "cyclic-span": 'with clientobs.span("s.cyclic", value=cyclic): pass',
    "types": 'clientobs.event("e.types", a=object(), b=1j, c=10**400, d=float("nan"), e=float("-inf"), f=None, g=open)',
    "hostile": 'clientobs.event("e.hostile", value=Hostile(), **{"k": [Hostile()]})',
    "hostile-error": 'with contextlib.suppress(Hostile), clientobs.span("s.hostile"): raise Hostile',
    "empty": 'clientobs.event(""); clientobs.event("e.empty", "", **{"": ""})',
    "empty-span": 'with clientobs.span(""): pass',
}
HOST = """
    import contextlib
    from opentelemetry import trace
    class Hostile(Exception):
        def __str__(self): raise RuntimeError("no text for you")
        __repr__ = __format__ = __str__
        def __eq__(self, other): raise RuntimeError("no comparison either")
        def __hash__(self): return 1
    clientobs.init("tool")
    odd = "lone \\ud800 nul \\0 bell \\x07 bidi \\u202e end \\U0001f600"
    deep = cyclic = []
    for _ in range(2000):
        deep = [deep]
    cyclic = {"a": 1}
    cyclic["self"] = [cyclic]
    tracer = trace.get_tracer("of.the.application")
    context = trace.SpanContext(1, 2, False)
    records = json.loads(sys.argv[1])
    for number, (name, record) in enumerate(records.items()):
        with clientobs.span("before", name=name): pass
        exec(record)
        with clientobs.span("after", name=name): pass
    say(None)
    wait()
"""
MAX_BYTES = 1 << 20
"""No record may be larger than this on the wire, whatever it was given."""


@pytest.fixture(scope="module")
def arrived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbox]:
    with OtlpReceiver() as receiver:
        with Workstation(tmp_path_factory.mktemp("odd"), receiver.base) as desk:
            host = desk.start(HOST, json.dumps(RECORDS))
            host.heard(60)
            receiver.wait_for(lambda: plain_ones(receiver) == 2 * len(RECORDS), 30)
            receiver.wait_for(lambda: "c.attribute" in [one.record.name for one in receiver.metrics()], 30)
            assert host.end() == 0
            receiver.wait_for(lambda: events(receiver, "session.end"), 30)
        yield receiver


def plain_ones(receiver: Inbox) -> int:
    return sum(one.record.name in ("before", "after") for one in receiver.spans())


def events(receiver: Inbox, name: str) -> list[Telemetry]:
    return [one for one in receiver.logs() if one.record.event_name == name]


def test_nothing_odd_spoils_what_is_recorded_around_it(arrived: Inbox) -> None:
    for place in ("before", "after"):
        names = [one.attributes["name"] for one in arrived.spans() if one.record.name == place]
        assert names == list(RECORDS)
    assert {got.status for got in arrived.requests} == {200}


def test_every_odd_record_arrives(arrived: Inbox) -> None:
    spans = {one.record.name for one in arrived.spans()}
    found = {name[2:] for name in spans if name.startswith("s.")}
    found |= {one.record.event_name[2:] for one in arrived.logs() if one.record.event_name.startswith("e.")}
    wanted = {record.partition('"s.')[2].partition('"')[0] for record in RECORDS.values()}
    wanted |= {record.partition('"e.')[2].partition('"')[0] for record in RECORDS.values()}
    assert wanted - {""} - found == set()
    assert len([name for name in spans if name.startswith("lone")]) == 1
    assert len([name for name in spans if name.startswith("nnnn")]) == 1
    assert len([one for one in arrived.logs() if one.record.event_name.startswith("lone")]) == 1


def test_odd_texts_are_escaped_the_same_way_everywhere(arrived: Inbox) -> None:
    (value,) = events(arrived, "e.value")
    (body,) = events(arrived, "e.body")
    (key,) = events(arrived, "e.key")
    escaped = value.attributes["value"]
    assert "\ud800" not in escaped
    assert "\0" not in escaped
    assert escaped.startswith("lone ")
    assert escaped.endswith("\U0001f600")
    assert body.record.body.string_value == escaped
    assert escaped in key.attributes


def test_every_record_is_bounded(arrived: Inbox) -> None:
    records: list[Any] = [*arrived.spans(), *arrived.logs(), *arrived.metrics()]
    assert max(one.record.ByteSize() for one in records) < MAX_BYTES
    (body,) = events(arrived, "e.huge-body")
    assert 1000 < len(body.record.body.string_value) <= 65_536 + 100
    (many,) = [one.record for one in arrived.spans() if one.record.name == "s.many"]
    assert len(many.attributes) <= 128 + 10
    assert many.dropped_attributes_count >= 5000 - 128
    (late,) = [one.record for one in arrived.spans() if one.record.name == "s.many-events"]
    assert (len(late.events), late.dropped_events_count) == (128, 5000 - 128)
