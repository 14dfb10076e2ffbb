"""Instruments: made once, delta by delta in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import clientobs
from clientobs.errors import ConfigError
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime


def test_deltas_of_each_kind_are_written_at_the_end(runtime: Runtime, home: Path) -> None:
    clientobs.counter("frames", "{frame}").add(24, renderer="karma")
    clientobs.counter("frames").add(1, renderer="karma")
    clientobs.histogram("load.time", "s").record(12.5)
    clientobs.gauge("queue").set(3)
    clientobs.shutdown()
    (record,) = seen(home).metrics
    rows = {row[1]: row for row in record.metrics}
    (point,) = rows["frames"][6]
    assert (rows["frames"][4], rows["frames"][5], point[0], point[1]) == (
        "sum",
        True,
        {"renderer": "karma"},
        25,
    )
    assert rows["load.time"][6][0][1][:2] == (1, 12.5)
    assert rows["queue"][4] == "gauge"
    assert rows["queue"][6][0][1] == 3


def test_an_instrument_may_be_made_before_init(home: Path) -> None:
    early = clientobs.counter("early")
    early.add(1)
    clientobs.init("tool")
    try:
        early.add(2)
    finally:
        clientobs.shutdown()
    (record,) = seen(home).metrics
    assert [row[6][0][1] for row in record.metrics if row[1] == "early"] == [2]


def test_an_exemplar_names_the_span_it_was_recorded_in(runtime: Runtime, home: Path) -> None:
    with clientobs.span("render"):
        clientobs.counter("frames").add(1)
    clientobs.shutdown()
    records = seen(home)
    ((exemplar,),) = [point[4] for row in records.metrics[0].metrics for point in row[6]]
    assert exemplar[3] == records.span("render").span_id


def test_a_wrong_severity_names_the_right_ones() -> None:
    with pytest.raises(ConfigError, match="trace, debug, info, warn, error, fatal"):
        clientobs.event("x", severity="loud")  # type: ignore[arg-type]


def test_an_event_has_name_body_severity_and_span(runtime: Runtime, home: Path) -> None:
    with clientobs.span("publish"):
        clientobs.event("asset.published", "Published hero_rig v012", severity="warning", asset="hero")  # type: ignore[arg-type]
    records = seen(home)
    (event,) = records.events("asset.published")
    assert (event.body, event.severity, event.severity_text) == ("Published hero_rig v012", 13, "WARN")
    assert event.attributes == {"asset": "hero"}
    assert event.span_id == records.span("publish").span_id
