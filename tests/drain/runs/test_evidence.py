from __future__ import annotations

import os
from pathlib import Path

import pytest

from clientobs.drain.deaths.fault_text import stacks_in
from clientobs.drain.deaths.findings import Findings
from clientobs.drain.runs.evidence import HANGS_FILE, Evidence, Watched, judge, read_evidence

CRASH = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x0 (most recent call first):\n"


def test_a_fatal_error_and_an_exit_status_are_read(tmp_path: Path) -> None:
    (tmp_path / "fault.txt").write_text(CRASH)
    (tmp_path / "exit-status").write_text("-11\n")
    found = read_evidence(str(tmp_path))
    assert (found.fatal, found.exit_status, found.marked) == ("Segmentation fault", -11, False)
    assert found.stacks
    assert set(found.stacks.splitlines()) <= set(CRASH.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Thread 0x0 (most recent call first):\n  File x\n",
        "Timeout (0:00:01)!\nThread 0x0:\n",
        "Windows fatal exception: access violation\n\nThread 0x0:\n",
        "the tool said: Fatal Python error: nothing\n",
    ],
)
def test_a_traceback_alone_proves_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "fault.txt").write_text(text)
    assert judge(read_evidence(str(tmp_path)), closed=None).status == "unknown"


@pytest.mark.parametrize("text", ["", "eleven", "-", "1e3", "9" * 40])
def test_an_exit_status_that_is_no_number_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "exit-status").write_text(text)
    assert read_evidence(str(tmp_path)) == Evidence(fault_file=False)


@pytest.mark.skipif(os.name != "posix", reason="named pipes and symlinks of POSIX")
def test_a_pipe_or_a_symlink_in_place_of_a_file_is_passed_over(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(CRASH)
    run = tmp_path / "run"
    run.mkdir()
    os.mkfifo(run / "exit-status")
    (run / "fault.txt").symlink_to(elsewhere)
    assert read_evidence(str(run)) == Evidence(fault_file=True)


def test_an_unnamed_signal_is_told_by_its_number() -> None:
    assert judge(Evidence(exit_status=-64), closed=None).evidence in {
        "ended by SIGRTMAX",
        "ended by signal 64",
    }


@pytest.mark.parametrize(
    ("evidence", "watched", "expected"),
    [
        (Evidence(marked=True), Watched(faults=True, exits=True, busy=True), ("abnormal", "killed")),
        (
            Evidence(marked=True),
            Watched(faults=True, exits=True),
            ("unknown", "unknown"),
        ),  # _exit() in C, at rest
        (Evidence(marked=False), Watched(faults=True, exits=True, busy=True), ("exited", "exited")),
        (
            Evidence(marked=True),
            Watched(exits=True, busy=True),
            ("unknown", "unknown"),
        ),  # a crash is not ruled out
        (
            Evidence(marked=False),
            Watched(faults=True, busy=True),
            ("unknown", "unknown"),
        ),  # there never was a mark
        (
            Evidence(marked=True, found=Findings(out_of_memory="x")),
            Watched(exits=True),
            ("abnormal", "out_of_memory"),
        ),
        (
            Evidence(marked=True, found=Findings(rebooted=True)),
            Watched(busy=True, faults=True, exits=True),
            ("abnormal", "machine_down"),
        ),
        (Evidence(marked=False, fatal="Aborted"), Watched(exits=True), ("crashed", "crashed")),
    ],
)
def test_silence_is_judged_by_what_the_other_ends_would_have_left(
    evidence: Evidence, watched: Watched, expected: tuple[str, str]
) -> None:
    found = judge(evidence, None, watched)
    assert (found.status, found.kind) == expected


def test_who_cleaned_up_the_file_of_faults_has_left_no_proof_of_a_kill(tmp_path: Path) -> None:
    watched = Watched(faults=True, exits=True, busy=True)
    (tmp_path / "running").touch()
    assert judge(read_evidence(str(tmp_path)), None, watched).kind == "unknown"
    (tmp_path / "fault.txt").touch()
    assert judge(read_evidence(str(tmp_path)), None, watched).kind == "killed"


def test_the_thread_that_crashed_is_told_first() -> None:
    text = """Fatal Python error: Segmentation fault

Thread 0x00007f61 (most recent call first):
  File "keeper.py", line 1 in _run

Current thread 0x00007f62 (most recent call first):
  File "tool.py", line 6 in solve_ik
  File "tool.py", line 9 in <module>

Thread 0x00007f63 (most recent call first):
  <no Python frame>

Extension modules: bpy.props (total: 1)
"""
    assert [line.partition(" (")[0] for line in stacks_in(text).splitlines()] == [
        "Current thread 0x00007f62",
        '  File "tool.py", line 6 in solve_ik',
        '  File "tool.py", line 9 in <module>',
        "Thread 0x00007f61",
        '  File "keeper.py", line 1 in _run',
        "Thread 0x00007f63",
        "  <no Python frame>",
        "Extension modules: bpy.props",
    ]


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        (Evidence(hung_since_ns=1, marked=True), "hang_killed"),
        (Evidence(hung_since_ns=1, exit_status=-9), "hang_killed"),
        (Evidence(hung_since_ns=1, exit_status=3), "exited"),
        (Evidence(hung_since_ns=1, exit_status=-11), "crashed"),
        (Evidence(hung_since_ns=1, fatal="Aborted"), "crashed"),
        (Evidence(hung_since_ns=1, closed=True), "exited"),
        (Evidence(hung_since_ns=1, marked=False), "exited"),
        (Evidence(hung_since_ns=1, marked=True, found=Findings(rebooted=True)), "machine_down"),
    ],
)
def test_a_hang_is_what_ended_a_process_only_where_nothing_else_did(evidence: Evidence, kind: str) -> None:
    assert judge(evidence, None, Watched(faults=True, exits=True, busy=True)).kind == kind


def test_what_a_drain_told_of_hangs_is_evidence_until_it_was_over(tmp_path: Path) -> None:
    told = tmp_path / HANGS_FILE
    told.write_text(
        '{"since": 5, "what": "told", "wall": 50}\nbroken\n{"since": 7, "what": "told", "wall": 70}\n'
    )
    assert read_evidence(str(tmp_path)).hung_since_ns == 50
    with told.open("a") as file:
        file.write('{"since": 5, "what": "over", "wall": 50}\n[]\n{"since": "x"}\n')
    assert read_evidence(str(tmp_path)).hung_since_ns == 70
