"""What is said of a child that failed, in a sentence that a person can read.

ffmpeg ended with code 1 after 12.4 s: Unknown encoder 'libx265'
"""

from __future__ import annotations

import re
import signal
from typing import Final

from clientobs._levels import ERROR, level_of, severity_of
from clientobs._patterns import pattern

__all__ = ["amount", "last_lines", "signal_name", "telling_line", "time_text"]

_LINE: Final = 400
_TELLS: Final = pattern(
    r"\b(?:errors?|unknown|cannot|can't|could not|couldn't|failed|failure|fatal|not found|no such|denied|invalid"
    r"|unable|missing|exception|unsupported|unrecognized|refused|no space|abort(?:ed)?|undefined|licen[cs]e)\b",
    re.IGNORECASE,
)
_TRACEBACK: Final = "Traceback (most recent call last)"
_PREFIX: Final = pattern(r"^\[[^\]\n]{1,80} @ (?:0x)?[0-9a-f]+\] +")
"""How ffmpeg begins a line: the object in its memory."""


def time_text(nanoseconds: int) -> str:
    """Return a duration in words.

    >>> time_text(12_400_000_000), time_text(4_200_000), time_text(725_000_000_000)
    ('12.4 s', '4 ms', '12 min 5 s')
    """
    seconds = nanoseconds / 1e9
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:  # noqa: PLR2004  # two minutes
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def amount(size: int) -> str:
    """Return a number of bytes in words.

    >>> amount(7_623_566_950), amount(1_048_576)
    ('7.1 GiB', '1 MiB')
    """
    for unit, bytes_ in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= bytes_:
            return f"{size / bytes_:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} B"


def signal_name(number: int) -> str:
    """Return the name of a signal.

    >>> signal_name(9)
    'SIGKILL'
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        first = getattr(signal, "SIGRTMIN", 0)
        return f"SIGRTMIN+{number - first}" if 0 < first <= number else f"signal {number}"


def last_lines(end: bytes, most: int) -> str:
    r"""Return the last lines of a stream's end, as text; what overwrites itself (progress) is what it was last.

    >>> last_lines(b"frame 1\rframe 2\nUnknown encoder\n", 20)
    'frame 2\nUnknown encoder'
    """
    text = end.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines[-most:]) if most else ""


def telling_line(text: str) -> str:
    r"""Return the one line of a failed program's last words that says what is wrong.

    The last of a Python traceback; else the first that names itself an error (among the progress and the warnings of a
    renderer), or that speaks of one; else the last.

    >>> telling_line("Input #0, mov\nUnknown encoder 'libx265'\nConversion stopped")
    "Unknown encoder 'libx265'"
    >>> telling_line("WARNING | missing walls.tx\nERROR   | [walls] no license\n  100% done")
    'ERROR   | [walls] no license'
    """
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        return ""
    found = lines[-1]
    if _TRACEBACK not in text:
        named = (line for line in lines if severity_of(level_of(line)) >= ERROR)
        telling = (line for line in lines if _TELLS.search(line))
        found = next(named, None) or next(telling, found)
    return _PREFIX.sub("", found)[:_LINE]
