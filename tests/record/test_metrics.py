"""Instruments: made once, delta by delta in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    records = seen(home)
    rows = {row[1]: row for record in records.metrics for row in record.metrics}
    assert (rows["frames"][4], rows["frames"][5]) == ("sum", True)
    frames = records.points("frames")
    assert [point[0] for point in frames] == [{"renderer": "karma"}] * len(frames)
    assert sum(point[1] for point in frames) == 25
    ((_, load, *_),) = records.points("load.time")
    assert load[:2] == (1, 12.5)
    assert rows["queue"][4] == "gauge"
    assert records.points("queue")[-1][1] == 3


def test_an_instrument_may_be_made_before_init(home: Path) -> None:
    early = clientobs.counter("early")
    early.add(1)
    clientobs.init("tool")
    try:
        early.add(2)
    finally:
        clientobs.shutdown()
    assert [point[1] for point in seen(home).points("early")] == [2]


def test_an_exemplar_names_the_span_it_was_recorded_in(runtime: Runtime, home: Path) -> None:
    with clientobs.span("render"):
        clientobs.counter("frames").add(1)
    clientobs.shutdown()
    records = seen(home)
    ((exemplar,),) = [point[4] for point in records.points("frames")]
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


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bad name with spaces!", "bad_name_with_spaces_"),
        ("n\udc80ame", "n_ame"),
        ("x" * 256, "x" * 255),
        ("9lives", "n9lives"),
        ("caché", "cach_"),
        ("a.b-c_d/e9", "a.b-c_d/e9"),
    ],
)
@pytest.mark.usefixtures("runtime")
def test_a_name_that_opentelemetry_refuses_is_made_one_that_it_takes(
    name: str, told: str, home: Path
) -> None:
    clientobs.counter(name, "µs").add(1)
    clientobs.histogram("load", "x" * 64).record(1)
    clientobs.shutdown()
    records = seen(home)
    assert [point[1] for point in records.points(told)] == [1]
    assert records.points("load")


@pytest.mark.parametrize("unit", [5, None])
def test_a_unit_of_a_wrong_type_is_refused_at_once(unit: Any) -> None:
    with pytest.raises(ConfigError, match="is no unit"):
        clientobs.counter("frames.of.unit", unit)


def test_a_measurement_of_which_nothing_can_be_made_is_counted_and_reaches_nobody(
    runtime: Runtime, home: Path
) -> None:
    sum_, load, queue = clientobs.counter("sum"), clientobs.histogram("load"), clientobs.gauge("queue.now")
    odd: list[Any] = ["1", None, float("nan"), float("inf"), 10**400, 1j, object(), []]
    for value in odd:
        sum_.add(value)
        load.record(value)
        queue.set(value)
    sum_.add(-1)
    load.record(-1)
    queue.set(-1)
    sum_.add(2)
    assert runtime.loss.totals() == {"malformed": 3 * len(odd) + 2}
    clientobs.shutdown()
    records = seen(home)
    assert [point[1] for point in records.points("sum")] == [2]
    assert records.points("queue.now")[-1][1] == -1
