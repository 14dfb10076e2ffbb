"""Does a mount answer: asked by a child process that may stand at it for ever, so that the drain never does."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final

__all__ = ["Probe"]

_PATIENCE: Final = 2.0
_LOOK: Final = "import os, sys; os.statvfs(sys.argv[1])"


class Probe:
    """One look at one mount.

    `verdict` is None as long as nobody knows, then whether the mount answers.
    """

    def __init__(self, mount: str) -> None:
        self.mount = mount
        self.verdict: bool | None = None
        self._deadline = time.monotonic() + _PATIENCE
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter
            [sys.executable, "-I", "-S", "-c", _LOOK, mount],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def look(self) -> bool | None:
        """Return the verdict. An error is an answer: the mount has said something."""
        ended = self._process.poll() is not None
        if self.verdict is None and (ended or time.monotonic() >= self._deadline):
            self.verdict = ended
        return self.verdict

    def close(self) -> None:
        """Let go; a child that can't be killed is left to the system."""
        if self._process.poll() is None:
            self._process.kill()
            try:
                self._process.wait(0.1)
            except subprocess.TimeoutExpired:
                # Popen's own __del__ hands it to the list that later Popens look after.
                return
