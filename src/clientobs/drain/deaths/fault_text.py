"""What faulthandler writes when Python dies: the fatal error, and the stacks of all threads.

Fatal Python error: Segmentation fault

Current thread 0x00007f62 (most recent call first):
  File "tool.py", line 6 in solve_ik
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["fatal_in", "signal_of", "stacks_in"]

_FATAL: Final = re.compile(r"^Fatal Python error: (.{1,200})$", re.MULTILINE)
_STACK_LINE: Final = re.compile(
    r"^(?:(?:Current thread|Thread) 0x[0-9a-f]+ .{0,80}|  File \".{0,1000}\", line (?:\d+|\?{3}) in .{0,500}"
    r"|  <no Python frame>|  \.\.\.|  Garbage-collecting|Extension modules: .{0,4000})$"
)
_CURRENT: Final = "Current thread"
# What faulthandler calls the signals: Python/faulthandler.c, faulthandler_handlers
_SIGNALS: Final = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}


def fatal_in(text: str) -> str:
    r"""Return the fatal error, "" where there is none: a traceback alone proves nothing.

    >>> fatal_in("Fatal Python error: Bus error\n\n"), fatal_in("Timeout (0:00:01)!\n")
    ('Bus error', '')
    """
    found = _FATAL.search(text)
    return found[1].strip() if found else ""


def signal_of(fatal: str) -> str:
    """Return the name of the signal that faulthandler means, "" where it is none.

    >>> signal_of("Segmentation fault")
    'SIGSEGV'
    """
    return _SIGNALS.get(fatal, "")


def stacks_in(text: str) -> str:
    r"""Return what faulthandler wrote of the stacks, the thread that crashed first, and nothing else in the file.

    >>> text = 'Fatal Python error: Aborted\n\nThread 0x1 (most recent call first):\n  File "a.py", line 3 in f'
    >>> print(stacks_in(text))
    Thread 0x1 (most recent call first):
      File "a.py", line 3 in f
    """
    lines = [line for line in text.splitlines() if _STACK_LINE.match(line)]
    starts = [place for place, line in enumerate(lines) if line.startswith(_CURRENT)]
    if starts:
        # faulthandler tells the threads in its own order. Who crashed is what a person looks for first.
        rest = range(starts[0] + 1, len(lines))
        end = next((place for place in rest if not lines[place].startswith("  ")), len(lines))
        lines = [*lines[starts[0] : end], *lines[: starts[0]], *lines[end:]]
    return "\n".join(lines)
