"""The files for service managers in `integrations/`: they parse, and start a command that exists."""

from __future__ import annotations

import configparser
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

INTEGRATIONS = Path(__file__).parents[3] / "integrations"
SYSTEMD = INTEGRATIONS / "systemd/clientobs-drain.service"
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def systemd() -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read(SYSTEMD)
    return unit


def launchd() -> dict[str, object]:
    return dict(plistlib.loads((INTEGRATIONS / "launchd/org.clientobs.drain.plist").read_bytes()))


def windows() -> ET.Element:
    return ET.parse(INTEGRATIONS / "windows/clientobs-drain.xml").getroot()


def commands() -> dict[str, list[str]]:
    arguments = launchd()["ProgramArguments"]
    assert isinstance(arguments, list)
    action = windows().find(f"{TASK}Actions/{TASK}Exec/{TASK}Arguments")
    assert action is not None
    return {
        "systemd": shlex.split(systemd()["Service"]["ExecStart"]),
        "launchd": [str(argument) for argument in arguments],
        "windows": ["pythonw.exe", *(action.text or "").split()],
    }


@pytest.mark.parametrize("manager", ["systemd", "launchd", "windows"])
def test_each_starts_a_command_that_exists(manager: str) -> None:
    program, *arguments = commands()[manager]
    assert Path(program).name in {"clientobs", "pythonw.exe"}
    entry = [] if arguments[0] == "-m" else ["-m", "clientobs.cli.main"]
    done = subprocess.run(
        [sys.executable, *entry, *arguments, "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "clientobs drain" in done.stdout


def test_each_starts_the_drain_again_without_a_rush() -> None:
    service = systemd()["Service"]
    assert (service["Restart"], int(service["RestartSec"])) == ("always", 30)
    assert launchd()["KeepAlive"] is True
    assert launchd()["ThrottleInterval"] == 30
    assert windows().find(f".//{TASK}RestartOnFailure/{TASK}Interval") is not None


def test_none_of_them_gives_rights_or_holds_a_credential() -> None:
    level = windows().find(f".//{TASK}RunLevel")
    assert level is not None
    assert level.text == "LeastPrivilege"
    assert systemd()["Service"]["NoNewPrivileges"] == "yes"
    assert systemd()["Service"]["UMask"] == "0077"
    assert launchd()["Umask"] == 0o077
    for path in INTEGRATIONS.rglob("clientobs*"):
        assert "HEADERS" not in path.read_text().upper()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd's own judge is not on this machine")
def test_systemd_itself_finds_no_fault(tmp_path: Path) -> None:
    unit = tmp_path / SYSTEMD.name
    unit.write_text(SYSTEMD.read_text().replace("/opt/clientobs/bin/clientobs", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_drain_runs_without_any_stream_as_under_pythonw(tmp_path: Path) -> None:
    program = """
import sys
sys.stdout = sys.stderr = sys.stdin = None
from clientobs.cli.main import main
open(sys.argv[1], "w").write(str(main(["drain", "--once", "--timeout", "1"])))
"""
    result = tmp_path / "code"
    environ = {
        "PYTHONPATH": str(INTEGRATIONS.parent / "src"), "CLIENTOBS_HOME": str(tmp_path / "home"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program, str(result)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert result.read_text() == "0"
