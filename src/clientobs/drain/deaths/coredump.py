"""systemd-coredump's record of a crash: the signal, and the frame in which it happened. Linux, where it is in charge.

`coredumpctl info PID` prints fields, then "Stack trace of thread ...:" with "#0  0x... function (module + 0x...)" and
so on, the thread that crashed first. It is asked off the drain's own loop, with a bound of time; the record is there
only once the core has been written, which takes seconds for a host with gigabytes.
"""

from __future__ import annotations

import re
import signal
import time
from typing import TYPE_CHECKING, Final

from clientobs.drain.deaths.programs import ask_program, find_program
from clientobs.drain.deaths.records import SystemRecord

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ask_coredumpctl", "dumps_to_systemd", "parse_coredumpctl"]

SOURCE: Final = "coredumpctl"
_PATTERN: Final = "/proc/sys/kernel/core_pattern"
_FIELD: Final = re.compile(r"^ *([A-Z][A-Za-z ]{1,20}): (.*)$", re.MULTILINE)
_FRAME: Final = re.compile(
    r"^ *#\d{1,4} +0x[0-9a-f]{1,16} +(?P<function>.{1,512}?) \((?P<module>[^()]{1,512})\)$", re.MULTILINE
)
_RAISES: Final = re.compile(
    r"^(?:__pthread_kill\w*|pthread_kill\S*|__GI_(?:raise|abort|pthread_kill)|raise|abort|tgkill|kill"
    r"|__restore_rt|faulthandler_\w+|gsignal)$"
)
"""Frames of the handler and of the second raise: faulthandler hands a signal on by raising it again."""
_HANDLER: Final = re.compile(r"^(?:__restore_rt|faulthandler_\w+)$")
_LONGEST: Final = 2.0
_POLL: Final = 0.5
_MAX_TEXT: Final = 512 << 10


def dumps_to_systemd(pattern_file: str = _PATTERN) -> bool:
    """Say whether the kernel hands cores to systemd-coredump."""
    try:
        with open(pattern_file, encoding="utf-8", errors="replace") as file:
            return "systemd-coredump" in file.read(4096)
    except OSError:
        return False


def ask_coredumpctl(
    pid: int,
    *,
    program: str | None = None,
    patience: float = 5.0,
    sleep: Callable[[float], object] = time.sleep,
) -> SystemRecord | None:
    """Return the record of a dead process, waiting up to `patience` seconds for it to be made; None without one."""
    program = program or find_program("coredumpctl")
    if program is None:
        return None
    deadline = time.monotonic() + patience
    while True:
        command = [program, "--no-pager", "--quiet", "-1", "info", str(pid)]
        record = parse_coredumpctl(ask_program(command, longest=_LONGEST, most=_MAX_TEXT), pid)
        if record is not None or time.monotonic() >= deadline:
            return record
        sleep(_POLL)


def parse_coredumpctl(text: str, pid: int) -> SystemRecord | None:
    """Return what `coredumpctl info` printed of a process, None where it is of another or of none."""
    fields = dict(_FIELD.findall(text.partition("Stack trace of")[0]))
    number = fields.get("PID", "").partition(" ")[0]
    if number != str(pid):
        return None
    storage = fields.get("Storage", "")
    return SystemRecord(
        pid=pid,
        name=_signal(fields.get("Signal", "")),
        module=_where(text),
        path=storage.partition(" (")[0] if storage.startswith("/") else "",
        source=SOURCE,
    )


def _signal(field: str) -> str:
    number = field.partition(" ")[0]
    try:
        return signal.Signals(int(number)).name
    except ValueError:
        return f"signal {number}" if number.isdigit() else ""


def _where(text: str) -> str:
    """Return function and module of the frame that crashed: below the handler's, where there is one."""
    thread = text.partition("Stack trace of")[2].partition("Stack trace of")[0]
    frames = [(match["function"], match["module"]) for match in _FRAME.finditer(thread)]
    handlers = [place for place, (function, _) in enumerate(frames) if _HANDLER.match(function)]
    rest = frames[handlers[-1] + 1 :] if handlers else frames
    rest = [frame for frame in rest if not _RAISES.match(frame[0])] or rest
    if not rest:
        return ""
    function, module = rest[0]
    return module if function == "n/a" else f"{module} ({function})"
