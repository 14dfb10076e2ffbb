"""An instrument that costs too much turns itself off, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import clientobs
from clientobs.instruments import registry
from clientobs.instruments.files.instrument import FilesInstrument
from clientobs.instruments.meter import Meter
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime


class Hands:
    """A clock that is moved by hand, in nanoseconds."""

    def __init__(self) -> None:
        self.at = 0

    def __call__(self) -> int:
        return self.at


def work(meter: Meter, hands: Hands, *, own: int, host: int, rounds: int) -> None:
    for _ in range(rounds):
        hands.at += host
        began = meter.now()
        hands.at += own
        meter.spend(began)


def test_a_small_share_is_taken_for_any_length_of_time() -> None:
    calls: list[int] = []
    hands = Hands()
    meter = Meter("files", too_much=lambda: calls.append(1), now=hands)
    work(meter, hands, own=1_000_000, host=20_000_000, rounds=5000)
    assert calls == []
    assert meter.spent == 5_000_000_000


def test_a_short_burst_is_forgiven() -> None:
    calls: list[int] = []
    hands = Hands()
    meter = Meter("files", too_much=lambda: calls.append(1), now=hands)
    for _ in range(20):
        work(meter, hands, own=10_000_000, host=1_000_000, rounds=20)
        work(meter, hands, own=10_000_000, host=500_000_000, rounds=20)
    assert calls == []


def test_too_much_for_too_long_turns_the_instrument_off_once_and_says_so(
    runtime: Runtime, home: Path
) -> None:
    made = registry.active()["files"]
    assert isinstance(made, FilesInstrument)
    calls: list[int] = []
    hands = Hands()

    def turn_off() -> None:
        calls.append(1)
        made.turn_off()

    meter = Meter("files", too_much=turn_off, now=hands)
    work(meter, hands, own=10_000_000, host=10_000_000, rounds=500)
    assert calls == [1]
    assert not made.on
    with clientobs.span("after"):
        (home.parent / "a").write_text("goes on as ever")
        assert (home.parent / "a").read_text() == "goes on as ever"
    clientobs.shutdown()
    found = seen(home)
    (event,) = found.events("clientobs.patch.disabled")
    assert event.attributes["clientobs.patch.name"] == "files"
    assert event.attributes["clientobs.patch.share"] == 0.5
    assert "file.io.operations" not in found.span("after").attributes
