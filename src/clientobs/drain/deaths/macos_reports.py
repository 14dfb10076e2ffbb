"""macOS' record of a crash: the .ips files of ReportCrash in ~/Library/Logs/DiagnosticReports.

Two JSON documents in one file: one line of metadata (bug_type 309: a crash; 298: ended for memory, "jetsam"), then the
report: pid, procName, exception.signal, faultingThread, threads[].frames[] of which each names its image by number.
(Apple, "Interpreting the JSON format of a crash report".) Parsed here from recorded samples; not run on macOS.
"""

from __future__ import annotations

import json
import os
from itertools import islice
from typing import Any, Final

from clientobs.drain.deaths.records import SystemRecord

__all__ = ["find_report", "parse_report"]

SOURCE: Final = "DiagnosticReports"
_FOLDER: Final = "~/Library/Logs/DiagnosticReports"
_CRASH: Final = "309"
_MAX_BYTES: Final = 4 << 20
_ENTRIES: Final = 5_000
_EARLIER: Final = 5.0
_AROUND: Final = 300.0
_CANDIDATES: Final = 20


def find_report(pid: int, last_seconds: float, folder: str = _FOLDER) -> SystemRecord | None:
    """Return the report of a process that died after `last_seconds` of the wall clock, None without one."""
    candidates: list[tuple[float, str]] = []
    try:
        with os.scandir(os.path.expanduser(folder)) as entries:
            for entry in islice(entries, _ENTRIES):
                if entry.name.endswith(".ips") and entry.is_file(follow_symlinks=False):
                    written = entry.stat(follow_symlinks=False).st_mtime
                    if -_EARLIER <= written - last_seconds <= _AROUND:
                        candidates.append((written, entry.path))
    except OSError:
        return None
    for _, path in sorted(candidates)[:_CANDIDATES]:
        record = _read(path)
        if record is not None and record.pid == pid:
            return record
    return None


def _read(path: str) -> SystemRecord | None:
    try:
        with open(path, "rb") as file:
            return parse_report(file.read(_MAX_BYTES).decode("utf-8", "replace"), path)
    except OSError:
        return None


def parse_report(text: str, path: str = "") -> SystemRecord | None:
    """Return the crash that an .ips file tells of, None where it tells of something else."""
    head, _, body = text.partition("\n")
    try:
        if str(json.loads(head).get("bug_type")) != _CRASH:
            return None
        report = json.loads(body)
        exception = report.get("exception") or {}
        return SystemRecord(
            pid=int(report.get("pid") or 0),
            name=str(exception.get("signal") or exception.get("type") or ""),
            module=_where(report),
            path=path,
            source=SOURCE,
        )
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError):
        return None


def _where(report: dict[str, Any]) -> str:
    threads = report.get("threads") or []
    number = report.get("faultingThread")
    if not isinstance(number, int) or not 0 <= number < len(threads):
        return ""
    frames = threads[number].get("frames") or []
    if not frames:
        return ""
    frame = frames[0]
    image = (report.get("usedImages") or [])[frame["imageIndex"]]
    module = str(image.get("path") or image.get("name") or "")
    symbol = str(frame.get("symbol") or "")
    return f"{module} ({symbol})" if module and symbol else module or symbol
