"""What becomes of the log files of known tools: each preset on a sample of its tool's log."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientobs.config.log_files import read_log_files
from clientobs.config.log_presets import PRESETS
from clientobs.config.values import Base
from clientobs.drain.logfiles.times import is_plausible
from drain.logfiles.tailing import Read, grammar_of, read, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).parent / "samples"
WRITTEN = datetime(2026, 3, 14, 1, 30, tzinfo=timezone.utc).timestamp()
"""When the samples were written to last: 10:30 in Seoul."""


class Expected(NamedTuple):
    """One record that leaves the machine. `time` is that of Seoul, "" where the line says none."""

    severity: str
    time: str
    begins: str
    ends: str = ""
    """How its last line ends; "" where it has one line."""
    exception: str = ""


EXPECTED = {
    "shotgrid-toolkit": [
        Expected("WARN", "09:58:41.456", "2026-03-14 09:58:41,456 [4711 WARNING"),
        Expected("ERROR", "09:58:42.789", "2026-03-14 09:58:42", "walls are missing", "tank.errors.TankError"),
        Expected("INFO", "09:58:43.000", "2026-03-14 09:58:43,000 [INFO"),
    ],
    "deadline-worker": [
        Expected("WARN", "09:58:45.000", "2026-03-14 09:58:45:  0: WARNING:"),
        Expected("ERROR", "09:58:46.000", "2026-03-14 09:58:46:  0: STDOUT: [ 9:58.46] ERROR: Read7:"),
        Expected("ERROR", "09:58:50.000", "2026-03-14 09:58:50:  0: STDOUT:", "frame 1037 is empty", "ValueError"),
        Expected("ERROR", "09:58:52.000", "2026-03-14 09:58:52:  Scheduler Thread - Render", "<<<<"),
    ],
    "maya": [
        Expected("WARN", "", "Warning: line 24:"),
        Expected("WARN", "", "// Warning: line 7:"),
        Expected("ERROR", "", "# Error: file: /mnt/proj"),
        Expected("ERROR", "", "# Error: no camera", "# RuntimeError: no camera of shot sh020 #", "RuntimeError"),
        Expected("ERROR", "", "Scene /mnt/proj/sq010/sh020/anim.ma: Frame aborted."),
        Expected("ERROR", "", "[Redshift] Rendering was internally aborted"),
        Expected("FATAL", "", "Fatal Error. Attempting"),
    ],
    "3dsmax": [
        Expected("WARN", "09:58:42.000", "2026/03/14 09:58:42 WRN: [10560] [05208] Missing dll"),
        Expected("ERROR", "09:58:43.000", "2026/03/14 09:58:43 ERR:", "position: 812"),
        Expected("ERROR", "09:58:44.000", "2026/03/14 09:58:44 ERR:"),
    ],
    "nuke": [
        Expected("WARN", "09:58:40.000", "[ 9:58.40] WARNING: Wall1"),
        Expected("ERROR", "09:58:41.000", ">>> [ 9:58.41] ERROR: Read7:"),
        Expected("ERROR", "10:01:02.000", "[10:01.02] ERROR: RSMB5:"),
        Expected("ERROR", "", "Traceback", "No module named 'wall'", "ModuleNotFoundError"),
        Expected("ERROR", "", "Invalid render license key."),
        Expected("ERROR", "", "Worker process failed"),
        Expected("ERROR", "", "Node execution error:"),
        Expected("ERROR", "", "Segmentation fault"),
    ],
    "houdini": [
        Expected("WARN", "", "Warning:     Ignoring data", "[/obj/walls]"),
        Expected("ERROR", "", "Error:       Failed to resolve", "(/obj/walls/solver1/path)"),
        Expected("ERROR", "", "Traceback", "The attempted operation failed.", "hou.OperationFailed"),
        Expected("ERROR", "", "No licenses could be found"),
        Expected("ERROR", "", "Please check for a valid license server host."),
        Expected("ERROR", "", "Fatal error: Segmentation fault"),
        Expected("ERROR", "09:58:41.000", "[09:58:41] Error: Unable to save"),
    ],
    "karma": [
        Expected("WARN", "", "Warning: in _ReportErrors"),
        Expected("WARN", "", "karma: WARNING: A procedural"),
        Expected("ERROR", "09:58:42.000", "[09:58:42] Error: Failed to create file"),
        Expected("ERROR", "", "Coding Error: in _Load"),
        Expected("ERROR", "", "No licenses could be found"),
        Expected("ERROR", "", "Please check for a valid license server host."),
        Expected("ERROR", "09:58:43.000", "[09:58:43] Failed to create file"),
        Expected("ERROR", "", "Error loading geometry"),
    ],
    "arnold": [
        Expected("WARN", "09:58:42.000", "00:00:02   279MB WARNING | [walls]"),
        Expected("ERROR", "09:58:44.000", "00:00:04   288MB ERROR   |  [texturesys]", "called with no filename"),
        Expected("WARN", "", "WARNING |  render terminating early"),
        Expected("ERROR", "10:58:45.000", "01:00:05   294MB ERROR   | [driver_exr]"),
    ],
    "vray": [
        Expected("WARN", "09:58:40.000", "[2026/Mar/14|09:58:40] [91 MB] warning:"),
        Expected("ERROR", "09:58:41.000", "[2026/Mar/14|09:58:41] [91 MB] error:"),
        Expected("WARN", "09:58:43.000", "[2026/Mar/14:09:58:43]VFH|  Warning| removePlugin"),
        Expected("ERROR", "", "V-Ray error: There was"),
    ],
    "redshift": [
        Expected("WARN", "", '<span style="color:orange">WARNING: Texture'),
        Expected("ERROR", "", "Redshift Error: ====", "======"),
        Expected("ERROR", "", "[Redshift] Maxon licensing error"),
        Expected("ERROR", "", "INFO: Frame rendering aborted."),
        Expected("ERROR", "", "INFO: Rendering was internally aborted"),
        Expected("ERROR", "", "INFO: No devices found."),
        Expected("ERROR", "", "[Redshift] License error:"),
        Expected("ERROR", "", "ERROR: Please make sure"),
    ],
    "renderman": [
        Expected("WARN", "", "R20004 {WARNING} Unknown RiHider"),
        Expected("FATAL", "", "R50005 {SEVERE}  License error", "license source: /opt/pixar/pixar.license"),
        Expected("ERROR", "", "Error: PRMan: X00002 {ERROR}"),
    ],
    "blender": [
        Expected("WARN", "", "Warning: Unable to open"),
        Expected("ERROR", "", "Error: Cannot read file"),
        Expected("ERROR", "", "Error: Python: Traceback", "name 'enable' is not defined", "NameError"),
        Expected("ERROR", "", "00:01.234  bke.library      | ERROR Library", "which shot sh020 links"),
        Expected("WARN", "", "WARNING (wm.keymap):"),
        Expected("ERROR", "09:58:40.248", "E0314 09:58:40.248324 16412 device_cuda.cpp:186]"),
        Expected("ERROR", "", "CUDA error at cuModuleLoad"),
        Expected("ERROR", "", "Failed to create CUDA context"),
        Expected("ERROR", "", "Illegal address in CUDA queue"),
        Expected("ERROR", "", "Render error: cannot save"),
        Expected("ERROR", "", "Writing: /tmp/layout.crash.txt"),
    ],
    "unreal": [
        Expected("WARN", "09:58:41.976", "[2026.03.14-00.58.41:976][  0]LogInterchangeImport: Warning:"),
        Expected("ERROR", "09:58:42.977", "[2026.03.14-00.58.42:977]", "no attribute 'load'", "AttributeError"),
        Expected("ERROR", "09:58:43.000", "[2026.03.14-00.58.43:000]", "reading address 0x0"),
    ],
}  # fmt: skip

NUMBERS = {
    "shotgrid-toolkit": 4, "deadline-worker": 12, "maya": 11, "3dsmax": 5, "nuke": 11, "houdini": 9, "karma": 11,
    "arnold": 9, "vray": 7, "redshift": 12, "renderman": 5, "blender": 17, "unreal": 6,
}  # fmt: skip
"""How many records each sample makes, those included that stay on the machine."""


@pytest.fixture(autouse=True)
def seoul(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def sample(preset: str) -> list[Read]:
    data = (SAMPLES / f"{preset}.log").read_bytes()
    return read(data, grammar_of(settings_of(preset)), now=WRITTEN)


def clock(time_ns: int | None) -> str:
    if time_ns is None:
        return ""
    text = datetime.fromtimestamp(time_ns // 10**9).strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ006  # Seoul's, see above
    assert text.startswith("2026-03-14 ")
    return f"{text[11:]}.{time_ns // 10**6 % 1000:03}"


def shipped(preset: str) -> list[Read]:
    least = {"warn": 13, "info": 9}[settings_of(preset).level]
    return [each for each in sample(preset) if each.said.severity >= least]


@pytest.mark.parametrize("preset", PRESETS)
def test_what_leaves_the_machine_has_its_severity_its_time_and_its_traceback(preset: str) -> None:
    found = []
    for (entry, said), expected in zip(shipped(preset), EXPECTED[preset], strict=False):
        lines = entry.text.split("\n")
        assert entry.text.startswith(expected.begins)
        assert expected.ends in lines[-1]
        assert (len(lines) > 1) == bool(expected.ends)
        found.append((said.severity_text, clock(said.time_ns), said.attributes.get("exception.type", "")))
    assert found == [(each.severity, each.time, each.exception) for each in EXPECTED[preset]]
    assert len(shipped(preset)) == len(EXPECTED[preset])


@pytest.mark.parametrize("preset", PRESETS)
def test_each_line_is_in_one_record_and_no_time_is_impossible(preset: str) -> None:
    found = sample(preset)
    assert len(found) == NUMBERS[preset]
    assert not any(each.said.is_time_impossible for each in found)
    whole = "\n".join(each.entry.text for each in found)
    written = (SAMPLES / f"{preset}.log").read_text(encoding="utf-8-sig")
    assert [line.rstrip() for line in whole.split("\n")] == [line.rstrip() for line in written.splitlines()]


def test_a_traceback_with_the_stamp_of_the_log_on_each_line_is_read_without() -> None:
    (raised,) = [each.said for each in shipped("unreal") if each.said.attributes]
    assert raised.attributes["exception.stacktrace"].split("\n") == [
        "Traceback (most recent call last):",
        '  File "/tools/import.py", line 3, in <module>',
        '    unreal.load("walls")',
        "AttributeError: module 'unreal' has no attribute 'load'",
    ]
    (raised,) = [each.said for each in shipped("maya") if each.said.attributes]
    assert raised.attributes["exception.message"] == "no camera of shot sh020"
    assert raised.attributes["exception.stacktrace"].startswith("Traceback (most recent call last):\n  File")


def test_a_traceback_that_is_cut_off_takes_no_record_with_it() -> None:
    lines = [
        "2026-03-14 09:58:50:  0: STDOUT: Traceback (most recent call last):",
        '2026-03-14 09:58:50:  0: STDOUT:   File "/tools/finish.py", line 12, in <module>',
        "2026-03-14 09:58:50:  0: INFO: Process returned: 1",
    ]
    grammar = grammar_of(settings_of("deadline-worker"))
    found = read("\n".join([*lines, ""]).encode(), grammar, now=WRITTEN)
    assert [len(each.entry.lines) for each in found] == [2, 1]


def test_the_traceback_behind_an_error_is_part_of_it_and_behind_a_warning_is_not() -> None:
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: no"]
    grammar = grammar_of(settings_of("blender"))
    found = read(
        "\n".join(["Error: no walls", *trace, "Warning: no floor", *trace, ""]).encode(), grammar, now=0.0
    )
    assert [len(each.entry.lines) for each in found] == [4, 1, 3]


def test_without_the_line_that_says_when_it_began_an_elapsed_time_is_none() -> None:
    grammar = grammar_of(settings_of("arnold"))
    line = "00:00:02   279MB WARNING | [walls] no normals"
    assert grammar.read(line, now=WRITTEN).time_ns is None
    began = int(WRITTEN) * 10**9
    assert grammar.read(line, now=WRITTEN, began_ns=began).time_ns == began + 2 * 10**9


@pytest.mark.parametrize(
    ("preset", "encoding", "line"),
    [
        ("maya", "cp949", "// Error: 파일을 열 수 없습니다: P:/장면/벽.ma // "),
        ("3dsmax", "utf-16", "2026/03/14 09:58:43 ERR: [10560] [05208] 파일을 열 수 없습니다"),
        ("unreal", "utf-16", "[2026.03.14-00.58.43:000][  0]LogPython: Error: 파일을 열 수 없습니다"),
    ],
)
def test_a_log_in_the_encoding_of_its_machine_is_read_in_it(preset: str, encoding: str, line: str) -> None:
    data = f"{line}\r\n".encode(encoding)
    configured = "cp949" if encoding == "utf-16" else encoding  # a byte order mark says more
    ((entry, said),) = read(data, grammar_of(settings_of(preset)), now=WRITTEN, encoding=configured)
    assert (entry.text, said.severity_text) == (line.rstrip(), "ERROR")


def test_an_error_by_its_words_is_one_whatever_level_its_line_names() -> None:
    grammar = grammar_of(settings_of("redshift"))
    assert grammar.read("INFO: Frame rendering aborted.", now=0.0).severity_text == "ERROR"
    assert grammar.read("INFO: Frame rendering done.", now=0.0).severity_text == "INFO"


@pytest.mark.parametrize(
    ("preset", "platform", "glob"),
    [
        ("shotgrid-toolkit", "linux", "/home/artist/.shotgun/logs/*.log"),
        ("deadline-worker", "linux", "/var/log/Thinkbox/Deadline*/deadlineslave-*.log"),
        ("deadline-worker", "win32", "%PROGRAMDATA%/Thinkbox/Deadline*/logs/deadlineslave-*.log"),
        ("maya", "linux", "/home/artist/maya/mayaRenderLog.txt"),
        ("maya", "darwin", "/home/artist/Library/Preferences/Autodesk/maya/mayaRenderLog.txt"),
        ("vray", "win32", "%TEMP%/VRayLog.txt"),
        ("redshift", "linux", "/home/artist/redshift/log/[Ll]og.[Ll]atest.*/log.html"),
        ("arnold", "linux", "$MTOA_LOG_PATH/arnold*.log"),
    ],
)
def test_a_tool_with_a_place_of_its_own_is_found_there(preset: str, platform: str, glob: str) -> None:
    settings = read_log_files({"preset": preset}, Base(None, "/home/artist", "linux"))
    assert glob in settings.globs(platform)


LINES = st.one_of(
    st.sampled_from(
        [line for path in sorted(SAMPLES.glob("*.log")) for line in path.read_bytes().splitlines()]
    ),
    st.binary(max_size=60),
)


@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("preset", PRESETS)
@given(
    lines=st.lists(LINES, max_size=12), encoding=st.sampled_from(["utf-8", "cp949", "utf-16-le", "latin-1"])
)
def test_whatever_bytes_a_file_has_each_record_is_one_that_can_be_shipped(
    preset: str, lines: list[bytes], encoding: str
) -> None:
    data = b"".join(line + "\n".encode(encoding) for line in lines)
    found = read(data, grammar_of(settings_of(preset)), now=WRITTEN, encoding=encoding)
    for entry, said in found:
        assert said.severity_text in ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")
        assert said.time_ns is None or is_plausible(said.time_ns, WRITTEN)
        said.body.encode()  # no half of a character pair, which OTLP can't carry
        assert all(isinstance(value, str) for value in said.attributes.values())
        assert entry.begin < entry.end
    ends = [each.entry.end for each in found]
    assert ends == sorted(ends)
