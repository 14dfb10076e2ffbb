"""A command as our child on Windows, where no exec keeps the process: started, waited for, its code handed on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Child"]


class Child:
    """As `child.Child`, for as much of it as there is here."""

    def __init__(self, command: Sequence[str], *, replaced: Mapping[int, int], closed: Iterable[int]) -> None:
        del replaced, closed
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self.pid = 0
        self.usage: Any = None
        self.passed_on = 0
        self.started_ns = self.ended_ns = 0

    def start(self, environ: Mapping[str, str]) -> None:
        """Start the command; raises the OSError with which that fails."""
        program = shutil.which(self._command[0], path=environ.get("PATH"))
        if program is None:
            raise FileNotFoundError(self._command[0])
        # Ctrl-C reaches every process of the console: the command decides, we only wait.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.started_ns = time.monotonic_ns()
        self._process = subprocess.Popen([program, *self._command[1:]], env=dict(environ))  # noqa: S603  # the user's
        self.pid = self._process.pid

    def wait(self, wait: bool = True) -> bool:
        """Wait for its end, or only ask; say whether it has ended."""
        assert self._process is not None  # noqa: S101  # started
        if wait:
            self._process.wait()
        ended = self._process.poll() is not None
        if ended and not self.ended_ns:
            self.ended_ns = time.monotonic_ns()
        return ended

    @property
    def code(self) -> int:
        """The exit code."""
        return self._process.returncode if self._process is not None else 0
