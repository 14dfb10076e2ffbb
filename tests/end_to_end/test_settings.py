"""Broken settings, seen from the endpoint: the host records with the valid part, and one event names the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Inbox, Telemetry
    from support.workstation import Workstation

HOST = """
    import importlib
    first = clientobs.init("tool", version="1")
    with clientobs.span("work", number=1) as span:
        span.add_event("step", {"k": 1})
        clientobs.event("at.work", "busy", k=1)
        clientobs.counter("worked").add(1)
"""
AGAIN = """
    importlib.reload(clientobs)
    second = clientobs.init("other-tool", version="2", drain="off")
    assert second is first, (second, first)
    with clientobs.span("more"): pass
"""
LIMITS = [
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
]
CHOICES = [
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_PROPAGATORS",
    "OTEL_METRICS_EXEMPLAR_FILTER",
    "OTEL_PYTHON_CONTEXT",
    "OTEL_PYTHON_METER_PROVIDER",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "CLIENTOBS_PROFILE",
]


def events(receiver: Inbox, name: str) -> list[Telemetry]:
    return [one for one in receiver.logs() if one.record.event_name == name]


def assert_all_is_recorded(receiver: Inbox) -> None:
    receiver.wait_for(lambda: events(receiver, "session.end"), 30)
    receiver.wait_for(lambda: "worked" in [one.record.name for one in receiver.metrics()], 30)
    receiver.wait_for(receiver.spans, 30)
    (span,) = [one for one in receiver.spans() if one.record.name == "work"]
    assert span.attributes["number"] == 1
    assert [event.name for event in span.record.events] == ["step"]
    (event,) = events(receiver, "at.work")
    assert event.record.body.string_value == "busy"


def test_a_second_init_and_a_reload_change_nothing_and_are_told(desk: Workstation, receiver: Inbox) -> None:
    desk.run(HOST + AGAIN)
    assert_all_is_recorded(receiver)
    assert len(events(receiver, "session.start")) == len(events(receiver, "session.end")) == 1
    (told,) = events(receiver, "clientobs.init.repeated")
    assert "other-tool" in told.record.body.string_value
    receiver.wait_for(lambda: len(receiver.spans()) == 2, 30)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[journal]\nsegment_bytes = "1 MiB"\nvital_bytes = [1, 2\n', "journal.vital_bytes"),
        ('[journal]\nsegment_bytes = "1 MiB"\nvital_byte = 3\n', "journal.vital_byte"),
        ('[journal]\nsegment_bytes = "1 MiB"\nvital_bytes = "many"\n', "journal.vital_bytes"),
    ],
    ids=["syntax", "unknown", "value"],
)
def test_a_broken_file_stops_nothing_and_one_event_names_file_line_and_key(
    desk: Workstation, receiver: Inbox, tmp_path: Path, text: str, key: str
) -> None:
    file = tmp_path / "studio.toml"
    file.write_text(text)
    desk.run(HOST, environ={"CLIENTOBS_CONFIG": str(file)})
    assert_all_is_recorded(receiver)
    (told,) = events(receiver, "clientobs.config.problem")
    assert told.attributes["clientobs.config.file"].endswith("studio.toml")
    assert told.attributes["clientobs.config.line"] == 3
    assert told.attributes["clientobs.config.key"] == key
    assert "studio.toml" in told.record.body.string_value


@pytest.mark.parametrize("value", ["abc", "-1"])
def test_variables_that_make_no_sense_cost_nothing(desk: Workstation, receiver: Inbox, value: str) -> None:
    broken = dict.fromkeys([*LIMITS, *CHOICES], value)
    desk.run(HOST, environ=broken)
    assert_all_is_recorded(receiver)
    (told,) = events(receiver, "clientobs.config.problem")
    assert [name for name in LIMITS if name not in told.record.body.string_value] == []
