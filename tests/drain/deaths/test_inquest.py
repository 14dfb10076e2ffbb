"""One inquest and the coroner who holds them: what is believed, what is redacted, and what a hang costs."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clientobs._guarded import faults
from clientobs.drain.deaths import coroner as coroner_module
from clientobs.drain.deaths.coroner import Coroner
from clientobs.drain.deaths.counts import Kills
from clientobs.drain.deaths.crash_files import find_crash_files
from clientobs.drain.deaths.findings import FINDINGS_FILE, Findings, Sample, read_findings, write_findings
from clientobs.drain.deaths.inquest import Death, Inquest, Sources
from clientobs.journal.records import Header
from clientobs.paths.mounts import MountTable
from clientobs.paths.storage import storage
from support.workstation import until

if TYPE_CHECKING:
    from collections.abc import Iterator

linux = pytest.mark.skipif(sys.platform != "linux", reason="the log and the counts of the Linux kernel")
GIB = 1 << 30
KILL = (
    "3,1,{at}000000,-;Memory cgroup out of memory: Killed process {pid} ({name}) anon-rss:2097152kB, UID:0\n"
)


def header(pid: int = 4711, program: str = "maya.bin") -> Header:
    return Header(
        run="r" * 32,
        session="s" * 32,
        lane="bulk",
        number=1,
        pid=pid,
        wall_ns=0,
        mono_ns=0,
        resource={"process.executable.name": program},
    )


def death(**values: Any) -> Death:
    return Death(
        **{"header": header(), "last_mono": 100 * 10**9, "last_seconds": 1000.0, "silent": True, **values}
    )


def sources(folder: Path, *records: str, **values: Any) -> Sources:
    """Return sources of which the kernel's log holds these; a FIFO hands out one record a read, as kmsg does."""
    (folder / "core_pattern").write_text("core\n")
    log = folder / "kmsg"
    if records:
        log.write_text(records[0])
    found = Sources(
        kmsg=str(log),
        wtmp=str(folder / "wtmp"),
        core_pattern=str(folder / "core_pattern"),
        memory=lambda: 16 * GIB,
    )
    return replace(found, **values)


def held(case: Death, where: Sources, *, clean: Any = str, environ: dict[str, str] | None = None) -> Findings:
    inquest = Inquest(case, clean=clean, environ=environ or {}, sources=where)
    inquest.run()
    return inquest.findings


@linux
@pytest.mark.parametrize(
    ("at", "pid", "name", "believed"),
    [
        (101, 4711, "maya.bin", True),
        (250, 4711, "python3", True),
        (5000, 4711, "maya.bin", True),  # idle for an hour, and no drain was there to see it
        (5000, 4711, "ffmpeg", False),  # another process, which got the number later
        (90, 4711, "maya.bin", False),  # before the last word of ours
        (101, 4712, "maya.bin", False),
    ],
)
def test_the_kernels_word_is_believed_of_this_process_alone(
    tmp_path: Path, at: int, pid: int, name: str, believed: bool
) -> None:
    found = held(death(), sources(tmp_path, KILL.format(at=at, pid=pid, name=name)))
    assert bool(found.out_of_memory) == believed
    assert [sample.size for sample in found.memory] == ([2 * GIB] if believed else [])


@linux
@pytest.mark.parametrize(
    ("values", "believed"),
    [
        ({"kills": Kills(1, 1)}, True),
        ({"kills": Kills(1, 0), "memory": (Sample(99 * 10**9, 12 * GIB),)}, True),
        ({"kills": Kills(1, 0), "memory": (Sample(99 * 10**9, GIB),)}, False),  # most likely somebody else
        ({"kills": Kills(1, 0)}, False),
        ({"kills": Kills(0, 0), "memory": (Sample(99 * 10**9, 12 * GIB),)}, False),
        ({"kills": Kills(1, 1), "silent": False}, False),
        ({"kills": Kills(1, 1), "rebooted": True}, False),
    ],
)
def test_counts_are_believed_only_where_nothing_speaks_against_them(
    tmp_path: Path, values: dict[str, Any], believed: bool
) -> None:
    assert bool(held(death(**values), sources(tmp_path)).out_of_memory) == believed


@linux
def test_a_kill_of_another_process_explains_the_count(tmp_path: Path) -> None:
    where = sources(tmp_path, KILL.format(at=100, pid=9, name="ffmpeg"))
    assert held(death(kills=Kills(1, 1)), where).out_of_memory == ""


@linux
def test_a_fault_that_only_the_kernel_saw_is_a_crash_with_its_module(tmp_path: Path) -> None:
    line = "6,1,101000000,-;maya.bin[4711]: segfault at 0 ip 0 sp 0 error 4 in libxgen.so[1f,7f00+10]\n"
    found = held(death(), sources(tmp_path, line))
    assert (found.crash, found.module, found.source) == ("SIGSEGV", "libxgen.so+0x1f", "the kernel's log")


def test_every_text_is_redacted(tmp_path: Path) -> None:
    (tmp_path / "scene[Recovered-jane.2026].ma").touch()
    os.utime(tmp_path / "scene[Recovered-jane.2026].ma", (1001, 1001))
    line = "6,1,101000000,-;maya.bin[4711]: segfault at 0 ip 0 sp 0 error 4 in libjane.so[1f,7f00+10]\n"
    for record in (line, KILL.format(at=101, pid=4711, name="jane")):
        found = held(
            death(),
            sources(tmp_path, record),
            clean=lambda text: text.replace("jane", "[redacted]"),
            environ={"TMPDIR": str(tmp_path)},
        )
        assert "jane" not in str(found)
        assert "[redacted]" in str(found)


def test_crash_files_are_those_of_the_host_of_that_time_and_on_local_storage(tmp_path: Path) -> None:
    wanted = tmp_path / "rig[Recovered-artist.2026-03-06-10.47].ma"
    for path, at in ((wanted, 1010), (tmp_path / "old[Recovered-a.b].ma", 10), (tmp_path / "rig.ma", 1010)):
        path.touch()
        os.utime(path, (at, at))
    (tmp_path / "dir[Recovered-a].ma").mkdir()
    environ = {"TMPDIR": str(tmp_path)}
    assert find_crash_files(["python", "maya.bin"], 1000, environ) == (str(wanted),)
    assert find_crash_files(["maya.exe"], 1000, {"MAYA_WINDOWS_CRASH_LOG_DIR": str(tmp_path)}) == (
        str(wanted),
    )
    assert find_crash_files(["python3"], 1000, environ) == ()
    assert find_crash_files([], 1000, environ) == ()
    on_nas = MountTable(lambda: (storage("/", "nas:/", "nfs4"),), "linux")
    assert find_crash_files(["maya"], 1000, environ, on_nas) == ()


def test_findings_come_back_as_they_were_written(tmp_path: Path) -> None:
    findings = Findings(
        rebooted=True,
        machine="power_loss",
        out_of_memory="툴",
        crash="SIGSEGV",
        module="a\udcff",
        files=("/tmp/a b",),
        memory=(Sample(1, 2), Sample(3, 4)),
    )
    write_findings(str(tmp_path), findings)
    assert read_findings(str(tmp_path)) == findings
    assert (tmp_path / FINDINGS_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"machine": 1}', "[" * 100_000])
def test_damaged_findings_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FINDINGS_FILE).write_text(text)
    assert read_findings(str(tmp_path)) is None


@pytest.mark.skipif(os.name != "posix", reason="symlinks and pipes of POSIX")
def test_findings_behind_a_symlink_or_in_a_pipe_are_none(tmp_path: Path) -> None:
    write_findings(str(tmp_path), Findings())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / FINDINGS_FILE).symlink_to(tmp_path / FINDINGS_FILE)
    assert read_findings(str(tmp_path / "run")) is None
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / FINDINGS_FILE)
    assert read_findings(str(tmp_path / "pipe")) is None


class Desk:
    """A coroner whose inquests are held in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        self.coroner = Coroner(
            clean=str, environ={}, boot_id="", sources=sources(folder), mono=lambda: self.now
        )

    def ask(self, run: str) -> Findings | None:
        folder = self.folder / run
        folder.mkdir(exist_ok=True)
        return self.coroner.of(str(folder), death)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.coroner.close()


def test_findings_are_written_before_they_are_told_and_then_read(desk: Desk) -> None:
    until(lambda: desk.ask("one"))
    written = (desk.folder / "one" / FINDINGS_FILE).read_bytes()
    # What is looked for again would be found now.
    (desk.folder / "kmsg").write_text(KILL.format(at=101, pid=4711, name="maya.bin"))
    again = Coroner(clean=str, environ={}, boot_id="", sources=sources(desk.folder))
    assert again.of(str(desk.folder / "one"), death) == Findings()
    assert (desk.folder / "one" / FINDINGS_FILE).read_bytes() == written


def test_an_inquest_that_hangs_is_left_and_holds_up_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, let_go = threading.Event(), threading.Event()
    ran: list[int] = []

    def run(self: Inquest) -> None:
        ran.append(1)
        if len(ran) == 1:
            hung.set()
            let_go.wait(30)

    monkeypatch.setattr(Inquest, "run", run)
    monkeypatch.setattr(faults, "strict", False)
    assert desk.ask("one") is None
    assert hung.wait(30)
    assert desk.ask("two") is None
    assert desk.ask("one") is None
    desk.now += coroner_module.LIMIT
    assert desk.ask("one") == Findings()
    until(lambda: desk.ask("two"))
    assert faults.counts()["inquest.hung"] == 1
    let_go.set()
    until(lambda: sum(thread.name == "clientobs-inquest" for thread in threading.enumerate()) <= 1)
    faults.reset()


def test_after_three_that_hang_no_more_are_held(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(Inquest, "run", lambda _self: let_go.wait(30))
    monkeypatch.setattr(faults, "strict", False)
    for number in range(3):
        name = str(number)
        assert desk.ask(name) is None
        until(lambda: any(case.began is not None for case in desk.coroner._cases.values()))
        desk.now += coroner_module.LIMIT
        assert desk.ask(name) is not None
    assert desk.ask("one more") == Findings()
    let_go.set()
    faults.reset()


def test_two_hundred_deaths_are_looked_into_one_after_the_other(desk: Desk) -> None:
    names = [f"run{number}" for number in range(200)]
    left = set(names)

    def round_of_all() -> bool:
        left.difference_update([name for name in sorted(left) if desk.ask(name)])
        return not left

    began = threading.active_count()
    until(round_of_all, 60)
    assert threading.active_count() <= began + 1


# What a parent of ours has seen ------------------------------------------------------------------------


def supervised(tmp_path: Path) -> Inquest:
    where = sources(tmp_path, kmsg=str(tmp_path / "none"))
    return Inquest(
        death(supervised=True),
        clean=str,
        environ={},
        sources=where,
        exit_status=str(tmp_path / "exit-status"),
    )


def test_the_exit_status_that_a_parent_is_about_to_write_is_waited_for(tmp_path: Path) -> None:
    inquest = supervised(tmp_path)
    thread = threading.Thread(target=inquest.run)
    thread.start()
    (tmp_path / "exit-status").write_text("-9\n")
    thread.join(1.5)  # less than it would wait without
    assert not thread.is_alive()


def test_a_parent_that_has_died_too_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clientobs.drain.deaths.inquest._PARENT", 0.05)
    inquest = supervised(tmp_path)
    inquest.run()
    assert inquest.findings == Findings()


# A fault file of the host's own -------------------------------------------------------------------------

FAULT = 'Fatal Python error: Bus error\n\nCurrent thread 0x1 (most recent call first):\n  File "kim.py", line 3 in f\n'


def ask_fault_file(
    tmp_path: Path, path: Path, *, size: int = 0, since: float = 0.0, **values: Any
) -> Findings:
    inquest = Inquest(
        death(fault_file=(str(path), size, since), **values),
        clean=lambda text: text.replace("kim", "***"),
        environ={},
        sources=sources(tmp_path, kmsg=str(tmp_path / "none")),
    )
    inquest.run()
    return inquest.findings


def test_a_fault_in_the_host_s_own_file_is_evidence_and_is_redacted(tmp_path: Path) -> None:
    own = tmp_path / "kim.txt"
    own.write_text("yesterday\n" + FAULT)
    found = ask_fault_file(tmp_path, own, size=10)
    assert (found.crash, found.source) == ("SIGBUS", "the host's own fault file")
    assert '  File "***.py", line 3 in f' in found.stacks
    assert found.files == (str(tmp_path / "***.txt"),)
    write_findings(str(tmp_path), found)
    assert read_findings(str(tmp_path)) == found


def test_a_fault_that_stood_there_before_or_that_was_outlived_proves_nothing(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text(FAULT)
    assert ask_fault_file(tmp_path, own, size=len(FAULT)).crash == ""
    assert ask_fault_file(tmp_path, own, since=own.stat().st_mtime + 1).crash == ""
    own.write_text("all is well\n")
    assert ask_fault_file(tmp_path, own).crash == ""
    assert ask_fault_file(tmp_path, tmp_path / "gone").crash == ""


def test_a_file_that_the_host_began_anew_is_read_from_its_start(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text(FAULT)
    assert ask_fault_file(tmp_path, own, size=len(FAULT) + 1000).crash == "SIGBUS"


@pytest.mark.skipif(os.name != "posix", reason="named pipes of POSIX")
def test_a_pipe_in_place_of_the_host_s_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.txt")
    assert ask_fault_file(tmp_path, tmp_path / "own.txt").crash == ""
