"""Ask a program of the system (journalctl, coredumpctl, wevtutil), within bounds of time and of size.

It gets nothing of ours: no input, no environment but the language of programs, and on Windows no window. Asked off the
drain's own loop. What it has started itself is ended with it: a pipe that a grandchild holds open would be read for
as long as that lives.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ask_program", "find_program"]

_PATH: Final = "/usr/bin:/bin"
_NO_WINDOW: Final = 0x08000000  # CREATE_NO_WINDOW
_SURROUNDINGS: Final[dict[str, Any]] = (
    {"creationflags": _NO_WINDOW}  # Windows' own programs need its variables
    if sys.platform == "win32"
    else {"env": {"LC_ALL": "C", "PATH": _PATH}, "start_new_session": True}
)


def find_program(name: str) -> str | None:
    """Return where the system has a program, None where it has none; the user's PATH is not looked at."""
    return shutil.which(name, path=_PATH)


def ask_program(command: Sequence[str], *, longest: float, most: int) -> str:
    """Return the first `most` bytes that a program prints, as text; "" where it can't be started, or takes too long.

    longest: seconds, for what it prints, and once more for its end.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # a program of the system, numbers
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **_SURROUNDINGS,
        )
    except OSError:
        return ""
    late = threading.Event()

    def end() -> None:
        late.set()
        _end(process)

    timer = threading.Timer(longest, end)
    timer.daemon = True
    with process:
        timer.start()
        printed: bytes = process.stdout.read(most) if process.stdout is not None else b""
        timer.cancel()
        timer.join()  # before its number is free for another process
        if len(printed) == most:
            _end(process)
        try:
            process.wait(longest)
        except subprocess.TimeoutExpired:
            end()
    return "" if late.is_set() else printed.decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)  # with what it has started
    except OSError:
        return  # it has ended meanwhile
