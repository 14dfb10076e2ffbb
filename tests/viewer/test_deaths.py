"""How the runs behind a trace have ended, told at the desk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from clientobs._beat import BEAT_FILE, Beat, pack
from clientobs.drain.deaths.findings import Findings, write_findings
from clientobs.journal.runs import header_of
from clientobs.viewer.deaths import tell_deaths
from clientobs.viewer.homes import runs_folder
from clientobs.viewer.recordings import Recordings
from clientobs.viewer.selection import last_traces
from viewer.recorder import record_and_die

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.viewer.model import Trace

SECOND = 1_000_000_000


@pytest.fixture
def dead(tmp_path: Path) -> tuple[Recordings, Trace, str]:
    record_and_die(tmp_path, "run.start(span_record(1, 'render', took=None))")
    recordings = Recordings(runs_folder(str(tmp_path)))
    (trace,) = last_traces(recordings, 1)
    (run,) = recordings.runs
    return recordings, trace, os.path.join(recordings.folder, run)


def test_what_a_dead_run_left_open_lasts_until_it_is_known_to_have_lived(
    dead: tuple[Recordings, Trace, str],
) -> None:
    recordings, trace, folder = dead
    (run,) = recordings.runs.values()
    before, (span,) = run.last_ns, trace.roots
    header = header_of(folder)
    assert header is not None
    offset = header.wall_ns - header.mono_ns
    with open(os.path.join(folder, BEAT_FILE), "wb") as file:
        file.write(pack(Beat(at=before - offset + 20 * SECOND)))
    tell_deaths(recordings.folder, [trace])
    assert span.end_ns(0) == pytest.approx(before + 20 * SECOND, abs=SECOND // 100)


def test_an_exit_status_that_the_drain_has_found_is_told(dead: tuple[Recordings, Trace, str]) -> None:
    recordings, trace, folder = dead
    write_findings(folder, Findings(exit_status=-6))
    tell_deaths(recordings.folder, [trace])
    (span,) = trace.roots
    (log,) = [log for log in span.logs if log.record.event_name == "app.crash"]
    assert log.record.body == "The application crashed (SIGABRT) during 'render'."
