"""A command as our child, such that neither it nor whoever called us can tell.

The fork comes first, while this process has one thread, the signals of its caller and nothing of clientobs's in it.
The child waits on a pipe for its environment (the carrier is known once the span is open), then becomes the
command. From then on this process passes on what is sent to it, and ends as the command has ended, by the same
code or the same signal.

- The command stays in the caller's process group and session: the terminal's Ctrl-C reaches it by itself. Only
  where no terminal is in front do we pass on SIGINT, SIGQUIT and SIGHUP; else it would get them twice.
- Signals that the caller ignores stay ignored (nohup).
- On Linux the command dies with us (PR_SET_PDEATHSIG): a farm that kills the process it knows, by SIGKILL, which nobody
  can pass on, leaves no render behind.

POSIX only; Windows starts the command and waits for it (`run.py`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Child", "end_like"]

_PASSED_ON: Final = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH")
_FROM_TERMINAL: Final = frozenset({"SIGINT", "SIGQUIT", "SIGHUP", "SIGWINCH"})
_RESTORED: Final = ("SIGPIPE", "SIGXFSZ")
"""What CPython ignores for itself, and a child would inherit: `yes | head` would never end."""
_PR_SET_PDEATHSIG: Final = 1
_NEVER_STARTED: Final = 127


class Child:
    """The command's process: waiting for its environment, running, or ended."""

    def __init__(self, command: Sequence[str], *, replaced: Mapping[int, int], closed: Iterable[int]) -> None:
        """Fork. `replaced` gives the command other descriptors; `closed` are ours alone."""
        environment, self._environment = os.pipe()
        self._answer, answer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            for descriptor in (self._environment, self._answer, *closed):
                os.close(descriptor)
            _become(command, environment, answer, replaced)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored by our caller, no exit status would be kept
        os.close(environment)
        os.close(answer)
        for descriptor in set(replaced.values()):
            os.close(descriptor)
        self.status: int | None = None
        self.usage: Any = None
        self.started_ns = self.ended_ns = 0
        self.passed_on = 0
        """Number of the last signal that was handed to the command."""

    def start(self, environ: Mapping[str, str]) -> None:
        """Let it become the command; raises the OSError, or ValueError, with which that fails."""
        text = b"\0".join(os.fsencode(f"{name}={value}") for name, value in environ.items())
        self._watch_signals()
        self.started_ns = time.monotonic_ns()
        try:
            with open(self._environment, "wb") as pipe:
                pipe.write(text)
        except BrokenPipeError:
            pass  # it has ended already: its status tells
        with open(self._answer, "rb") as pipe:
            answer = pipe.read()
        if answer:
            self.wait()
            number, _, words = answer.decode().partition(" ")
            raise OSError(int(number), os.strerror(int(number))) if int(number) else ValueError(words)

    def wait(self, wait: bool = True) -> bool:
        """Reap it where it has ended; say whether it has."""
        while self.status is None:
            pid, status, usage = os.wait4(self.pid, 0 if wait else os.WNOHANG)
            if pid == 0:
                return False
            self.ended_ns = time.monotonic_ns()
            self.status, self.usage = status, usage
        return True

    @property
    def code(self) -> int:
        """The exit code as subprocess tells it: negative for a signal."""
        return os.waitstatus_to_exitcode(self.status or 0)

    def _watch_signals(self) -> None:
        terminal = _terminal_is_in_front()
        for name in _PASSED_ON:
            number = getattr(signal, name, None)
            if number is None or signal.getsignal(number) == signal.SIG_IGN:
                continue
            reached = terminal and name in _FROM_TERMINAL
            signal.signal(number, _stay if reached else self._pass_on)

    def _pass_on(self, number: int, _frame: object) -> None:
        if self.status is None:
            self.passed_on = number
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _stay(_number: int, _frame: object) -> None:
    """Outlive a signal of the terminal: the command got it too, and decides."""


def _terminal_is_in_front() -> bool:
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(descriptor) == os.getpgrp()
    return False


def _become(command: Sequence[str], environment: int, answer: int, replaced: Mapping[int, int]) -> None:
    """In the child: wait for the environment, and exec. Never returns."""
    try:
        _die_with_parent()
        with open(environment, "rb") as pipe:
            text = pipe.read()
        if not text:
            os._exit(_NEVER_STARTED)  # our parent has died
        for descriptor, other in replaced.items():
            os.dup2(other, descriptor)
        for name in _RESTORED:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        pairs = (entry.partition(b"=") for entry in text.split(b"\0"))
        os.execvpe(command[0], list(command), {name: value for name, _, value in pairs})  # noqa: S606  # the user's
    except OSError as error:
        _report(answer, error.errno or errno.EIO, "")
    except BaseException as error:  # noqa: BLE001  # whatever it is, no second copy of our caller may run on
        _report(answer, 0, str(error))
    os._exit(_NEVER_STARTED)


def _report(answer: int, number: int, words: str) -> None:
    with contextlib.suppress(OSError):
        os.write(answer, f"{number} {words}".encode(errors="backslashreplace"))


def _die_with_parent() -> None:
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  # Linux only, and in the child only

        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died in between
            os._exit(_NEVER_STARTED)


def end_like(code: int) -> int:
    """Return the exit code to leave with, or end this process by the signal that has ended the child."""
    if code >= 0:
        return code
    import resource  # noqa: PLC0415  # POSIX only

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the core is the command's, not ours
    with contextlib.suppress(OSError, ValueError):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 128 - code  # a signal whose default is to go on
