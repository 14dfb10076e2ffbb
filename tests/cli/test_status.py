"""`status` and `privacy show` tell what is there, change nothing, and obey no text that they print."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from clientobs.cli.main import DONE, WRONG, main
from clientobs.drain.lock import DrainLock, drain_folder, file_of
from clientobs.drain.service.state import DrainState, SignalState, state_path, write_state
from viewer.recorder import Recorder, record_and_die
from viewer.story import span_record

KEY = "ab" * 16


@pytest.fixture
def recorded(home: Path) -> Recorder:
    run = Recorder(home, resource={"dcc.name": "nuke", "dcc.version": "15.1"})
    run.span(span_record(1, "publish", context=run.context(production_project="moonlight")))
    return run


def _status(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["status", *words])
    return code, capsys.readouterr().out


def _drained(home: Path, **state: Any) -> None:
    drain_folder(str(home))
    now = time.time_ns()
    write_state(
        state_path(str(home), KEY),
        DrainState(pid=4242, version="0.1.0", destination=KEY, started_ns=now, updated_ns=now, **state),
    )


def test_runs_are_told_with_their_state_and_size(
    recorded: Recorder, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_and_die(home, "run.span(span_record(5))")
    code, out = _status(capsys)
    assert code == DONE
    assert "in 2 runs, 1 alive" in out
    assert any(line.split()[:2] == ["Runs", "●"] or " ● nuke 15.1" in line for line in out.splitlines())
    assert "■ publisher" in out
    assert "no endpoint is configured" in out
    recorded.close()
    assert "✓ nuke 15.1" in _status(capsys)[1]


def test_the_document_accounts_for_every_byte(
    recorded: Recorder, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.close()
    document = json.loads(_status(capsys, "--json")[1])
    on_disk = sum(path.stat().st_size for path in home.rglob("*.seg"))
    assert document["bytes"] == on_disk == sum(run["bytes"] for run in document["runs"])
    assert document["runs"][0]["state"] == "closed"
    assert document["lost"] == {}


def test_a_drain_is_alive_while_it_holds_its_lock(
    recorded: Recorder, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _drained(home, signals={"traces": SignalState(verdict="delivered", delivered=12, sent_ns=time.time_ns())})
    assert "○ not running" in _status(capsys)[1]
    lock = DrainLock.acquire(file_of(str(home), KEY, "lock"), version="0.1.0")
    assert lock is not None
    try:
        out = _status(capsys)[1]
    finally:
        lock.release()
    assert "● alive" in out
    assert "✓ delivered   12 records in all" in out


def test_a_refusing_endpoint_is_told_in_its_own_words_and_by_the_exit_code(
    recorded: Recorder, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _drained(
        home,
        signals={"logs": SignalState(verdict="hold", reason="HTTP 401: who \x1b[2Jare you")},
        queue_records=7, queue_bytes=2048, oldest_seconds=90.0, lost={"storm": 48_211},
        elsewhere={"cd" * 16: {"runs": 2, "alive": 0, "bytes": 4096}},
    )  # fmt: skip
    code, out = _status(capsys)
    assert code == WRONG
    assert "✗ on hold" in out
    assert "HTTP 401: who \\x1b[2Jare you" in out
    assert "7 records, 2.0 KiB, the oldest 1m 30s" in out
    assert "48,211  storm" in out
    assert "2 runs wait for a drain with their credential" in out


def test_losses_are_told_from_the_runs_notes_where_nothing_drains(
    recorded: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.journal.note("loss", {"storm": 3}, "vital")
    recorded.journal.note("loss", {"storm": 9, "oversize": 1}, "vital")
    assert json.loads(_status(capsys, "--json")[1])["lost"] == {"storm": 9, "oversize": 1}
    recorded.close()


def test_looking_changes_nothing(recorded: Recorder, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded.close()
    before = {str(path): path.stat().st_mtime_ns for path in home.rglob("*")}
    for words in (["status"], ["show"], ["privacy", "show"]):
        assert main(words) == DONE
    assert {str(path): path.stat().st_mtime_ns for path in home.rglob("*")} == before
    capsys.readouterr()


def test_privacy_show_tells_what_is_held_here(recorded: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    recorded.close()
    assert main(["privacy", "show"]) == DONE
    out = capsys.readouterr().out
    assert "here: moonlight" in out
    assert "here: ws-12" in out
    assert "what you type" in out
    assert main(["privacy", "show", "--json"]) == DONE
    held = json.loads(capsys.readouterr().out)["held"]
    assert held["production.project"] == ["moonlight"]
    assert "service.name" not in held


def test_privacy_show_works_before_anything_is_recorded(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["privacy", "show"]) == DONE
    assert "nothing is recorded yet" in capsys.readouterr().out
    assert not os.path.exists(home)
