"""The system's journal: recorded lines, and a real journal file read by the real journalctl."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clientobs.drain.deaths.inquest import Death, Inquest, Sources
from clientobs.drain.deaths.journald import Told, ask_journalctl, parse_journal, tell
from clientobs.journal.records import Header

SAMPLES = Path(__file__).parent / "samples"
BOOT = "01234567-89ab-cdef-0123-456789abcdef"
OTHER_BOOT = "ffff4567-89ab-cdef-0123-456789abcdef"
MAYA = "/user.slice/user-1001.slice/user@1001.service/app.slice/app-maya.scope"
needs_journalctl = pytest.mark.skipif(
    shutil.which("journalctl", path="/usr/bin:/bin") is None, reason="systemd's journalctl is not installed"
)


@pytest.fixture(scope="module")
def recorded() -> str:
    return (SAMPLES / "journalctl.jsonl").read_text()


@pytest.fixture
def journal_file(tmp_path: Path) -> Path:
    """Unpack a journal that systemd-journal-remote has written."""
    path = tmp_path / "system.journal"
    path.write_bytes(gzip.decompress((SAMPLES / "system.journal.gz").read_bytes()))
    return path


def check(told: Told) -> None:
    assert [(one.kind, one.pid, one.name, one.seconds) for one in told.deaths] == [
        ("out_of_memory", 4711, "maya.bin", 101.0),
        ("fault", 12860, "python", 111.0),
    ]
    assert [(one.by, one.pid, one.group, one.size >> 20) for one in told.kills] == [
        ("earlyoom", 3887, "", 4352),
        ("systemd-oomd", 0, MAYA, 0),
        ("systemd-oomd", 0, "/system.slice/render@3.service", 0),
        ("earlyoom", 15471, "", 4321),
    ]


def test_deaths_and_kills_are_read_from_what_journalctl_prints(recorded: str) -> None:
    check(parse_journal(recorded, boot_id=BOOT))


@needs_journalctl
def test_the_real_journalctl_reads_them_from_a_real_journal(journal_file: Path) -> None:
    program = ["/usr/bin/journalctl", f"--file={journal_file}"]
    check(tell(1699999990, 1700000100, boot_id=BOOT, program=program))
    assert tell(1700000004, 1700000005, boot_id=BOOT, program=program) == Told()


@needs_journalctl
def test_the_journal_of_this_machine_answers_within_its_bounds() -> None:
    text = ask_journalctl(time.time() - 60, time.time())
    assert all(isinstance(json.loads(line), dict) for line in text.splitlines())


def test_another_boot_s_lines_are_not_this_one_s(recorded: str) -> None:
    (only,) = parse_journal(recorded, boot_id=OTHER_BOOT).deaths
    assert only.name == "nuke"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "{",
        '{"MESSAGE": "x"}',
        '{"__MONOTONIC_TIMESTAMP": "soon", "MESSAGE": "x"}',
        '{"__MONOTONIC_TIMESTAMP": "1", "MESSAGE": [300]}',
        '{"__MONOTONIC_TIMESTAMP": "1", "MESSAGE": null, "_COMM": ["a", "b"]}',
        "[" * 100_000,
    ],
)
def test_a_line_that_is_none_costs_that_line(recorded: str, line: str) -> None:
    check(parse_journal(f"{line}\n{recorded}{line}\n", boot_id=BOOT))


def test_a_message_that_is_no_text_comes_as_bytes() -> None:
    said = list(b'sending SIGTERM to process 7 uid 9 "n\xffke": badness 67, VmRSS 4 MiB')
    line = json.dumps({"__MONOTONIC_TIMESTAMP": "5", "_COMM": "earlyoom", "MESSAGE": said, "_BOOT_ID": BOOT})
    (kill,) = parse_journal(line, boot_id="").kills
    assert kill.pid == 7


@pytest.mark.parametrize(
    "message", ["Killed /a.scope", "Killed process 7", "sending SIGUSR1 to process 7 uid 9"]
)
def test_other_words_of_the_killers_are_no_kills(message: str) -> None:
    for source in ("systemd-oomd", "earlyoom", "sshd"):
        line = json.dumps({"__MONOTONIC_TIMESTAMP": "5", "_COMM": source, "MESSAGE": message})
        assert parse_journal(line, boot_id="") == Told()


@pytest.mark.skipif(os.name != "posix", reason="asks /bin/sh")
def test_one_that_does_not_answer_is_left_after_its_time(tmp_path: Path) -> None:
    assert ask_journalctl(0, 1, program=["/bin/sh", "-c", "sleep 60"], longest=0.05) == ""
    assert ask_journalctl(0, 1, program=[str(tmp_path / "missing")]) == ""


# In an inquest ---------------------------------------------------------------------------------------


def death(**values: Any) -> Death:
    pid = values.pop("pid", 1)
    header = Header(
        run="r" * 32, session="s" * 32, lane="bulk", number=1, pid=pid, wall_ns=0, mono_ns=0, boot_id=BOOT
    )
    known = {"last_mono": 103 * 10**9, "last_seconds": 1700000002.0, "silent": True, **values}
    return Death(header=header, **known)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Give a machine whose kernel's log may not be read, with a journalctl that prints the recorded lines."""
    (tmp_path / "core_pattern").write_text("core\n")
    sample = SAMPLES / "journalctl.jsonl"
    return Sources(
        kmsg=str(tmp_path / "forbidden"),
        wtmp=str(tmp_path / "wtmp"),
        core_pattern=str(tmp_path / "core_pattern"),
        journalctl=("/bin/sh", "-c", f"echo asked >> {tmp_path}/asked; cat {sample}"),
    )


def held(case: Death, where: Sources) -> Any:
    inquest = Inquest(case, clean=str, environ={}, sources=where)
    inquest.run()
    return inquest.findings


linux = pytest.mark.skipif(sys.platform != "linux", reason="the system's journal is systemd's")


@linux
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"pid": 4711}, "the kernel: Out of memory: Killed process 4711 (maya.bin)"),
        ({"pid": 3887}, 'earlyoom: sending SIGKILL to process 3887 uid 1009 "java"'),
        ({"group": MAYA}, f"systemd-oomd: Killed {MAYA} due to memory pressure"),
        ({"group": f"{MAYA}/inner"}, f"systemd-oomd: Killed {MAYA} due to memory pressure"),
        ({"pid": 4711, "rebooted": True}, "the kernel: Out of memory"),
    ],
)
def test_who_killed_for_memory_is_told_in_their_words(case: Any, words: str, sources: Sources) -> None:
    assert held(death(**case), sources).out_of_memory.startswith(words)


@linux
@pytest.mark.parametrize(
    "case",
    [
        {"pid": 5},
        {"group": "/"},
        {"group": ""},
        {"group": f"{MAYA}2"},
        {"group": "/user.slice"},
        {"pid": 3887, "last_mono": 500 * 10**9},
        {"pid": 3887, "last_mono": -300 * 10**9},
    ],
)
def test_another_s_kill_is_not_this_death(case: Any, sources: Sources) -> None:
    assert held(death(**case), sources).out_of_memory == ""


@linux
def test_what_the_victim_held_stands_last_on_its_way_there(sources: Sources) -> None:
    assert held(death(pid=3887), sources).memory[-1].size == 4352 << 20


@linux
def test_a_fault_is_told_from_there_too(sources: Sources) -> None:
    found = held(death(pid=12860, last_mono=111 * 10**9), sources)
    assert (found.crash, found.module) == ("SIGSEGV", "libc.so.6+0x167ad8")


@linux
@pytest.mark.parametrize("known", [{"faulted": True}, {"living": True}])
def test_it_is_asked_only_of_a_death_that_nothing_explains(
    known: Any, sources: Sources, tmp_path: Path
) -> None:
    held(death(pid=4711, **known), sources)
    assert not (tmp_path / "asked").exists()
    log = tmp_path / "kmsg"
    log.write_text(
        "3,1,101000000,-;Out of memory: Killed process 4711 (maya.bin) anon-rss:2097152kB, UID:0\n"
    )
    held(death(pid=4711), replace(sources, kmsg=str(log)))
    assert not (tmp_path / "asked").exists()
