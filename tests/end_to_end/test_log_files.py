"""A tool that nobody can change writes its own log file: what it says is at the endpoint, once each."""

from __future__ import annotations

import logging.handlers
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.blender import BLENDER
from support.slow_mount import slow_mount
from support.workstation import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_inbox import Inbox, Telemetry
    from support.workstation import Workstation

SAMPLES = Path(__file__).parents[1] / "drain" / "logfiles" / "samples"
WRITTEN = int(datetime(2026, 3, 14, 1, 30, tzinfo=timezone.utc).timestamp())
"""When the samples were written to last: half an hour after ten in Seoul."""

TOOL = """
import logging, sys
logging.basicConfig(
    filename=sys.argv[1], level=logging.DEBUG, format="%(asctime)s [%(process)d %(levelname)s %(name)s] %(message)s"
)
log = logging.getLogger("asset.sync")
log.info("sync of 12 assets, token=hunter2hunter2hunter2")
log.debug("not for the backend")
try:
    open("/mnt/proj/assets/wood/툴.exr")
except OSError:
    log.exception("sync failed")
"""


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def followed(desk: Workstation, logs: Path, tmp_path: Path) -> Workstation:
    config = tmp_path / "clientobs.toml"
    config.write_text(
        f'[drain]\nidle_seconds = 1\n[[log_files]]\nname = "asset-sync"\npaths = ["{logs}/*.log"]\nfrom_start = true\n'
    )
    desk.environ["CLIENTOBS_CONFIG"] = str(config)
    return desk


@pytest.fixture
def service(followed: Workstation) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start drains as a service manager would; they are ended afterwards."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait(30)


def start_drain(desk: Workstation, service: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "clientobs.cli.main", "drain"]
    service.append(
        subprocess.Popen(command, env=desk.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    )
    return service[-1]


def lines_of(receiver: Inbox, service: str = "asset-sync") -> list[Telemetry]:
    """Return the records from log files; a resend has the uid of the first."""
    found = [log for log in receiver.logs_in_order() if log.resource["service.name"] == service]
    return list({log.attributes["log.record.uid"]: log for log in found}.values())


@pytest.mark.diagnosis("old-log-file")
def test_the_error_of_a_tool_that_nobody_can_change_arrives_in_one_record(
    receiver: Inbox, followed: Workstation, logs: Path
) -> None:
    log = logs / "sync.log"
    subprocess.run([sys.executable, "-c", TOOL, log], check=True, env={**os.environ, "TZ": "Asia/Seoul"})
    done = followed.clientobs("drain", "--once", environ={"TZ": "Asia/Seoul"})
    assert done.returncode == 0, done.stderr
    info, error = lines_of(receiver)
    written = log.read_text(encoding="utf-8").splitlines()
    assert info.record.severity_text == "INFO"
    assert "hunter2" not in info.record.body.string_value
    assert "hunter2" not in str(followed.all_bytes())
    assert error.record.severity_text == "ERROR"
    assert error.record.body.string_value.splitlines() == written[2:]  # the traceback with it
    assert error.attributes["exception.type"] == "FileNotFoundError"
    assert "/mnt/proj/assets/wood/툴.exr" in error.attributes["exception.message"]
    assert error.attributes["log.file.path"] == str(log)
    assert error.resource["host.name"] == os.uname().nodename
    # The time is that of the line, in the zone of the machine that wrote it.
    assert abs(error.record.time_unix_nano - error.record.observed_time_unix_nano) < 600e9


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_each_line_arrives_once_though_files_rotate_and_drains_are_killed(
    receiver: Inbox, followed: Workstation, logs: Path, service: list[subprocess.Popen[bytes]]
) -> None:
    handler = logging.handlers.RotatingFileHandler(logs / "sync.log", maxBytes=4000, backupCount=50)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    expected = []
    for round_ in range(6):
        drain = start_drain(followed, service)
        for number in range(30):
            text = f"line {round_:02}-{number:03}"
            expected.append(text)
            handler.emit(logging.LogRecord("sync", logging.INFO, "", 0, text, None, None))
        receiver.wait_for(lambda: len(lines_of(receiver)) >= len(expected) - 30, 30)
        drain.send_signal(signal.SIGKILL)
        drain.wait(30)
    handler.close()
    start_drain(followed, service)
    receiver.wait_for(lambda: len(lines_of(receiver)) >= len(expected), 30)
    bodies = [one.record.body.string_value for one in lines_of(receiver)]
    counted = Counter(body.rpartition(" INFO ")[2] for body in bodies)
    assert counted == Counter(expected)


def test_what_a_flood_loses_is_counted_and_its_errors_are_not_among_it(
    receiver: Inbox, followed: Workstation, logs: Path
) -> None:
    lines = [f"2024-05-02 10:11:12 INFO chatter {number}" for number in range(5000)]
    (logs / "sync.log").write_text(
        "\n".join([*lines, "2024-05-02 10:11:13 ERROR the one that counts"]) + "\n"
    )
    done = followed.clientobs("drain", "--once")
    assert done.returncode == 0, done.stderr
    found = lines_of(receiver)
    assert len(found) == 601
    assert found[-1].record.body.string_value.endswith("the one that counts")
    (state,) = followed.states()
    assert state.lost["log_file_rate"] == 4400


def test_what_was_in_a_file_before_it_was_followed_stays_there(
    receiver: Inbox, followed: Workstation, logs: Path, tmp_path: Path
) -> None:
    config = tmp_path / "clientobs.toml"
    config.write_text(config.read_text().replace("from_start = true", ""))
    log = logs / "sync.log"
    log.write_text("2024-05-02 10:11:12 INFO history\n")
    assert followed.clientobs("drain", "--once").returncode == 0
    with log.open("a") as file:
        file.write("2024-05-02 10:11:13 INFO news\n")
    (logs / "later.log").write_text("2024-05-02 10:11:14 INFO of a file that came up later\n")
    assert followed.clientobs("drain", "--once").returncode == 0
    bodies = sorted(one.record.body.string_value.partition(" INFO ")[2] for one in lines_of(receiver))
    assert bodies == ["news", "of a file that came up later"]


@pytest.fixture
def renders(desk: Workstation, tmp_path: Path) -> Workstation:
    """Give a machine on which Maya, Arnold and a farm's worker write their logs; nobody configured more than that."""
    home = tmp_path / "artist"
    (home / "maya").mkdir(parents=True)
    (tmp_path / "mtoa").mkdir()
    config = tmp_path / "clientobs.toml"
    worker = f'[[log_files]]\npreset = "deadline-worker"\npaths = ["{tmp_path}/worker/*.log"]\n'
    presets = "".join(f'[[log_files]]\npreset = "{name}"\n' for name in ("maya", "arnold"))
    config.write_text(f"[drain]\nidle_seconds = 1\n{presets}{worker}")
    desk.environ |= {
        "CLIENTOBS_CONFIG": str(config),
        "HOME": str(home),
        "MTOA_LOG_PATH": str(tmp_path / "mtoa"),
        "TZ": "Asia/Seoul",
    }
    assert desk.clientobs("drain", "--once").returncode == 0  # what comes from now on is news
    return desk


def test_what_known_tools_write_where_they_write_it_arrives_with_its_time_and_severity(
    receiver: Inbox, renders: Workstation, tmp_path: Path
) -> None:
    (tmp_path / "artist" / "maya" / "mayaRenderLog.txt").write_bytes((SAMPLES / "maya.log").read_bytes())
    (tmp_path / "mtoa" / "arnold.log").write_bytes((SAMPLES / "arnold.log").read_bytes())
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "deadlineslave-node07-2026-03-14-0000.log").write_bytes(
        (SAMPLES / "deadline-worker.log").read_bytes()
    )
    for path in (tmp_path / "artist" / "maya" / "mayaRenderLog.txt", tmp_path / "mtoa" / "arnold.log"):
        os.utime(path, (WRITTEN, WRITTEN))
    done = renders.clientobs("drain", "--once")
    assert done.returncode == 0, done.stderr
    found = {name: lines_of(receiver, name) for name in ("maya", "arnold", "deadline-worker")}
    severities = {name: [one.record.severity_text for one in each] for name, each in found.items()}
    assert severities == {
        "maya": ["WARN", "WARN", "ERROR", "ERROR", "ERROR", "ERROR", "FATAL"],
        "arnold": ["WARN", "ERROR", "WARN", "ERROR"],
        "deadline-worker": ["WARN", "ERROR", "ERROR", "ERROR"],
    }
    raised = next(one for one in found["maya"] if "exception.type" in one.attributes)
    assert raised.attributes["exception.message"] == "no camera of shot sh020"
    raised = next(one for one in found["deadline-worker"] if "exception.type" in one.attributes)
    assert raised.attributes["exception.type"] == "ValueError"
    assert raised.record.time_unix_nano == (WRITTEN - 1870) * 10**9  # 09:58:50 in Seoul
    assert found["arnold"][1].record.time_unix_nano == (WRITTEN - 1876) * 10**9  # four seconds after it began
    assert {one.record.time_unix_nano for one in found["maya"]} == {WRITTEN * 10**9}


@pytest.mark.skipif(BLENDER is None, reason="no blender on PATH (Debian: apt-get install blender)")
def test_what_a_real_blender_prints_into_a_file_is_told_by_its_errors_alone(
    receiver: Inbox, desk: Workstation, tmp_path: Path
) -> None:
    script, log = tmp_path / "open.py", tmp_path / "renders" / "blender.log"
    script.write_text('import bpy\nbpy.ops.wm.open_mainfile(filepath="/nowhere/sh020.blend")\n')
    log.parent.mkdir()
    config = tmp_path / "clientobs.toml"
    config.write_text(
        f'[[log_files]]\npreset = "blender"\npaths = ["{log.parent}/*.log"]\nfrom_start = true\n'
    )
    desk.environ["CLIENTOBS_CONFIG"] = str(config)
    with log.open("wb") as file:
        command = [str(BLENDER), "-b", "--python-exit-code", "3", "--python", str(script)]
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 3
    assert desk.clientobs("drain", "--once").returncode == 0
    found = lines_of(receiver, "blender")
    assert {one.record.severity_text for one in found} == {"ERROR"}
    bodies = [one.record.body.string_value for one in found]
    assert bodies[0] == "Error: Cannot read file '/nowhere/sh020.blend': No such file or directory"
    assert found[1].attributes["exception.type"] == "RuntimeError"
    assert bodies[1].splitlines()[-1].startswith("RuntimeError: Error: Cannot read file")
    assert bodies[2].startswith("Error: script failed")
    assert len(bodies) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="mounts, and /proc")
def test_a_mount_that_hangs_holds_up_its_own_entry_and_nothing_else(
    receiver: Inbox, followed: Workstation, logs: Path, tmp_path: Path, service: list[subprocess.Popen[bytes]]
) -> None:
    shown, point = tmp_path / "export", tmp_path / "nas"
    shown.mkdir()
    point.mkdir()
    (shown / "tool.log").write_text("2024-05-02 10:11:12 ERROR on the NAS\n")
    (logs / "sync.log").write_text("2024-05-02 10:11:12 ERROR here\n")
    config = tmp_path / "clientobs.toml"
    entry = f'[[log_files]]\nname = "on-the-nas"\npaths = ["{point}/*.log"]\nfrom_start = true\n'
    config.write_text(config.read_text().replace("[[log_files]]", f"{entry}[[log_files]]", 1))
    with slow_mount(shown, point, delay=60) as mounted:
        if not mounted:
            pytest.skip("no file system can be mounted here")
        start_drain(followed, service)
        receiver.wait_for(lambda: lines_of(receiver), 30)
        followed.run('clientobs.init("publisher")\nwith clientobs.span("publish"): pass\nclientobs.flush(10)')
        receiver.wait_for(lambda: [span for span in receiver.spans() if span.record.name == "publish"], 30)
        assert lines_of(receiver, "on-the-nas") == []
        drain = service[-1]
        drain.terminate()
        # It ends when it is told to; what the kernel holds on to in the call is one thread of it.
        until(
            lambda: drain.poll() is not None or "\nState:\tZ" in Path(f"/proc/{drain.pid}/status").read_text()
        )


def test_a_drain_that_only_follows_leaves_when_nothing_comes(
    receiver: Inbox, followed: Workstation, logs: Path
) -> None:
    (logs / "sync.log").write_text("2024-05-02 10:11:12 INFO one\n")
    followed.run('clientobs.init("publisher"); clientobs.flush(10)')
    receiver.wait_for(lambda: lines_of(receiver), 30)
    until(lambda: not followed.drains())
