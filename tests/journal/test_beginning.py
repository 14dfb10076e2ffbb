"""A run in the moment in which it comes into being."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from clientobs.journal import retention
from clientobs.journal.runs import RunFolder, list_runs, run_state
from support.journals import contents, make_home, make_journal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RUN = "ab" * 16


def test_a_lock_file_that_nobody_holds_yet_is_no_dead_run(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    path = os.path.join(home.runs, RUN)
    os.mkdir(path, 0o700)
    lock = f"{path}.lock"
    with open(lock, "w"):
        pass
    assert run_state(path) == "alive"
    os.utime(lock, (1, 1))
    assert run_state(path) == "dead"


def test_a_run_that_began_during_a_round_is_not_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path)
    journal = make_journal(home, run=RUN)
    journal.note("first", {})
    # What the round saw before: the folder, without a lock that was held and without a segment.
    seen = RunFolder(path=journal.path, run=RUN, segments=(), state="dead")
    monkeypatch.setattr(retention, "list_runs", lambda _home: [seen])
    retention.enforce(home, journal._config)
    assert [run.run for run in list_runs(home)] == [RUN]
    assert len(contents(home).notes("first")) == 1
