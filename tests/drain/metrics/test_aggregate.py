from __future__ import annotations

from typing import Any

import pytest

from clientobs._loss import LossLedger
from clientobs.drain.metrics.aggregate import SERIES_LIMIT, Aggregator, Export
from clientobs.journal.format import encode_payload
from clientobs.journal.records import ContextRecord

RESOURCE = {"service.name": "render", "host.name": "ws-12", "process.pid": 4711, "service.version": "3.1"}
HOUR = 3600 * 10**9


def counter(name: str, value: float, *, monotonic: bool = True, **attributes: Any) -> tuple[Any, ...]:
    return (0, name, "1", "", "sum", monotonic, ((attributes, value, 5, 9, ()),))


def gauge(name: str, value: float, time_ns: int) -> tuple[Any, ...]:
    return (0, name, "1", "", "gauge", False, (({}, value, 0, time_ns, ()),))


def histogram(counts: tuple[int, ...], bounds: tuple[float, ...] = (1.0, 2.0)) -> tuple[Any, ...]:
    point: tuple[Any, ...] = ({}, (sum(counts), 3.5, 0.5, 4.0, bounds, counts), 5, 9, ())
    return (0, "seconds", "s", "", "histogram", False, (point,))


@pytest.fixture
def loss() -> LossLedger:
    return LossLedger()


@pytest.fixture
def machine(loss: LossLedger) -> Aggregator:
    return Aggregator(loss=loss, destination="d" * 32)


def values(exports: list[Export]) -> dict[str, list[Any]]:
    return {export.metric[1]: [point[1] for point in export.metric[6]] for export in exports}


def test_deltas_of_all_runs_become_one_running_total(machine: Aggregator) -> None:
    for run in ("a", "b", "c"):
        machine.add(run, {**RESOURCE, "process.pid": run}, (counter("frames", 2),), {})
    exports, _ = machine.collect(100)
    assert values(exports) == {"frames": [6]}
    assert exports[0].resource == {
        "service.name": "render",
        "host.name": "ws-12",
        "service.instance.id": "ws-12-dddddddd",
    }


def test_one_tool_and_one_scope_do_not_add_to_another(machine: Aggregator) -> None:
    scope = ContextRecord(1, "scope", {"name": "clientobs.files", "version": "1"})
    entry: tuple[Any, ...] = (1, "frames", "1", "", "sum", True, (({}, 1, 5, 9, ()),))
    machine.add("a", RESOURCE, (counter("frames", 1), entry), {1: scope})
    machine.add("a", {"service.name": "publish"}, (counter("frames", 1),), {})
    exports, _ = machine.collect(100)
    assert sorted(
        (export.resource["service.name"], export.scope, export.metric[6][0][1]) for export in exports
    ) == [
        ("publish", ("", ""), 1),
        ("render", ("", ""), 1),
        ("render", ("clientobs.files", "1"), 1),
    ]


def test_attributes_that_only_compare_equal_are_series_of_their_own(machine: Aggregator) -> None:
    for value in (1, True, 1.0, "1", [1], {"x": 1}):
        machine.add("a", RESOURCE, (counter("frames", 1, kind=value),), {})
    exports, _ = machine.collect(100)
    assert values(exports) == {"frames": [1] * 6}


def test_a_dead_run_holds_nothing_in_an_up_down_counter(machine: Aggregator) -> None:
    machine.add("a", RESOURCE, (counter("open", 2, monotonic=False),), {})
    machine.add("b", RESOURCE, (counter("open", 3, monotonic=False),), {})
    machine.forget("a")
    exports, _ = machine.collect(100)
    assert values(exports) == {"open": [3]}


def test_runs_that_died_unseen_are_taken_out_by_the_next_drain(machine: Aggregator) -> None:
    for run in ("alive", "dead", "dead too"):
        machine.add(run, RESOURCE, (counter("open", 1, monotonic=False), counter("frames", 1)), {})
    machine.forget_all_but(["alive"])
    exports, _ = machine.collect(100)
    assert values(exports) == {"open": [1], "frames": [3]}


def test_the_newest_gauge_wins_whatever_the_order_of_arrival(machine: Aggregator) -> None:
    machine.add("a", RESOURCE, (gauge("load", 7, 20),), {})
    machine.add("b", RESOURCE, (gauge("load", 3, 10),), {})
    exports, _ = machine.collect(100)
    assert values(exports) == {"load": [7]}


def test_histograms_add_up_and_refuse_other_bounds(machine: Aggregator, loss: LossLedger) -> None:
    machine.add("a", RESOURCE, (histogram((1, 0, 2)),), {})
    machine.add("b", RESOURCE, (histogram((0, 5, 1)),), {})
    machine.add("c", RESOURCE, (histogram((9, 9), bounds=(1.0,)),), {})
    exports, _ = machine.collect(100)
    assert values(exports) == {"seconds": [(9, 7.0, 0.5, 4.0, (1.0, 2.0), (1, 5, 3))]}
    assert loss.totals() == {"metric_conflict": 1}


def test_a_thousand_series_stay_within_the_bound_and_no_count_is_lost(
    machine: Aggregator, loss: LossLedger
) -> None:
    for number in range(1000):
        machine.add("a", RESOURCE, (counter("frames", 1, shot=number),), {})
        machine.add("a", RESOURCE, (counter("reads", 1, path=number),), {})
    exports, _ = machine.collect(100)
    points = [point for export in exports for point in export.metric[6]]
    assert len(points) <= SERIES_LIMIT
    assert {name: sum(counts) for name, counts in values(exports).items()} == {"frames": 1000, "reads": 1000}
    assert sum(point[0] == {"otel.metric.overflow": True} for point in points) == 2
    assert loss.totals() == {}


def test_histograms_are_charged_for_their_buckets(machine: Aggregator, loss: LossLedger) -> None:
    bounds = tuple(float(bound) for bound in range(15))
    for number in range(100):
        counts = (1,) * 16
        point = ({"shot": number}, (16, 1.0, None, None, bounds, counts), 5, 9, ())
        machine.add("a", RESOURCE, ((0, "seconds", "s", "", "histogram", False, (point,)),), {})
    exports, _ = machine.collect(100)
    assert machine.cost <= SERIES_LIMIT
    assert sum(value[0] for value in values(exports)["seconds"]) == 1600
    assert loss.totals() == {}


def test_where_even_the_overflow_is_full_points_are_counted_as_lost(
    machine: Aggregator, loss: LossLedger
) -> None:
    for number in range(1000):
        machine.add("a", RESOURCE, (counter(f"metric-{number}", 1),), {})
    exports, _ = machine.collect(100)
    assert len(exports) == SERIES_LIMIT
    assert loss.totals() == {"series_limit": 1000 - SERIES_LIMIT}


def test_only_what_changed_since_it_arrived_is_sent_again(machine: Aggregator) -> None:
    machine.add("a", RESOURCE, (counter("frames", 1), counter("reads", 1)), {})
    first, mark = machine.collect(100)
    machine.add("a", RESOURCE, (counter("reads", 1),), {})
    unconfirmed, _ = machine.collect(101)
    machine.confirm(mark)
    changed, _ = machine.collect(102)
    full, _ = machine.collect(103, full=True)
    assert [values(exports) for exports in (first, unconfirmed, changed, full)] == [
        {"frames": [1], "reads": [1]},
        {"frames": [1], "reads": [2]},
        {"reads": [2]},
        {"frames": [1], "reads": [2]},
    ]


def test_the_next_drain_goes_on_with_the_totals(machine: Aggregator, loss: LossLedger) -> None:
    entries = (
        counter("frames", 4),
        counter("open", 2, monotonic=False),
        gauge("load", 7, 20),
        histogram((1, 0, 2)),
    )
    machine.add("a", RESOURCE, entries, {})
    state = machine.dump()
    assert encode_payload(state)
    following = Aggregator(loss=loss, destination="d" * 32)
    following.load(state)
    following.add("b", RESOURCE, entries, {})
    following.forget("a")
    exports, _ = following.collect(100)
    found = values(exports)
    assert (found["frames"], found["open"], found["load"], found["seconds"][0][0]) == ([8], [2], [7], 6)
    assert {point[2] for export in exports for point in export.metric[6]} == {5, 20}


def test_a_series_that_nothing_touches_for_a_day_is_given_up_and_no_clock_jump_does_it(
    loss: LossLedger,
) -> None:
    mono = [0]
    machine = Aggregator(loss=loss, mono=lambda: mono[0])
    machine.add("a", RESOURCE, (counter("frames", 1),), {})
    mono[0] = 23 * HOUR
    assert machine.collect(100 * HOUR)[0]
    mono[0] = 25 * HOUR
    assert machine.collect(0)[0] == []
    assert machine.cost == 0


def test_a_point_never_starts_after_it_ends_when_the_clock_goes_back(machine: Aggregator) -> None:
    machine.add("a", RESOURCE, (counter("frames", 1),), {})
    ((export,), _) = machine.collect(now_ns=3)
    assert export.metric[6][0][2:4] == (3, 3)


@pytest.mark.parametrize(
    "entry",
    [(), (0, "x", "", "", "sum", True, ((),)), (0, "x", "", "", "rate", True, (({}, 1, 2, 3, ()),))],
)
def test_entries_of_no_known_shape_are_counted_and_spoil_nothing(
    machine: Aggregator, loss: LossLedger, entry: tuple[Any, ...]
) -> None:
    machine.add("a", RESOURCE, (entry, counter("frames", 1)), {})
    assert values(machine.collect(100)[0]) == {"frames": [1]}
    assert loss.totals() == {"malformed": 1}


def test_a_counter_never_falls(machine: Aggregator, loss: LossLedger) -> None:
    machine.add("a", RESOURCE, (counter("frames", 5), counter("frames", -2)), {})
    assert values(machine.collect(100)[0]) == {"frames": [5]}
    assert loss.totals() == {"metric_conflict": 1}
