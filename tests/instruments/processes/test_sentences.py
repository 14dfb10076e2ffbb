"""What a person reads of a child that failed: the line that says why, among all that it said."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs.instruments.processes.sentences import last_lines, signal_name, telling_line
from instruments.processes.conftest import python

if TYPE_CHECKING:
    from instruments.processes.conftest import Family

UNHURRIED = """
import array, fcntl, sys, termios
def say(line):
    sys.stderr.write(line + "\\n")
    sys.stderr.flush()
    left = array.array("i", [1])
    while left[0]:  # until the parent has read it: each line is a read of its own
        fcntl.ioctl(2, termios.FIONREAD, left)
say("ERROR: no license for arnold")
for number in range(18):
    say(f"closing {number}")
sys.exit(1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="asks the pipe how much is left in it, as POSIX can")
def test_a_child_that_says_a_line_at_a_time_is_quoted_as_one_that_says_all_at_once(family: Family) -> None:
    subprocess.run(python(UNHURRIED), stderr=subprocess.PIPE, check=False)
    (told,) = family.recorded().events("process.failed")
    assert told.body.endswith(": ERROR: no license for arnold")
    lines = told.attributes["process.stderr.end"].splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("ERROR: no license for arnold", "closing 17", 19)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "Traceback (most recent call last):\n  File x\nKeyError: error in 'a'\nValueError: no",
            "ValueError: no",
        ),
        (
            "[vost#0:0/libx265 @ 0x55d1] Unknown encoder 'libx265'\nError opening output",
            "Unknown encoder 'libx265'",
        ),
        ("done\nsomething else", "something else"),
        ("", ""),
        (
            "00:00:01  100MB WARNING | missing walls.tx\n00:00:02  288MB ERROR   |  [driver_exr] full\n  | aborted",
            "00:00:02  288MB ERROR   |  [driver_exr] full",
        ),
        (
            "Loading a missing plug-in\n[10:11.12] ERROR: Read1: no such file\nFrame 3 failed",
            "[10:11.12] ERROR: Read1: no such file",
        ),
        ("R20004 {WARNING} Unknown walls\nR50005 {SEVERE}  no seat\nR9 100%", "R50005 {SEVERE}  no seat"),
        ("[09:58:40] license of karma found\n[09:58:42] Error: no walls\n90%", "[09:58:42] Error: no walls"),
    ],
)
def test_the_line_that_says_what_is_wrong(words: str, said: str) -> None:
    assert telling_line(words) == said


def test_what_overwrites_itself_is_what_it_was_last() -> None:
    assert last_lines(b"10%\r50%\r\nbad \xff byte\n\n", 5) == "50%\nbad \\xff byte"
    assert last_lines(b"a\nb\nc", 2) == "b\nc"
    assert last_lines(b"a", 0) == ""


def test_signals_have_names() -> None:
    assert signal_name(signal.SIGSEGV) == "SIGSEGV"
    assert signal_name(signal.SIGRTMIN + 3) == "SIGRTMIN+3"
    assert signal_name(250) == "SIGRTMIN+216"
