"""What is told of a host's hangs: once, by whichever drain, and whatever the notes look like."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clientobs._beat import BEAT_FILE, Beat, pack
from clientobs._clock import Clock
from clientobs._loss import LossLedger
from clientobs.config.model import Config, JournalConfig
from clientobs.drain.deaths.findings import Findings
from clientobs.drain.hangs.silence import Silence
from clientobs.drain.hangs.watch import HangWatch
from clientobs.drain.runs.registry import Registry
from clientobs.journal.home import Home, prepare
from clientobs.journal.process import boot_id
from clientobs.journal.records import HANG_NOTE
from clientobs.journal.writer import Journal, RunIdentity
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clientobs._guarded import Faults
    from clientobs.drain.deaths.inquest import Death
    from support.readback import Seen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of threads")

STACK = [["studio.rig", "build", "/studio/rig.py", 1], ["json.decoder", "decode", "/usr/lib/json.py", 0]]


class _Nobody:
    """Finds out nothing about deaths: what hangs is what these tests are about."""

    clean: Callable[[str], str] = staticmethod(lambda text: text)

    def of(self, _folder: str, _death: Callable[[], Death]) -> Findings:
        return Findings()


class Desk:
    """A host's journal, and drains that come and go."""

    def __init__(self, folder: Path) -> None:
        self.home: Home = prepare(str(folder), uid=os.getuid())
        self.config = Config(journal=JournalConfig(free_floor_bytes=0))
        self.journal = Journal(
            self.home,
            RunIdentity(run="a" * 32, session="b" * 32, resource={"service.name": "rigger"}),
            config=self.config.journal,
            clock=Clock(),
            loss=LossLedger(),
        )
        self.now = time.monotonic_ns()

    def note(self, at: str, **values: Any) -> None:
        self.journal.note(HANG_NOTE, {"at": at, "since": self.now, **values})

    def hang(self) -> None:
        self.note("stack", id=1, frames=STACK)
        for _ in range(3):
            self.note("sample", mono=self.now + 1, main=[1, [40, 7]], others={"worker": [1, [2, 3]]})
        verdict = {"watch": "loop", "reason": "interface", "work": "", "threshold": 5 * 10**9}
        production = {"production.shot": "sh020", "session.id": "b" * 32}
        self.note("hung", mono=self.now + 5 * 10**9, spans=[], waits=[], production=production, **verdict)

    def over(self) -> None:
        self.note("over", mono=self.now + 9 * 10**9)

    def drain(self) -> Seen:
        """Let a drain come, look and leave."""
        with self.drains() as look:
            return look()

    @contextmanager
    def drains(self) -> Iterator[Callable[[], Seen]]:
        """Let a drain come, look as often as it is told to, and leave."""
        registry = Registry(self.home, "", LossLedger())
        watch = HangWatch(self.config, self.home, boot_id(), outside=True)
        registry.refresh(forget=lambda _run: None)

        def look() -> Seen:
            for run in registry.runs.values():
                run.read_on(boot_id=boot_id(), has_time=lambda: True, inquires=_Nobody())
            watch.look(list(registry.runs.values()))
            return seen(self.home.path)

        yield look
        watch.close()

    def beat(self, at: int, answered: int) -> None:
        """Write a beat of a host with a span open, whose main thread has answered then."""
        beat = Beat(at=at, watch="span", answered=answered, threshold=5 * 10**9)
        Path(self.journal.path, BEAT_FILE).write_bytes(pack(beat))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "home")
    yield made
    made.journal.close("exited", "test")


def test_a_hang_is_told_with_its_stacks_and_under_the_hosts_session(desk: Desk) -> None:
    desk.hang()
    (hang,) = desk.drain().events("app.hang")
    assert hang.attributes["app.hang.stacks"] == ["studio.rig.build;json.decoder.decode 3"]
    assert hang.attributes["app.hang.threads"] == ["worker: studio.rig.build;json.decoder.decode"]
    # The studio's own frame, although the library's is the innermost.
    assert hang.attributes["code.function.name"] == "studio.rig.build"
    assert hang.attributes["code.line.number"] == 40
    assert hang.attributes["session.id"] == "b" * 32
    assert hang.attributes["production.shot"] == "sh020"
    assert hang.body == "The interface does not answer, in build()."


def test_neither_a_hang_nor_its_end_is_told_twice(desk: Desk) -> None:
    desk.hang()
    desk.drain()
    assert len(desk.drain().events("app.hang")) == 1
    desk.over()
    desk.drain()
    found = desk.drain()
    (end,) = found.events("app.hang.end")
    assert end.attributes["app.hang.duration"] == 9.0
    assert end.attributes["app.hang.id"] == found.events("app.hang")[0].attributes["app.hang.id"]
    assert len(found.events("app.hang")) == 1


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return for how long a host has been silent, as the drain is to judge it; a hang as soon as it is."""
    nanoseconds = [0]
    monkeypatch.setattr(Silence, "look", lambda *_: nanoseconds[0])
    monkeypatch.setattr(Silence, "is_hang", lambda *_: True)
    return nanoseconds


def test_a_hang_seen_from_outside_is_over_when_its_host_has_spoken_since(
    desk: Desk, silent: list[int]
) -> None:
    """A drain that was late itself has seen nothing; nor does a beat count that was on its way before."""
    desk.note("stack", id=1, frames=STACK)
    desk.beat(desk.now - 6 * 10**9, desk.now - 7 * 10**9)
    with desk.drains() as look:
        silent[0] = 6 * 10**9
        (hang,) = look().events("app.hang")
        silent[0] = 0
        look()
        assert look().events("app.hang.end") == []
        desk.beat(desk.now - 10**9, desk.now - 7 * 10**9)
        look()
        assert look().events("app.hang.end") == []
        desk.beat(time.monotonic_ns(), time.monotonic_ns())
        look()
        (end,) = look().events("app.hang.end")
    assert end.attributes["app.hang.id"] == hang.attributes["app.hang.id"]


def test_what_a_host_has_sampled_before_it_had_no_turn_is_told(desk: Desk, silent: list[int]) -> None:
    desk.note("stack", id=1, frames=STACK)
    desk.note("sample", mono=desk.now, main=[1, [40, 7]])
    desk.beat(desk.now - 10**9, desk.now - 2 * 10**9)
    with desk.drains() as look:
        silent[0] = 6 * 10**9
        (hang,) = look().events("app.hang")
    assert hang.attributes["app.hang.stack_source"] == "host"
    assert hang.attributes["app.hang.stacks"] == ["studio.rig.build;json.decoder.decode 1"]


@pytest.mark.parametrize("drains", [1, 2])
def test_a_hang_seen_from_outside_and_by_its_host_is_one(desk: Desk, silent: list[int], drains: int) -> None:
    desk.note("stack", id=1, frames=STACK)
    desk.beat(desk.now - 6 * 10**9, desk.now - 7 * 10**9)
    with desk.drains() as look:
        silent[0] = 6 * 10**9
        (hang,) = look().events("app.hang")
        silent[0] = 0
        desk.beat(time.monotonic_ns(), desk.now - 7 * 10**9)
        look()  # the beat is seen, and what was noted before it is not yet
        desk.hang()
        look()
        if drains == 1:
            desk.over()
            look()
    if drains > 1:
        desk.over()
    found = desk.drain()
    (end,) = found.events("app.hang.end")
    assert len(found.events("app.hang")) == 1
    assert end.attributes["app.hang.id"] == hang.attributes["app.hang.id"]
    assert end.attributes["app.hang.stacks"] == ["studio.rig.build;json.decoder.decode 3"]


def test_a_hang_that_no_drain_has_seen_is_told_afterwards(desk: Desk) -> None:
    desk.hang()
    desk.over()
    desk.journal.close("exited", "test")
    found = desk.drain()
    assert len(found.events("app.hang")) == len(found.events("app.hang.end")) == 1


def test_a_pause_that_was_no_hang_is_not_told(desk: Desk) -> None:
    desk.note("stack", id=1, frames=STACK)
    desk.note("sample", mono=desk.now, main=[1, [40, 7]])
    found = desk.drain()
    assert found.events("app.hang") == []


@pytest.mark.parametrize(
    "values",
    [
        {"at": "hung"},
        {"at": "sample", "main": 5},
        {"at": "stack", "id": "x", "frames": []},
        {"at": "stack", "id": 2, "frames": [["too", "short"]]},
        {"at": "over", "mono": "late"},
        {"since": "yesterday"},
        {},
    ],
)
def test_notes_of_another_shape_cost_themselves_alone(
    desk: Desk, values: dict[str, Any], lenient_faults: Faults
) -> None:
    desk.journal.note(HANG_NOTE, {"since": desk.now, **values})
    desk.hang()
    assert len(desk.drain().events("app.hang")) == 1
    assert lenient_faults.counts() == {"drain.hangs.note": 1}
