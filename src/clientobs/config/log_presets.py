r"""Where the tools of the field write their log files, and how a record of each begins.

Each pattern stands below the forms that it was made from; tests/drain/logfiles/samples/ has lines of each and says in
its README where the forms and the places are described. A tool that has no place of its own for its log (it prints,
and the farm or a launcher keeps that) has no globs here: the entry names them in `paths`.

Held by tests, and so by whoever adds one: a pattern is anchored, each repeat in it has an end, and it takes a bounded
number of steps over the most hostile line. What it matches is the stamp; the message follows behind. Continuation
lines don't match.

Applications and renderers talk much: of them warnings and errors leave the machine (`level`).
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["PRESETS"]

_QUIET: Final = "warn"

PRESETS: Final[dict[str, dict[str, Any]]] = {
    # 2024-05-02 10:11:12,345 [1234 DEBUG sgtk.core.bootstrap] Message (tk-core, LogManager's file handler)
    "shotgrid-toolkit": {
        "name": "shotgrid-toolkit",
        "linux": ("~/.shotgun/logs/*.log",),
        "macos": ("~/Library/Logs/Shotgun/*.log",),
        "windows": ("%APPDATA%/Shotgun/Logs/*.log",),
        "pattern": r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \[(?:\d{1,9} )?(?P<level>[A-Z]{1,9}) ",
    },
    # 2024-05-02 10:11:12:  0: STDOUT: [10:11.12] ERROR: what the renderer printed, one line each
    # 2024-05-02 10:11:12:  0: INFO: Process exit code: 1
    # 2024-05-02 10:11:12:  Scheduler Thread - Render Thread 0 threw a major error:
    # 2024-05-02 10:11:12:  >>>>>>>>>> and what follows up to <<<<<<<<<< belong to it
    "deadline-worker": {
        "name": "deadline-worker",
        "linux": ("/var/log/Thinkbox/Deadline*/deadlineslave-*.log",),
        "windows": ("%PROGRAMDATA%/Thinkbox/Deadline*/logs/deadlineslave-*.log",),
        "pattern": (
            r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d):"
            r"(?! {1,9}(?:[<>]{9}|at |\(null\)|Exception Details|[A-Za-z]{0,60}Exception(?:\.[A-Z]| -- )))"
            r" {1,2}(?:\d{1,3}: )?(?:(?P<level>STDOUT|DEBUG|INFO|WARNING|ERROR): )?"
        ),
        "level": _QUIET,
    },
    # Error: line 1: ... | // Warning: line 24: ... // | # Error: RuntimeError: file <maya console> line 1: ...
    # Fatal Error. Attempting to save in C:/Users/...
    "maya": {
        "name": "maya",
        "paths": ("$MAYA_APP_DIR/mayaRenderLog.txt", "$MAYA_CMD_FILE_OUTPUT"),
        "linux": ("~/maya/mayaRenderLog.txt",),
        "macos": ("~/Library/Preferences/Autodesk/maya/mayaRenderLog.txt",),
        "windows": ("%USERPROFILE%/Documents/maya/mayaRenderLog.txt",),
        "pattern": (
            r"^(?=[^\s}])(?!(?://|\#)(?:\s{2}|\s?$))(?:(?://|\#) )?"
            r"(?:(?P<level>Fatal(?= Error)|Error(?=:)|Warning(?=:)|Info(?=:)|Result(?=:)):? ?)?"
        ),
        "errors": (r"\bFrame (?:rendering )?aborted", r"\bRendering was internally aborted"),
        "level": _QUIET,
    },
    # 2025/08/11 20:59:27 ERR: [10560] [05208] MAXScript ...
    "3dsmax": {
        "name": "3dsmax",
        "windows": ("%LOCALAPPDATA%/Autodesk/3dsMax/*/*/Network/Max.log",),
        "pattern": (
            r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) (?P<level>ERR|WRN|INF|DBG):"
            r"(?: \[\d{1,9}\] \[\d{1,9}\] ?)?"
        ),
        "level": _QUIET,
    },
    # [13:52.21] ERROR: Read1: ... : hour, minute, second; a space before an hour of one digit; >>> in front on a farm
    "nuke": {
        "name": "nuke",
        "pattern": (
            r"^(?=\S)(?:>>> )?(?:\[ ?(?P<time>\d{1,2}:\d\d\.\d\d)\] )?"
            r"(?:(?P<level>FATAL|ERROR|WARNING|INFO|DEBUG|Error|Warning): )?"
        ),
        "time": ("%H:%M.%S",),
        "errors": (
            r"^Invalid .{1,80} license key",
            r"^Worker process failed",
            r"^Segmentation fault",
        ),
        "level": _QUIET,
    },
    # Error:       Unable to ... | Warning:     Ignoring data for ..., what is indented behind it belongs to it
    "houdini": {
        "name": "houdini",
        "pattern": r"^(?=\S)(?:\[(?P<time>\d\d:\d\d:\d\d)\] )?(?:(?P<level>Fatal|Error|Warning|Message): {1,20})?",
        "time": ("%H:%M:%S",),
        "errors": (
            r"^No licenses could be found to run this application",
            r"^Please check for a valid license server host",
        ),
        "level": _QUIET,
    },
    # [17:30:02] husk version 19.5.569 | karma: WARNING: ... | Warning: in _ReportErrors at line 3309 of ... (USD)
    "karma": {
        "name": "karma",
        "pattern": (
            r"^(?=\S)(?:\[(?P<time>\d\d:\d\d:\d\d)\] )?(?:(?:karma|husk): )?"
            r"(?:(?P<level>Fatal|Error|ERROR|Warning|WARNING): {0,20})?"
        ),
        "time": ("%H:%M:%S",),
        "errors": (
            r"\bNo licenses could be found to run this application",
            r"\bPlease check for a valid license server host",
            r"\bFailed to create file\b",
            r"\bError loading geometry\b",
        ),
        "level": _QUIET,
    },
    # 00:00:00    88MB         | log started Thu Aug 31 14:51:49 2023
    # 00:00:02   288MB ERROR   |  [texturesys] ...: elapsed since then
    "arnold": {
        "name": "arnold",
        "paths": ("$MTOA_LOG_PATH/arnold*.log",),
        "pattern": (
            r"^(?:(?P<elapsed>\d{1,4}:\d\d:\d\d) {1,9}\d{1,9}MB)? {0,9}(?P<level>[A-Z]{4,9})? {0,9}\| ?"
            r"(?:log started (?P<began>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}))?"
        ),
        "time": ("%a %b %d %H:%M:%S %Y",),
        "level": _QUIET,
    },
    # [2023/Aug/10|17:34:03] [91 MB] error: ... | V-Ray error: ... | [2017/Oct/16:21:51:59]VFH|  Info| ...
    "vray": {
        "name": "vray",
        "windows": ("%TEMP%/VRayLog.txt",),
        "pattern": (
            r"^(?=\S)(?:\[(?P<time>\d{4}/[A-Z][a-z]{2}/\d{1,2}[|:]\d\d:\d\d:\d\d)\] {0,9})?(?:\[ {0,9}\d{1,9} MB\] )?"
            r"(?:V-Ray:? |(?:VFH|V-Ray For Houdini)\| {0,9})?"
            r"(?:(?P<level>(?i:error|warning|info|debug))(?:: |\| ))?"
        ),
        "time": ("%Y/%b/%d|%H:%M:%S", "%Y/%b/%d:%H:%M:%S"),
        "level": _QUIET,
    },
    # INFO: Core data path: ... in log.html, and in an application's log [Redshift] ... and Redshift Error: ...
    "redshift": {
        "name": "redshift",
        "paths": ("$REDSHIFT_LOCALDATAPATH/[Ll]og/[Ll]og.[Ll]atest.*/log.html",),
        "linux": ("~/redshift/log/[Ll]og.[Ll]atest.*/log.html",),
        "macos": ("~/redshift/log/[Ll]og.[Ll]atest.*/log.html",),
        "windows": ("%PROGRAMDATA%/Redshift/Log/Log.Latest.*/log.html",),
        "pattern": (
            r"^(?:<[^<>]{0,200}>){0,8}"
            r"(?=\[Redshift\]|(?:Redshift )?(?:FATAL|ERROR|WARNING|INFO|DETAILED|DEBUG|Error|Warning):)"
            r"(?:\[Redshift\] {0,60}|Redshift )?"
            r"(?:(?P<level>FATAL|ERROR|WARNING|INFO|DETAILED|DEBUG|Error|Warning): ?)?"
        ),
        "errors": (
            r"\bFrame rendering aborted",
            r"\bRendering was internally aborted",
            r"\bNo devices found\. Aborting rendering",
        ),
        "level": _QUIET,
    },
    # R50005 {SEVERE}  License error - feature: ..., {CONTINUED} belongs to the one before
    "renderman": {
        "name": "renderman",
        "pattern": r"^(?=\S)(?![A-Z]\d{5} \{CONTINUED\})(?:[A-Z]\d{5} )?(?:\{(?P<level>[A-Z]{4,9})\} {0,9})?",
        "level": _QUIET,
    },
    # Error: Cannot read file ... | 00:01.234  bke.library      | ERROR ... | ERROR (bke.library): source/...: ...
    # E0606 11:50:03.248324 16412 device_cuda.cpp:186] ... (Cycles before 4.5, with --debug-cycles)
    "blender": {
        "name": "blender",
        "pattern": (
            r"^(?=[^\s}])(?:(?:\d{1,4}:)?\d\d:\d\d\.\d{3} {1,9})?(?:\d{1,9}M {1,9})?(?:[a-z][\w.]{0,40} {1,40}\| )?"
            r"(?:(?P<level>(?:FATAL|ERROR|WARNING|INFO|DEBUG|TRACE)\b|(?:Fatal|Error|Warning|Info)(?= {0,9}:)"
            r"|[IWEF](?=\d{4} \d\d:))"
            r"(?:(?P<time>\d{4} \d\d:\d\d:\d\d\.\d{6}) {1,9}\d{1,9} | {0,9}(?:\([\w.]{1,40}\))?:? ?))?"
        ),
        "time": ("%m%d %H:%M:%S.%f",),
        "errors": (
            r"^CUDA error\b",
            r"^Failed to create CUDA context",
            r"^Illegal address in CUDA",
            r"^Writing: .{1,400}\.crash\.txt\b",
        ),
        "level": _QUIET,
    },
    # [2026.09.24-22.15.15:977][  0]LogPython: Error: ... in UTC; before the clock runs the stamp is missing
    "unreal": {
        "name": "unreal",
        "pattern": (
            r"^(?:\[(?P<time>\d{4}\.\d\d\.\d\d-\d\d\.\d\d\.\d\d:\d{3})\]\[[ \d]{1,9}\]|(?=Log\w{1,60}: ))"
            r"(?:\w{1,60}: )?(?:(?P<level>Fatal|Error|Warning|Display|Log|Verbose|VeryVerbose): )?"
        ),
        "time": ("%Y.%m.%d-%H.%M.%S:%f",),
        "utc": True,
        "level": _QUIET,
    },
}
"""By name: fields of LogFilesConfig."""
