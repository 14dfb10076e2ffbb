"""One child process, from before its launch to after its end: what every way to start one fills.

The seam of this instrument. Who patches a way to start processes makes a `Child`, and says what happens:

    child = begin(command_of(["ffmpeg", "-i", "plate.mov"]), how="subprocess.Popen", cwd=cwd)
    if child is None:                       # the instrument is off, or the program is on its list to ignore
        return original(...)
    try:
        pid = original(..., env=child.environment(env))
    except BaseException as error:
        child.not_started(error)
        raise
    child.started(pid)
    ...
    child.ended(-9)                         # as subprocess tells it: negative by a signal; None: nobody knows

The span starts with `begin` in the current context and is never made current. Each method is guarded: it returns
None (the environment: what it was given) whatever goes wrong, and may be called from any thread, from a signal
handler and from `__del__`. The first end counts. A child that is started and that nobody ever ends is looked at
now and then without reaping it (children.py), and detached when the process leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clientobs._guarded import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.processes.command import Command

__all__ = ["Child", "Usage", "begin", "install"]


class Usage:
    """What a child has used: seconds of processor time, and the peak of its memory in bytes (0: not known)."""

    __slots__ = ("cpu", "peak")

    def __init__(self, cpu: float, peak: int) -> None:
        self.cpu = cpu
        self.peak = peak


class Child:
    """See the module's docstring. Made by `begin` alone."""

    def environment(self, env: Any) -> Any:
        """Return an environment with TRACEPARENT and its like for the child; `env` itself is never written to.

        `env` is a mapping or None (inherit: C-level variables too). An empty one stays empty, one that has a
        TRACEPARENT of its own keeps it.
        """
        return env

    def variables(self) -> dict[str, str]:
        """Return TRACEPARENT, TRACESTATE and BAGGAGE for this child; empty where it is to get none."""
        return {}

    def started(self, pid: int) -> None:
        """Take the number of the launched process."""

    def not_started(self, error: BaseException) -> None:
        """Take the exception that the launch ended with; the span ends here."""

    def ended(self, code: int | None, usage: Usage | None = None) -> None:
        """Take the end: exit code, negative for a signal, None where somebody else reaped it."""

    def detached(self) -> None:
        """End the span of a child that lives on where nobody here will see its end."""

    def wrote(self, stream: str, data: bytes) -> None:
        """Take what the program itself has read of the child's "stdout" or "stderr", or written to "stdin"."""

    def timed_out(self, seconds: float) -> None:
        """Take that the program's own time limit for this child has passed."""

    def signalled(self, number: int) -> None:
        """Take that this program itself sends the child a signal: an end by it is no failure of the child's."""


_begin: Callable[..., Child | None] | None = None


def begin(command: Command, *, how: str, cwd: object = None) -> Child | None:
    """Start the span of a child that is about to be launched; None where nothing is recorded of it.

    `how` names the function that the program called: "subprocess.Popen", "os.system".
    """
    if _begin is None:
        return None
    try:
        return _begin(command, how=how, cwd=cwd)
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.begin", error)
        return None


def install(made: Callable[..., Child | None] | None) -> None:
    """Set what `begin` calls; None while the instrument is off."""
    global _begin  # noqa: PLW0603  # the one slot; set by the instrument
    _begin = made
