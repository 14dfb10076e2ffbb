"""What systems record of a crash, from recorded samples; on Windows and macOS nothing has been asked for real."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from clientobs.drain.deaths.coredump import ask_coredumpctl, dumps_to_systemd, parse_coredumpctl
from clientobs.drain.deaths.macos_reports import find_report, parse_report
from clientobs.drain.deaths.records import SystemRecord
from clientobs.drain.deaths.windows_events import ask_wevtutil, parse_events

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def test_coredumpctl_tells_the_frame_below_the_fault_handler() -> None:
    found = parse_coredumpctl(sample("coredumpctl_faulthandler.txt"), 48211)
    assert found is not None
    assert (found.name, found.module) == ("SIGSEGV", "libxgen.so + 0x1c4e10 (_ZN4xgen8Renderer5flushEv)")
    assert found.path.startswith("/var/lib/systemd/coredump/core.maya")
    assert found.path.endswith(".zst")


def test_coredumpctl_of_old_tells_the_frame_below_abort() -> None:
    found = parse_coredumpctl(sample("coredumpctl_old.txt"), 32567)
    assert found is not None
    assert (found.name, found.module, found.path) == ("SIGABRT", "libHoudiniOP1.so", "")


@pytest.mark.parametrize("text", ["", "No coredumps found.", "PID: x", "           PID: 999 (python3)\n"])
def test_coredumpctl_without_our_process_tells_nothing(text: str) -> None:
    assert parse_coredumpctl(text, 48211) is None


def stand_in(folder: Path, script: str) -> str:
    path = folder / "coredumpctl"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for coredumpctl")
def test_a_record_that_is_not_written_yet_is_waited_for(tmp_path: Path) -> None:
    program = stand_in(
        tmp_path, f'if [ -e "{tmp_path}/made" ]; then cat "{SAMPLES}/coredumpctl_faulthandler.txt"; fi'
    )
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            (tmp_path / "made").touch()

    found = ask_coredumpctl(48211, program=program, patience=60, sleep=sleep)
    assert found is not None
    assert len(waits) == 2


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for coredumpctl")
@pytest.mark.parametrize("script", ["exit 1", "yes | head -c 3000000", "kill -9 $$", "printf '\\377\\376'"])
def test_a_coredumpctl_that_fails_or_babbles_tells_nothing(tmp_path: Path, script: str) -> None:
    assert ask_coredumpctl(48211, program=stand_in(tmp_path, script), patience=0) is None


def test_only_a_kernel_that_dumps_to_systemd_has_it_asked(tmp_path: Path) -> None:
    pattern = tmp_path / "core_pattern"
    pattern.write_text("|/usr/lib/systemd/systemd-coredump %P %u %g %s %t 9223372036854775808 %h %d\n")
    assert dumps_to_systemd(str(pattern))
    pattern.write_text("core\n")
    assert not dumps_to_systemd(str(pattern))
    assert not dumps_to_systemd(str(tmp_path / "missing"))


def test_windows_crashes_are_read_with_and_without_names() -> None:
    text = sample("event_1000.xml") + sample("event_1000_unnamed.xml")
    named, unnamed = parse_events(text)
    assert (named.pid, named.name) == (0x3F2C, "EXCEPTION_ACCESS_VIOLATION")
    assert named.module.endswith("\\plug-ins\\xgen\\libxgen.dll+0x1c4e10")
    assert (unnamed.pid, unnamed.name) == (0x1A40, "STATUS_HEAP_CORRUPTION")
    assert unnamed.module == "C:\\Windows\\SYSTEM32\\ntdll.dll+0xff449"


def test_a_windows_hang_is_told_as_one() -> None:
    (hang,) = parse_events(sample("event_1002.xml"))
    assert (hang.pid, hang.hang, hang.name) == (0x2B18, True, "")


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "no xml",
        "<Event></Event>",
        "<Event><System><EventID>x</EventID></System></Event>",
        '<!DOCTYPE x [<!ENTITY a "b">]><Event><System><EventID>1000</EventID></System>&a;</Event>',
        "<Event><System><EventID>1000</EventID></System><EventData><Data Name='ProcessId'>z</Data></EventData></Event>",
        "<Event><System><EventID>4624</EventID></System></Event>",
    ],
)
def test_damaged_events_cost_none_of_their_neighbours(damage: str) -> None:
    assert [record.pid for record in parse_events(damage + sample("event_1002.xml"))] == [0x2B18]


@pytest.mark.skipif(sys.platform == "win32", reason="there it would ask")
def test_windows_is_not_asked_elsewhere() -> None:
    assert ask_wevtutil(1, 60) is None


def test_a_mac_report_tells_the_image_of_the_thread_that_crashed() -> None:
    found = parse_report(sample("maya.ips"))
    assert found is not None
    assert (found.pid, found.name) == (48211, "SIGSEGV")
    assert found.module.endswith("/libxgen.dylib (xgen::Renderer::flush())")


def test_a_mac_report_is_found_by_time_and_process(tmp_path: Path) -> None:
    for name, age in (("maya-new.ips", 0), ("maya-old.ips", 5000), ("other.txt", 0)):
        (tmp_path / name).write_text(sample("maya.ips"))
        os.utime(tmp_path / name, (10_000 - age, 10_000 - age))
    (tmp_path / "broken.ips").write_text('{"bug_type":"309"}\n{"pid": []}')
    os.utime(tmp_path / "broken.ips", (9_999, 9_999))
    found = find_report(48211, 9_990, str(tmp_path))
    assert found is not None
    assert found.path == str(tmp_path / "maya-new.ips")
    assert find_report(1, 9_990, str(tmp_path)) is None
    assert find_report(48211, 9_990, str(tmp_path / "missing")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"bug_type":"298"}\n{}',
        '{"bug_type":"309"}\n[]',
        '{"bug_type":"309"}\n' + "[" * 100_000,
        "\x00",
    ],
)
def test_another_kind_of_report_or_a_damaged_one_is_none(text: str) -> None:
    assert parse_report(text) is None


def test_a_report_without_frames_still_tells_the_signal() -> None:
    text = '{"bug_type":"309"}\n{"pid": 5, "exception": {"type": "EXC_CRASH"}, "faultingThread": 7}'
    assert parse_report(text) == SystemRecord(pid=5, name="EXC_CRASH", source="DiagnosticReports")
