"""Events on their way into the journal: thinned by name, counted, and never at the price of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry._logs import get_logger, get_logger_provider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import clientobs
from clientobs import semconv
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime

_ALLOWED = 100


@pytest.fixture
def thinned() -> Iterator[Runtime]:
    yield clientobs.init("tool", limits={"storm_per_minute": _ALLOWED})
    clientobs.shutdown()


def test_a_storm_of_one_event_is_thinned_and_told_and_leaves_room_for_others(
    thinned: Runtime, home: Path
) -> None:
    clientobs.event("deadline", "Friday's message")
    for _ in range(_ALLOWED * 5):
        clientobs.event("cache.miss", "not in the cache")
    clientobs.event("asset.published", "hero_rig v012")
    lost = thinned.loss.totals()["storm"]
    clientobs.shutdown()
    records = seen(home)
    assert len(records.events("cache.miss")) == _ALLOWED * 5 - lost
    assert _ALLOWED <= len(records.events("cache.miss")) < _ALLOWED * 2
    assert len(records.events("deadline")) == len(records.events("asset.published")) == 1
    told = records.events(semconv.STORM)  # the keeper tells the first at once, the end the rest
    assert {one.attributes[semconv.STORM_SPAN_NAME] for one in told} == {"cache.miss"}
    assert sum(one.attributes[semconv.STORM_DROPPED] for one in told) == lost
    assert "events named 'cache.miss'" in told[0].body
    assert records.notes("loss")[-1]["storm"] == lost


def test_an_event_that_is_left_out_costs_no_look_at_its_attributes(thinned: Runtime) -> None:
    looked = []

    class Attribute:
        def __str__(self) -> str:
            looked.append(1)
            return "seen"

    for _ in range(_ALLOWED * 5):
        clientobs.event("cache.miss", attribute=Attribute())
    assert len(looked) == _ALLOWED * 5 - thinned.loss.totals()["storm"]


def test_whoever_else_listens_hears_every_event_of_a_storm(thinned: Runtime) -> None:
    exporter: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's own
    ours: Any = get_logger_provider()
    ours.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    for _ in range(_ALLOWED * 2):
        clientobs.event("cache.miss")
    heard = [one.log_record.event_name for one in exporter.get_finished_logs()]
    assert heard.count("cache.miss") == _ALLOWED * 2
    assert thinned.loss.totals()["storm"]


def test_a_vital_event_is_never_left_out(thinned: Runtime, home: Path) -> None:
    for number in range(1024 + _ALLOWED * 2):
        clientobs.event(f"cache.miss.{number}")  # beyond a thousand names they share one budget
    others = thinned.loss.totals()["storm"]
    for _ in range(_ALLOWED * 3):
        clientobs.event(semconv.STORAGE_HUNG, "the share does not answer")
    assert thinned.loss.totals()["storm"] == others
    clientobs.shutdown()
    records = seen(home)
    assert len(records.events(semconv.STORAGE_HUNG)) == _ALLOWED * 3
    assert sum(one.attributes[semconv.STORM_DROPPED] for one in records.events(semconv.STORM)) == others


def test_what_is_emitted_through_opentelemetry_is_thinned_by_its_logger(thinned: Runtime, home: Path) -> None:
    foreign = get_logger("vendor.plugin")
    for _ in range(_ALLOWED * 5):
        foreign.emit(body="a line without an event name")
    assert thinned.loss.totals()["storm"] >= _ALLOWED * 3
