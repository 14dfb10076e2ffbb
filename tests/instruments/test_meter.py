"""An instrument that costs too much turns itself off for a while, and says so."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

import clientobs
from clientobs.instruments import registry
from clientobs.instruments.files.instrument import FilesInstrument
from clientobs.instruments.meter import Meter
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime

SECOND = 1_000_000_000
MS = 1_000_000


class Hands:
    """A clock that is moved by hand, in nanoseconds."""

    def __init__(self) -> None:
        self.at = 0

    def __call__(self) -> int:
        return self.at


class Bench:
    """A meter with two clocks, and how often it has said that it is too much."""

    def __init__(self) -> None:
        self.wall, self.used = Hands(), Hands()
        self.off: list[float] = []
        self.meter = Meter("files", too_much=self.turn_off, wall=self.wall, used=self.used)

    def turn_off(self) -> None:
        self.off.append(self.wall.at / SECOND)

    def work(self, *, own: int, host: int, seconds: float, waits: int = 0) -> None:
        """Let the host work for `host` and us for `own`, of which `waits` is waiting, again and again."""
        end = self.wall.at + int(seconds * SECOND)
        said = len(self.off)
        while self.wall.at < end and len(self.off) == said:
            self.wall.at += host
            began = self.meter.now()
            self.wall.at += own
            self.used.at += own - waits
            self.meter.spend(began)


def test_a_small_share_is_taken_for_any_length_of_time(runtime: Runtime) -> None:
    bench = Bench()
    bench.work(own=MS, host=5 * MS, seconds=3_600)
    assert bench.off == []
    assert bench.meter.spent == 600 * SECOND


def test_one_big_operation_is_forgiven_however_large_the_share(runtime: Runtime) -> None:
    bench = Bench()
    for _ in range(20):  # 120,000 files removed, now and then
        bench.work(own=4 * MS, host=6 * MS, seconds=8)
        bench.work(own=MS, host=99 * MS, seconds=60)
    assert bench.off == []


def test_a_share_that_lasts_is_ended_the_sooner_the_larger_it_is(runtime: Runtime) -> None:
    times = []
    for own in (10, 4, 3):
        bench = Bench()
        bench.work(own=own * MS, host=(10 - own) * MS, seconds=600)
        times.append(round(bench.off[0]))
    assert times == [4, 15, 30]


def test_waiting_for_the_interpreter_in_our_code_is_no_cost_of_ours(runtime: Runtime) -> None:
    bench = Bench()
    bench.work(own=8 * MS, host=2 * MS, waits=7 * MS, seconds=3_600)
    assert bench.off == []


def test_once_weighed_by_the_processor_it_is_still_ended_where_the_time_is_ours(runtime: Runtime) -> None:
    bench = Bench()
    bench.work(own=8 * MS, host=2 * MS, waits=7 * MS, seconds=60)
    bench.work(own=5 * MS, host=5 * MS, seconds=60)
    assert len(bench.off) == 1


def test_an_interval_that_began_by_the_other_clock_counts_nothing(runtime: Runtime) -> None:
    bench = Bench()
    began_before = bench.meter.now()
    bench.work(own=8 * MS, host=2 * MS, waits=7 * MS, seconds=60)
    assert bench.meter.now is not bench.wall, "the processor time is asked by now"
    began_between, spent = bench.meter.now(), bench.meter.spent
    bench.meter.spend(began_before)
    assert bench.meter.spent == spent
    bench.work(own=MS, host=99 * MS, seconds=60)
    assert bench.meter.now is bench.wall
    spent = bench.meter.spent
    bench.meter.spend(began_between)
    assert bench.meter.spent == spent


def test_it_comes_back_after_a_pause_that_doubles_up_to_an_hour(runtime: Runtime) -> None:
    bench = Bench()
    pauses = []
    for _ in range(9):
        bench.work(own=10 * MS, host=0, seconds=60)
        began = bench.wall.at
        while not bench.meter.rested():
            bench.wall.at += SECOND
        pauses.append((bench.wall.at - began) // SECOND)
        assert not bench.meter.rested(), "once for each pause"
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_stretch_that_goes_well_makes_the_next_pause_short_again(runtime: Runtime) -> None:
    bench = Bench()
    for _ in range(3):
        bench.work(own=10 * MS, host=0, seconds=60)
        bench.wall.at += 3_600 * SECOND
        assert bench.meter.rested()
    bench.work(own=MS, host=99 * MS, seconds=3_600)
    bench.work(own=10 * MS, host=0, seconds=60)
    bench.wall.at += 61 * SECOND
    assert bench.meter.rested()


def test_the_instrument_is_off_for_the_pause_says_so_each_time_and_comes_back(
    runtime: Runtime, home: Path
) -> None:
    made = registry.active()["files"]
    assert isinstance(made, FilesInstrument)
    bench = Bench()
    made._meter = bench.meter
    bench.meter._too_much = made.turn_off
    patched = builtins.open
    bench.work(own=5 * MS, host=5 * MS, seconds=10.5)
    assert not made.on
    file = home.parent / "a"
    with clientobs.span("during"):
        file.write_text("goes on as ever")
        assert file.read_text() == "goes on as ever"
        registry.tick()
    bench.wall.at += 60 * SECOND
    registry.tick()
    assert made.on
    assert builtins.open is patched
    with clientobs.span("after"):
        file.read_text()
    clientobs.shutdown()
    found = seen(home)
    (off,) = found.events("clientobs.patch.disabled")
    assert off.attributes["clientobs.patch.name"] == "files"
    assert off.attributes["clientobs.patch.share"] == 0.5
    assert off.attributes["clientobs.patch.pause"] == 60
    (on,) = found.events("clientobs.patch.enabled")
    assert on.attributes["clientobs.patch.name"] == "files"
    assert "file.io.opened" not in found.span("during").attributes
    assert found.span("after").attributes["file.io.opened"] == 1
