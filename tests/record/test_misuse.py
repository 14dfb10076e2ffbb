"""Odd values, odd targets, and spans that are entered and left as nobody should: the host never pays for it."""

from __future__ import annotations

import asyncio
import fractions
import threading
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.pipeline import logs as pipeline_logs
from clientobs.pipeline import spans as pipeline_spans
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs._guarded import Faults
    from clientobs.runtime.runtime import Runtime


class Hostile:
    """Raises whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("str")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        raise RuntimeError("hash")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")


def holding_itself() -> list[Any]:
    held: list[Any] = [1]
    held.append(held)
    return held


@pytest.mark.parametrize("make", [Hostile, holding_itself, lambda: range(10**12), lambda: {1}, object])
def test_no_value_costs_a_record_or_reaches_the_host(make: Any, runtime: Runtime, home: Path) -> None:
    value = make()
    with clientobs.span("work", a=value) as work:
        work.set_attribute("b", value)
        work.set_attributes({"c": value})
        work.add_event("e", {"d": value})
    clientobs.event("told", a=value)
    records = seen(home)
    span = records.span("work")
    assert set(span.attributes) == {"a", "b", "c"}
    assert len(span.events) == 1
    assert "a" in records.events("told")[0].attributes
    assert len(records.spans) == 1


@pytest.mark.parametrize("name", [None, 5, b"publish", [], Hostile()])
def test_a_span_and_an_event_without_a_name_are_refused(name: Any) -> None:
    with pytest.raises(clientobs.ConfigError, match="has no name"):
        clientobs.span(name)
    with pytest.raises(clientobs.ConfigError, match="has no name"):
        clientobs.event(name)


def test_a_fault_of_ours_that_costs_a_record_is_counted_as_a_loss(
    runtime: Runtime, home: Path, monkeypatch: pytest.MonkeyPatch, lenient_faults: Faults
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline_spans, "dumps", broken)
        with clientobs.span("lost"):
            pass
    with monkeypatch.context() as patch:
        patch.setattr(pipeline_logs, "encode_payload", broken)
        clientobs.event("lost")
    assert lenient_faults.counts()["spans.end"] == 1
    assert runtime.loss.totals() == {"fault": 2}
    clientobs.shutdown()
    assert seen(home).notes("loss")[-1]["fault"] == 2


def test_values_without_a_name_are_no_context() -> None:
    for call in (clientobs.context, clientobs.set_context):
        with pytest.raises(clientobs.ConfigError, match="named values"):
            call("sh010")


def test_a_screenshot_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(clientobs.ConfigError, match="screenshot=<int>"):
        clientobs.report_problem("broken", screenshot=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -1, "x", True, 1e300])
def test_a_wait_without_an_end_is_refused(timeout: Any) -> None:
    for call in (clientobs.flush, clientobs.shutdown):
        with pytest.raises(clientobs.ConfigError, match=r"timeout=.*use a number of seconds"):
            call(timeout)


@pytest.mark.parametrize("carrier", [5, "TRACEPARENT", [1]])
def test_a_carrier_that_is_no_mapping_is_refused(carrier: Any) -> None:
    with pytest.raises(clientobs.ConfigError, match="is no carrier"):
        clientobs.farm_task(carrier=carrier)


@pytest.mark.parametrize("said", [None, 5, b"00-1"])
def test_a_carrier_with_an_odd_value_begins_the_task_without_a_link(
    said: Any, runtime: Runtime, home: Path
) -> None:
    with clientobs.farm_task(carrier={"TRACEPARENT": said, "TRACESTATE": said, "BAGGAGE": said}, frame=3):
        assert clientobs.trace_id()
    assert not seen(home).span("farm task").links


def test_nested_and_mixed_values_keep_their_shape_on_each_release_of_the_sdk(
    runtime: Runtime, home: Path
) -> None:
    """Until 1.43 the SDK itself refuses all of these in spans, and mixed lists in logs."""
    odd: dict[str, Any] = {"mixed": [1, "a", None], "deep": {"in": [{"n": 1}]}, "raw": b"\xff", "none": None}
    with clientobs.span("work", **odd) as work:
        work.set_attributes({f"set.{name}": value for name, value in odd.items()})
        work.set_attribute("set.mixed", odd["mixed"])
        work.add_event("step", odd)
    clientobs.event("told", **odd)
    records = seen(home)
    span = records.span("work")
    assert span.attributes == {**odd, **{f"set.{name}": value for name, value in odd.items()}}
    assert span.events[0].attributes == odd
    assert records.events("told")[0].attributes == odd


@pytest.mark.parametrize("name", ["self", "name", "body", "kind", "attributes"])
def test_an_attribute_may_have_any_name(name: str, runtime: Runtime, home: Path) -> None:
    named = {name: "x"}
    with clientobs.span("s", **named), clientobs.context(**named):
        clientobs.counter("c").add(1, **named)
        clientobs.histogram("h").record(1, **named)
    if name not in ("name", "body"):  # parameters of an event
        clientobs.event("e", **named)  # type: ignore[arg-type]
        assert seen(home).events("e")[0].attributes == named


@pytest.mark.parametrize("target", [int, 5, property(lambda self: 1)])
def test_traced_refuses_what_it_would_break(target: Any) -> None:
    with pytest.raises(clientobs.ConfigError, match=r"functions and methods"):
        clientobs.traced(target)


@pytest.mark.parametrize("name", [None, "", [], Hostile()])
def test_an_instrument_without_a_name_is_refused(name: Any) -> None:
    with pytest.raises(clientobs.ConfigError, match="has no name"):
        clientobs.counter(name)


@pytest.mark.parametrize("severity", [None, [], Hostile()])
def test_a_severity_of_an_odd_type_is_refused(severity: Any) -> None:
    with pytest.raises(clientobs.ConfigError, match="is not a severity"):
        clientobs.event("e", severity=severity)


class Float64(float):
    """As numpy's: a float that marshal doesn't take."""


def test_one_odd_number_does_not_take_all_metrics_with_it(runtime: Runtime, home: Path) -> None:
    for value in (Float64(2.5), fractions.Fraction(1, 2), True, 10**30):
        clientobs.gauge("odd").set(value, kind=type(value).__name__)  # type: ignore[arg-type]
    clientobs.counter("good").add(7)
    clientobs.shutdown()
    records = seen(home)
    assert [point[1] for point in records.points("good")] == [7]
    odd = {point[0]["kind"]: point[1] for point in records.points("odd")}
    assert odd == {"Float64": 2.5, "Fraction": 0.5, "bool": 1, "int": 1e30}


def test_one_span_object_may_be_entered_again_inside_itself(runtime: Runtime, home: Path) -> None:
    again = clientobs.span("again")
    with again, again:
        inner = clientobs.trace_id()
        assert inner
    assert clientobs.trace_id() is None
    ended = [span for span in seen(home).spans if span.name == "again"]
    assert len(ended) == 2
    assert {span.parent_id for span in ended} == {0, ended[-1].span_id}


def test_one_span_and_one_context_object_serve_many_threads_and_tasks(runtime: Runtime, home: Path) -> None:
    shared, place = clientobs.span("shared"), clientobs.context(shot="sh010")
    barrier, left = threading.Barrier(4), []

    def work() -> None:
        for _ in range(20):
            with place, shared:
                barrier.wait(10)
            left.append((clientobs.trace_id(), clientobs.carrier()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def step(number: int) -> None:
        with shared:
            await asyncio.sleep(0.001 * number)

    async def steps() -> None:
        await asyncio.gather(*map(step, range(5)))

    asyncio.run(steps())
    assert left == [(None, {})] * 80
    assert sum(span.name == "shared" for span in seen(home).spans) == 85


def test_spans_left_in_the_order_they_were_entered_leave_none_current(runtime: Runtime, home: Path) -> None:
    first, second = clientobs.span("first"), clientobs.span("second")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert clientobs.trace_id() is None
    assert len(seen(home).spans) == 2
