"""When a silence is a hang, on a clock of the test's own."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from clientobs._beat import read_beat
from clientobs._procfs import FileCall
from clientobs.config.model import HangsConfig
from clientobs.guard.hang.standing import Facts
from clientobs.guard.hang.watch import HangWatch, OpenSpan

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000


class Desk:
    """A watch whose clock, loop, spans and system are told what to say."""

    def __init__(self, folder: Path, *, interactive: bool = True, loops: bool = True) -> None:
        self.now = 1000 * SECOND
        self.notes: list[dict[str, Any]] = []
        self.spans: list[OpenSpan] = []
        self.facts = Facts()
        self.progress_ns = self.now
        self.running = self.answers = self.quick = self.runs_on = False
        self.folder = str(folder)
        self.watch = HangWatch(
            HangsConfig(),
            interactive=interactive,
            loops=loops,
            say=lambda values, _vital: self.notes.append(values),
            opened=lambda: (tuple(span.key for span in self.spans), self.spans),
            clean=lambda text: text,
            pace=lambda quick: setattr(self, "quick", quick),
            waits=lambda _frames, _names: ([], False),
            mono=lambda: self.now,
        )
        self.watch._loop = self  # type: ignore[assignment]
        self.watch._standing = self  # type: ignore[assignment]
        self.watch.begin(self.folder)

    def ask(self) -> bool:
        return self.answers

    def close(self) -> None:
        """What the loop has."""

    def begin(self, now: int) -> None:
        self.progress_ns = max(self.progress_ns, now)

    def has_run_on(self, _now: int) -> bool:
        return self.runs_on

    def look(self, _now: int) -> Facts:
        return self.facts

    def look_at_process(self, _now: int) -> None:
        """What `progress_ns` says is told by the test."""

    def go(self, seconds: float, step: float = 0.5) -> None:
        for _ in range(int(seconds / step)):
            self.now += int(step * SECOND)
            self.watch.tick()

    def hangs(self) -> list[dict[str, Any]]:
        return [note for note in self.notes if note["at"] == "hung"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def span(name: str = "paint", work: str = "") -> OpenSpan:
    return OpenSpan(key=name, name=name, work=work, values={"name": name})


def test_a_loop_that_is_silent_for_five_seconds_hangs_once_and_answers_again(desk: Desk) -> None:
    desk.running = desk.answers = True
    desk.go(3)
    assert desk.notes == []
    desk.answers = False
    desk.go(4.5)
    assert desk.quick
    assert desk.hangs() == []
    desk.go(3)
    (hung,) = desk.hangs()
    assert (hung["reason"], hung["watch"], hung["threshold"]) == ("interface", "loop", 5 * SECOND)
    assert hung["mono"] - hung["since"] == 5 * SECOND
    desk.answers = True
    desk.go(1)
    assert desk.notes[-1]["at"] == "over"
    assert not desk.quick
    # Stacks of all threads were written down on the way, this test's own among them.
    samples = [note for note in desk.notes if note["at"] == "sample"]
    known = {note["id"]: note["frames"] for note in desk.notes if note["at"] == "stack"}
    assert any(entry[1].endswith("go") for entry in known[samples[0]["main"][0]])


def test_a_short_pause_is_written_down_and_no_hang(desk: Desk) -> None:
    desk.running = desk.answers = True
    desk.go(1)
    desk.answers = False
    desk.go(3)
    desk.answers = True
    desk.go(1)
    assert desk.hangs() == []
    assert [note["at"] for note in desk.notes if note["at"] == "over"] == []


def test_time_in_which_we_were_not_there_ourselves_does_not_count(desk: Desk) -> None:
    """Asleep with the machine, where its clock goes on; stopped by a signal; without the interpreter lock."""
    desk.running = True
    desk.go(2)
    desk.now += 3600 * SECOND
    desk.go(4)
    assert desk.hangs() == []
    desk.go(2)
    assert len(desk.hangs()) == 1


@pytest.mark.parametrize("watched", ["loop", "span"])
def test_a_silence_goes_on_while_the_lock_could_not_be_had_beside_a_main_thread_that_computes(
    desk: Desk, watched: str
) -> None:
    """The keeper has its turn every four seconds only: each time later than one that was stopped would have it."""
    desk.running = watched == "loop"
    desk.spans = [span()] if watched == "span" else []
    desk.go(0.5)
    desk.runs_on = True
    desk.facts = Facts(computing_ns=desk.now)
    desk.go(4, step=4)
    assert desk.hangs() == []
    desk.go(4, step=4)
    (hung,) = desk.hangs()
    assert hung["reason"] == "computing"
    assert hung["mono"] - hung["since"] <= 9 * SECOND


def test_who_has_answered_while_the_keeper_was_away_has_answered(desk: Desk) -> None:
    desk.running = desk.answers = desk.runs_on = True
    for _ in range(5):
        desk.go(4, step=4)
    assert desk.notes == []


def test_a_beat_that_says_the_same_is_written_once_a_second(desk: Desk) -> None:
    desk.spans = [span()]
    desk.facts = Facts(computing_ns=desk.now)
    desk.go(2)
    seen = set()
    for _ in range(20):
        desk.go(0.1, step=0.1)
        beat = read_beat(desk.folder)
        assert beat is not None
        seen.add(beat.at)
    assert len(seen) in (2, 3)
    desk.spans = []
    desk.go(0.1, step=0.1)
    beat = read_beat(desk.folder)
    assert beat is not None
    assert (beat.at, beat.watch) == (desk.now, "idle")  # what is new is told at once


def test_an_absence_does_not_end_a_hang_that_was_told(desk: Desk) -> None:
    desk.running = True
    desk.go(6)
    assert len(desk.hangs()) == 1
    desk.now += 10 * SECOND
    desk.go(3)
    assert "over" not in [note["at"] for note in desk.notes]
    assert len(desk.hangs()) == 1


def test_known_work_may_take_long_while_it_moves(desk: Desk) -> None:
    desk.running = True
    desk.spans = [span("save scene", "save")]
    for _ in range(60):
        desk.progress_ns = desk.now
        desk.go(1)
    assert desk.hangs() == []


def test_known_work_that_moves_nothing_is_a_hang_and_labelled(desk: Desk) -> None:
    desk.running = True
    desk.spans = [span("save scene", "save")]
    desk.facts = Facts(call=FileCall(operation="write", path="/mnt/nas/a.ma"), call_ns=desk.now)
    desk.go(14)
    assert desk.hangs() == []
    desk.go(2)
    (hung,) = desk.hangs()
    assert (hung["work"], hung["reason"], hung["path"]) == ("save", "file", "/mnt/nas/a.ma")
    assert hung["threshold"] == 15 * SECOND


def test_a_call_that_was_told_as_a_hang_goes_on_whatever_else_moves(desk: Desk) -> None:
    desk.spans = [span("save scene", "save")]
    desk.go(1)
    desk.facts = Facts(call=FileCall(operation="write", path="/mnt/nas/a.ma"), call_ns=desk.now, idle=True)
    desk.go(17)
    assert len(desk.hangs()) == 1
    desk.progress_ns = desk.now  # another thread has computed
    desk.go(3)
    assert desk.notes[-1]["at"] == "sample"
    desk.facts = Facts()
    desk.progress_ns = desk.now
    desk.go(0.5)
    assert desk.notes[-1]["at"] == "over"


def test_without_a_loop_waiting_alone_is_no_hang(desk: Desk) -> None:
    desk.spans = [span()]
    desk.facts = Facts(lock_ns=desk.now)
    desk.go(60)
    assert desk.notes == []


@pytest.mark.parametrize(("interactive", "hangs"), [(True, 1), (False, 0)])
def test_without_a_loop_computing_is_a_hang_only_where_a_person_may_sit(
    tmp_path: Path, interactive: bool, hangs: int
) -> None:
    desk = Desk(tmp_path, interactive=interactive)
    desk.spans = [span()]
    desk.facts = Facts(computing_ns=desk.now)
    desk.go(10)
    assert len(desk.hangs()) == hangs


def test_a_thread_that_reads_and_writes_is_no_hang(desk: Desk) -> None:
    desk.spans = [span()]
    desk.facts = Facts(computing_ns=desk.now, moved=True)
    desk.go(20)
    assert desk.hangs() == []


def test_a_batch_on_dead_storage_is_a_hang(tmp_path: Path) -> None:
    desk = Desk(tmp_path, interactive=False)
    desk.spans = [span()]
    desk.facts = Facts(call=FileCall(operation="stat", path="/mnt/nas"), call_ns=desk.now)
    desk.go(7)
    assert [note["reason"] for note in desk.hangs()] == ["file"]


@pytest.mark.parametrize(("interactive", "seconds"), [(True, 5), (False, 1800)])
def test_a_batch_that_waits_for_its_turn_at_a_lock_has_the_time_of_known_work(
    tmp_path: Path, interactive: bool, seconds: int
) -> None:
    desk = Desk(tmp_path, interactive=interactive)
    desk.spans = [span()]
    desk.facts = Facts(call=FileCall(operation="lock", path="/mnt/nas/publish.lock"), call_ns=desk.now)
    desk.go(seconds - 1)
    assert desk.hangs() == []
    desk.go(3)
    (hung,) = desk.hangs()
    assert (hung["reason"], hung["operation"], hung["threshold"]) == ("file", "lock", seconds * SECOND)


def test_outside_of_every_span_nothing_is_watched(desk: Desk) -> None:
    desk.facts = Facts(computing_ns=desk.now)
    desk.go(10)
    assert desk.notes == []
    beat = read_beat(desk.folder)
    assert beat is not None
    assert (beat.at, beat.watch) == (desk.now, "idle")


def test_nothing_that_opens_in_a_batch_is_to_be_judged_from_outside(tmp_path: Path) -> None:
    desk = Desk(tmp_path, interactive=False)
    desk.go(2)
    beat = read_beat(desk.folder)
    assert beat is not None
    assert beat.watch == ""


def test_a_host_that_says_when_it_is_idle_needs_no_qt(desk: Desk) -> None:
    for _ in range(10):
        desk.watch.beat()
        desk.go(0.5)
    assert desk.notes == []
    desk.go(6)
    assert len(desk.hangs()) == 1
    desk.watch.beat()
    desk.go(0.5)
    assert desk.notes[-1]["at"] == "over"


def test_a_thread_in_a_debugger_is_no_hang(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.running = True
    code: Any = {"__name__": "pdb", "go": desk.go}
    exec("def interact():\n    go(20)", code)  # a frame of the module `pdb` below the watch
    code["interact"]()
    assert desk.hangs() == []


def test_the_end_of_the_watch_takes_its_file_along(desk: Desk) -> None:
    desk.go(1)
    assert read_beat(desk.folder) is not None
    desk.watch.close()
    assert read_beat(desk.folder) is None


def test_no_more_is_written_of_a_hang_of_hours(desk: Desk) -> None:
    desk.running = True
    desk.go(4000, step=1.0)
    samples = [note for note in desk.notes if note["at"] == "sample"]
    assert len(samples) <= 3000
    assert len(desk.hangs()) == 1


def test_a_beat_holds_what_the_drain_judges_by(desk: Desk) -> None:
    desk.spans = [span("save", "save")]
    desk.go(2)
    beat = read_beat(desk.folder)
    assert beat is not None
    expected = replace(beat, watch="span", work="save", threshold=1800 * SECOND, stall=15 * SECOND)
    assert beat == expected
    assert beat.thread == threading.get_native_id()
    assert sys.platform != "linux" or beat.thread
