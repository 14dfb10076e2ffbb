"""The thread that follows the log files of one entry, round by round: what it does with bad input."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from clientobs._loss import LossLedger
from clientobs.config.log_files import LogFilesConfig
from clientobs.drain.logfiles import follower as module
from clientobs.drain.logfiles.follower import Follower
from clientobs.drain.logfiles.positions import Positions
from clientobs.drain.logfiles.source import Found
from drain.logfiles.tailing import grammar_of, settings_of

if TYPE_CHECKING:
    from clientobs.drain.logfiles.cursor import Mark
    from clientobs.drain.logfiles.entries import Entry
    from clientobs.drain.logfiles.grammar import Said


class Heard:
    """Stands for the voice: what would be recorded."""

    def __init__(self) -> None:
        self.loss = LossLedger()
        self.run = "0" * 32
        self.records: list[tuple[str, Said, float]] = []

    def say(self, path: str, entry: Entry, said: Said, written: float) -> bool:
        self.records.append((os.path.basename(path), said, written))
        return True

    def begin_file(self, mark: Mark | None) -> None:
        """Do nothing."""

    def tend(self) -> None:
        """Do nothing."""

    def texts(self) -> list[str]:
        return [said.body for _, said, _ in self.records]


class Site:
    """A folder of log files, and the follower of those."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.positions = folder / "positions"
        self.heard = Heard()
        self.now = 1000.0

    def follower(
        self, settings: LogFilesConfig | None = None, *, patterns: str = "*.log", **given: Any
    ) -> Follower:
        settings = settings or LogFilesConfig(name="tool", from_start=True, **given)
        return Follower(
            settings,
            [f"{self.logs}/{patterns}"],
            grammar=grammar_of(settings),
            voice=self.heard,  # type: ignore[arg-type]  # it has what a follower calls
            positions=Positions(str(self.positions), str(self.positions)),
        )

    def rounds(self, follower: Follower, number: int = 1) -> None:
        """Let it go round, with time for looking into the folder and for an entry to be over."""
        for _ in range(number):
            self.now += 10
            follower.round(self.now)
            for file in follower._files.values():
                file.joiner._since_ns -= 2_000_000_000
            follower.round(self.now)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes in folders are of POSIX")
def test_what_takes_the_place_of_a_file_holds_nothing_up(site: Site) -> None:
    for name in ("folder", "pipe", "loop", "gone", "good"):
        (site.logs / f"{name}.log").write_text(f"before {name}\n")
    follower = site.follower()
    site.rounds(follower)
    assert len(site.heard.records) == 5
    for name in ("folder", "pipe", "loop", "gone"):
        (site.logs / f"{name}.log").unlink()
    (site.logs / "folder.log").mkdir()
    os.mkfifo(site.logs / "pipe.log")
    (site.logs / "loop.log").symlink_to(site.logs / "loop.log")
    with (site.logs / "good.log").open("a") as file:
        file.write("after\n")
    follower.round(site.now)  # before it looks into the folder again
    site.rounds(follower)
    assert site.heard.texts()[5:] == ["after"]
    (site.logs / "folder.log").rmdir()
    (site.logs / "folder.log").write_text("a file again\n")
    site.rounds(follower)
    assert site.heard.texts()[6:] == ["a file again"]


def test_the_last_words_of_a_file_that_is_deleted_at_once_are_kept(site: Site) -> None:
    log = site.logs / "x.log"
    log.write_text("last words\n")
    follower = site.follower()
    follower.round(site.now)
    assert site.heard.texts() == []  # there may be more of it
    log.unlink()
    site.now += 10
    follower.round(site.now)
    assert site.heard.texts() == ["last words"]


def test_a_time_that_cannot_be_is_counted_and_the_record_has_that_of_its_file(site: Site) -> None:
    log = site.logs / "x.log"
    times = ["2099-01-01 00:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00", "1970-01-01 00:00:01"]
    log.write_text("".join(f"{each} ERROR no walls\n" for each in times) + "2024-05-02 10:11:12 ERROR good\n")
    written = datetime(2024, 5, 2, 12, tzinfo=timezone.utc).timestamp()
    os.utime(log, (written, written))
    site.rounds(site.follower(utc=True))
    said = [(record.time_ns, at) for _, record, at in site.heard.records]
    assert said[:4] == [(None, written)] * 4
    assert said[4] == (1714644672 * 10**9, written)
    assert site.heard.loss.totals() == {"log_file_time": 4}


def test_what_says_no_time_is_of_the_time_at_which_its_file_was_written_to(site: Site) -> None:
    log = site.logs / "x.log"
    log.write_text("Error: no walls\n")
    os.utime(log, (1_714_644_672, 1_714_644_672))
    site.rounds(site.follower())
    assert [written for *_, written in site.heard.records] == [1_714_644_672]


def test_a_file_of_the_future_is_of_now(site: Site) -> None:
    log = site.logs / "x.log"
    log.write_text("Error: no walls\n")
    os.utime(log, (4_000_000_000, 4_000_000_000))
    site.rounds(site.follower())
    ((_, _, written),) = site.heard.records
    assert written <= time.time()


def test_a_render_goes_on_to_tell_its_times_after_a_restart(site: Site) -> None:
    log = site.logs / "arnold.log"
    log.write_text("00:00:00    88MB         | log started Sat Mar 14 09:58:40 2026\n")
    written = datetime(2026, 3, 14, 12, tzinfo=timezone.utc).timestamp()
    settings = settings_of("arnold")
    site.positions.write_text('{"files": [], "runs": []}')
    site.rounds(site.follower(settings))
    with log.open("a") as file:
        file.write("00:00:04   288MB ERROR   | [walls] no walls\n")
    os.utime(log, (written, written))
    site.rounds(site.follower(settings))
    ((_, said, _),) = site.heard.records
    began = datetime(2026, 3, 14, 9, 58, 40).astimezone()
    assert said.time_ns == int(began.timestamp() + 4) * 10**9


def test_thousands_of_files_are_counted_once(site: Site) -> None:
    for number in range(150):
        (site.logs / f"{number:03}.log").write_text("x\n")
    follower = site.follower()
    site.rounds(follower, 3)
    assert len(follower._files) == 100
    assert len(site.heard.records) == 100
    assert site.heard.loss.totals() == {"log_files_many": 50}
    (site.logs / "150.log").write_text("x\n")
    site.rounds(follower)
    assert site.heard.loss.totals() == {"log_files_many": 51}


def test_a_look_into_a_slow_folder_is_not_taken_every_few_seconds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    looks = []

    def slow_find(_patterns: object) -> tuple[list[str], int]:
        looks.append(clock[0])
        clock[0] += 30.0
        return [], 0

    monkeypatch.setattr(module, "find", slow_find)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    follower = site.follower()
    while clock[0] < 3600:
        follower.round(clock[0])
        clock[0] += 1.0
    assert len(looks) == 6  # 30 s of each 10 min


def test_a_line_without_end_is_caught_up_with_only_when_it_was_read(site: Site) -> None:
    (site.logs / "x.log").write_bytes(b"x" * (20 << 20))
    follower = site.follower()
    rounds = 0
    while not follower.caught_up.is_set():
        assert follower.round(site.now) or follower.caught_up.is_set()
        rounds += 1
        assert rounds < 10
    assert rounds == 5


def test_ignored_records_and_those_below_the_level_go_no_farther(site: Site) -> None:
    (site.logs / "x.log").write_text("Error: noise of tile 1\nWarning: small\nError: no walls\nInfo: fine\n")
    site.rounds(site.follower(level="error", ignore=("tile",)))
    assert site.heard.texts() == ["Error: no walls"]


@pytest.mark.parametrize("restart", [False, True], ids=["followed", "by one drain after the other"])
@pytest.mark.parametrize("rotated", ["tool.{}.log", "tool.log.{}"])
def test_globs_that_match_rotated_files_too_give_each_line_once(
    site: Site, rotated: str, restart: bool
) -> None:
    settings = LogFilesConfig(name="tool", from_start=True)
    log, expected = site.logs / "tool.log", []
    follower = site.follower(settings, patterns="*.log*")
    for number in range(5):
        for part in range(3):
            expected.append(f"line {number} {part}")
            with log.open("a") as file:
                file.write(f"line {number} {part}\n")
            if part != 1:
                site.rounds(follower)
        for older in range(number, 0, -1):
            (site.logs / rotated.format(older)).rename(site.logs / rotated.format(older + 1))
        log.rename(site.logs / rotated.format(1))
        if number % 2:
            site.rounds(follower)  # the new file is not there yet
        if restart:
            follower = site.follower(settings, patterns="*.log*")
    site.rounds(follower, 2)
    assert site.heard.texts() == expected
    assert site.heard.loss.totals() == {}


def test_a_backup_that_is_deleted_after_it_was_read_is_no_loss(site: Site) -> None:
    log, backup = site.logs / "tool.log", site.logs / "tool.1.log"
    settings = LogFilesConfig(name="tool", from_start=True)
    follower = site.follower(settings)
    for number in range(4):
        log.write_text(f"line {number}\n")
        site.rounds(follower, 2)
        log.replace(backup)
    site.rounds(follower, 2)
    assert site.heard.texts() == [f"line {number}" for number in range(4)]
    assert site.heard.loss.totals() == {}


def test_packed_files_are_no_lines(site: Site) -> None:
    (site.logs / "tool.log.2.gz").write_bytes(b"\x1f\x8b\x08\0 ERROR\n")
    (site.logs / "tool.log").write_text("line\n")
    follower = site.follower(patterns="*.log*")
    site.rounds(follower)
    assert site.heard.texts() == ["line"]


def test_a_file_that_is_renamed_amid_a_look_is_not_read_under_both_names(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = site.follower()
    log, renamed = site.logs / "tool.log", site.logs / "renamed.log"
    log.write_text("line 1\nline 2\n")
    follower.round(1000.0)  # line 2 waits for more
    log.rename(renamed)
    monkeypatch.setattr(module, "find", lambda _: Found([str(renamed), str(log)], 0))
    follower.round(1010.0)
    monkeypatch.undo()
    site.rounds(follower, 2)
    assert site.heard.texts() == ["line 1", "line 2"]
