"""A beat that has stopped: when that is a hang, and when it says nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clientobs._beat import BEAT_FILE, Beat, pack, read_beat
from clientobs._procfs import Turns
from clientobs.drain.hangs.silence import Silence

SECOND = 1_000_000_000
KEEPER = 1
BEAT = Beat(at=100 * SECOND, watch="loop", answered=99 * SECOND, threshold=5 * SECOND)


def follow(silence: Silence, beat: Beat, start: float, end: float) -> tuple[int, int]:
    """Look four times a second; return the last answer and the time of it."""
    silent, now = 0, 0
    for quarter in range(int(start * 4), int(end * 4) + 1):
        now = quarter * SECOND // 4
        silent = silence.look(beat, now)
    return silent, now


@pytest.fixture
def pid() -> Iterator[int]:
    """Return a process that does nothing, and in no file."""
    waits = "import _thread; lock = _thread.allocate_lock(); lock.acquire(); lock.acquire(timeout=120)"
    sleeper = subprocess.Popen([sys.executable, "-S", "-c", waits])
    yield sleeper.pid
    sleeper.kill()
    sleeper.wait(10)


@pytest.fixture
def silence(pid: int) -> Silence:
    return Silence(pid, is_held=lambda _pid: False)


def test_a_beat_that_has_stopped_is_a_hang_after_its_threshold(silence: Silence) -> None:
    silent, now = follow(silence, BEAT, 100, 104.5)
    assert silent
    assert not silence.is_hang(BEAT, silent, now)
    silent, now = follow(silence, BEAT, 104.75, 105.5)
    assert silence.is_hang(BEAT, silent, now)
    assert silence.since(BEAT, silent, now) == 99 * SECOND


def test_nothing_watched_or_no_beat_is_no_silence(silence: Silence) -> None:
    assert follow(silence, Beat(at=100 * SECOND), 100, 130)[0] == 0
    assert silence.look(None, 131 * SECOND) == 0


@pytest.mark.parametrize(("share", "counts"), [(0.0, True), (0.9, False)], ids=["it slept", "it starved"])
def test_a_keeper_that_got_no_processor_proves_nothing(pid: int, share: float, counts: bool) -> None:
    """On a machine that has no time, a beat is late as well: who waits for the interpreter could not run."""
    passed = {"looks": 0}

    def turns(_pid: int, thread: int) -> Turns:
        passed["looks"] += thread == KEEPER
        return Turns(0.0, share * passed["looks"] / 4, passed["looks"])

    silence = Silence(pid, is_held=lambda _pid: False, turns=turns)
    beat = replace(BEAT, thread=KEEPER)
    silent, now = follow(silence, beat, 100, 110)
    assert bool(silent and silence.is_hang(beat, silent, now)) is counts


def test_a_keeper_that_had_a_processor_again_and_again_lacked_the_interpreter(pid: int) -> None:
    """On a loaded machine it waits for a processor each time that it wakes, in vain, to ask for the lock."""
    passed = {"looks": 0}

    def turns(_pid: int, thread: int) -> Turns:
        passed["looks"] += thread == KEEPER
        return Turns(0.001 * passed["looks"], 0.12 * passed["looks"], 16 * passed["looks"])

    silence = Silence(pid, is_held=lambda _pid: False, turns=turns)
    beat = replace(BEAT, thread=KEEPER)
    silent, now = follow(silence, beat, 100, 110)
    assert silent
    assert silence.is_hang(beat, silent, now)


def test_a_drain_that_was_late_itself_proves_nothing(silence: Silence) -> None:
    follow(silence, BEAT, 100, 101)
    silent, now = follow(silence, BEAT, 160, 162)  # both stood still for a minute
    assert not silence.is_hang(BEAT, silent, now)


def test_a_drain_that_comes_later_waits_to_see_for_itself(silence: Silence) -> None:
    silent, now = follow(silence, BEAT, 500, 502)
    assert not silence.is_hang(BEAT, silent, now)


def test_who_is_held_by_a_debugger_is_not_silent(pid: int) -> None:
    held = [True]
    silence = Silence(pid, is_held=lambda _pid: held[0])
    assert follow(silence, BEAT, 100, 160)[0] == 0
    held[0] = False
    silent, now = follow(silence, BEAT, 160.25, 163)
    assert not silence.is_hang(BEAT, silent, now)  # it has just been let go


def test_a_batch_is_silent_for_as_long_as_it_likes(silence: Silence) -> None:
    beat = Beat(at=100 * SECOND, watch="file", threshold=5 * SECOND)
    silent, now = follow(silence, beat, 100, 200)
    assert not silence.is_hang(beat, silent, now)


@pytest.mark.parametrize("content", [b"", b"beat", b"\xff" * 76, pack(BEAT)[:-1], b"x" + pack(BEAT)[1:]])
def test_a_damaged_beat_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / BEAT_FILE).write_bytes(content)
    assert read_beat(str(tmp_path)) is None


def test_a_beat_is_read_as_it_was_written(tmp_path: Path) -> None:
    beat = Beat(at=1, watch="file", answered=2, threshold=3, stall=4, work="save", thread=5, limit=6)
    (tmp_path / BEAT_FILE).write_bytes(pack(beat))
    assert read_beat(str(tmp_path)) == beat


def test_a_beat_of_an_older_version_has_no_limit(tmp_path: Path) -> None:
    (tmp_path / BEAT_FILE).write_bytes(pack(replace(BEAT, limit=6))[:-8])
    assert read_beat(str(tmp_path)) == BEAT


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_a_symlink_in_place_of_a_beat_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(pack(BEAT))
    (tmp_path / BEAT_FILE).symlink_to(tmp_path / "elsewhere")
    assert read_beat(str(tmp_path)) is None
