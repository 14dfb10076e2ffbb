"""Windows' record of a crash or a hang: events 1000 and 1002 of the Application log, as `wevtutil` prints their XML.

1000 "Application Error" names program, module, exception code and offset, then the process number in hexadecimal;
1002 "Application Hang" names program and process number. Older systems give the values without names, in the same
order; newer ones name them. Parsed here from recorded samples; the call has not been run on Windows.
"""

from __future__ import annotations

import re
import sys
from typing import Final
from xml.etree import ElementTree

from clientobs.drain.deaths.programs import ask_program
from clientobs.drain.deaths.records import SystemRecord, exception_name

__all__ = ["ask_wevtutil", "parse_events"]

SOURCE: Final = "Windows Event Log"
_PROGRAM: Final = r"C:\Windows\System32\wevtutil.exe"
_CRASH: Final = 1000
_HANG: Final = 1002
_CRASH_NAMES: Final = (
    *("AppName", "AppVersion", "AppTimeStamp", "ModuleName", "ModuleVersion", "ModuleTimeStamp"),
    *("ExceptionCode", "FaultingOffset", "ProcessId", "ProcessCreationTime", "AppPath", "ModulePath"),
)
_HANG_NAMES: Final = ("AppName", "AppVersion", "ProcessId")
_MAX_TEXT: Final = 1 << 20
_LONGEST: Final = 3.0
_SPACE: Final = re.compile(r"""\sxmlns=(?:"[^"]*"|'[^']*')""")


def ask_wevtutil(pid: int, seconds: float) -> SystemRecord | None:
    """Return the newest record of a process that died within the last `seconds`; None without one."""
    if sys.platform != "win32":
        return None
    query = (
        f"*[System[(EventID={_CRASH} or EventID={_HANG}) and "
        f"TimeCreated[timediff(@SystemTime) <= {int(seconds * 1000)}]]]"
    )
    command = [_PROGRAM, "qe", "Application", f"/q:{query}", "/f:xml", "/rd:true", "/c:50"]
    records = parse_events(ask_program(command, longest=_LONGEST, most=_MAX_TEXT))
    return next((record for record in records if record.pid == pid), None)


def parse_events(text: str) -> list[SystemRecord]:
    """Return the crashes and hangs among events in XML, in their order; what is malformed is left out."""
    found = []
    for part in re.findall(r"<Event\b.*?</Event>", _SPACE.sub("", text[:_MAX_TEXT]), re.DOTALL):
        if "<!" in part:
            continue  # no event has a document type or an entity
        try:
            record = _record(ElementTree.fromstring(part))  # noqa: S314  # without entities, see above
        except (ElementTree.ParseError, ValueError):
            continue
        if record is not None:
            found.append(record)
    return found


def _record(event: ElementTree.Element) -> SystemRecord | None:
    number = int(event.findtext("System/EventID") or "0")
    if number not in {_CRASH, _HANG}:
        return None
    values = _values(event, _CRASH_NAMES if number == _CRASH else _HANG_NAMES)
    pid = int(values.get("ProcessId", "0").removeprefix("0x") or "0", 16)
    if number == _HANG:
        return SystemRecord(pid=pid, hang=True, source=SOURCE)
    code = values.get("ExceptionCode", "")
    module = values.get("ModulePath") or values.get("ModuleName", "")
    offset = values.get("FaultingOffset", "").removeprefix("0x").lstrip("0")
    return SystemRecord(
        pid=pid,
        name=exception_name(int(code.removeprefix("0x"), 16)) if code else "",
        module=f"{module}+0x{offset}" if module and offset else module,
        source=SOURCE,
    )


def _values(event: ElementTree.Element, order: tuple[str, ...]) -> dict[str, str]:
    data = event.findall("EventData/Data")
    named = {item.get("Name"): item.text or "" for item in data}
    if None not in named:
        return {str(name): text.strip() for name, text in named.items()}
    return {name: (item.text or "").strip() for name, item in zip(order, data, strict=False)}
