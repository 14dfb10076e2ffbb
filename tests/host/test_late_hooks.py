"""Hooks that the host registered before init(): atexit calls them after ours, and what they record is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.journal.runs import list_runs
from support.drains import config_for, drain_once
from support.otlp_receiver import OtlpReceiver
from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import atexit, threading
@atexit.register
def hook():
    {hook}
import clientobs
runtime = clientobs.init("tool")
assert runtime.running, runtime.reason
with clientobs.span("early"):
    pass
{rest}
"""
RECORDS = "clientobs.span('late').__enter__().end(); clientobs.event('late.event')"


def run(hook: str, rest: str = "", **settings: str) -> None:
    done = run_program(PROGRAM.format(hook=hook, rest=rest), environ=settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_a_late_hook_records_is_kept_under_its_session(home: Path) -> None:
    run(RECORDS)
    records = seen(home)
    early, late = records.span("early"), records.span("late")
    assert late.start_ns > early.end_ns
    assert records.context_of("late") == records.context_of("early")
    assert len(records.events("late.event")) == 1
    assert len(records.events("session.end")) == 1
    assert sorted(note["detail"] for note in records.notes("closed")) == ["atexit", "late"]
    assert [found.state for found in list_runs(str(home / "v1"))] == ["closed", "closed"]


def test_a_run_without_late_records_leaves_one_folder(home: Path) -> None:
    run("pass")
    assert [found.state for found in list_runs(str(home / "v1"))] == ["closed"]


def test_late_records_arrive_and_are_no_second_end(home: Path) -> None:
    with OtlpReceiver() as receiver:
        run(RECORDS + "; clientobs.span('open').__enter__()", CLIENTOBS_DRAIN="off")
        drain_once(home, config_for(receiver.base), "")
        spans = {one.record.name: one.record.status.code for one in receiver.spans()}
        events = [one.record.event_name for one in receiver.logs()]
    assert spans == {"early": 0, "late": 0, "open": 2}
    assert events.count("session.end") == events.count("late.event") == 1
    assert "app.crash" not in events


def test_a_span_that_was_open_at_the_end_is_told_once_and_its_late_end_counted(home: Path) -> None:
    with OtlpReceiver() as receiver:
        run("span.end()", "span = clientobs.span('open').__enter__()", CLIENTOBS_DRAIN="off")
        drain_once(home, config_for(receiver.base), "")
        spans = [one.record.name for one in receiver.spans()]
    assert sorted(spans) == ["early", "open"]
    assert seen(home).notes("loss") == [{"closed": 1}]


def test_shutdown_ends_it_also_in_a_late_hook(home: Path) -> None:
    run(f"clientobs.shutdown(); {RECORDS}")
    records = seen(home)
    assert [span.name for span in records.spans] == ["early"]
    assert len(records.events("session.end")) == 1


def test_a_late_init_begins_a_session_of_its_own(home: Path) -> None:
    run(f"clientobs.init('other'); {RECORDS}; clientobs.shutdown()")
    records = seen(home)
    assert records.context_of("late")["session.id"] != records.context_of("early")["session.id"]
    assert len(records.events("session.end")) == 2
    assert len(records.events("late.event")) == 1
