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

from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs.record.carrier import carrier_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.instruments.processes.children import Children
    from clientobs.instruments.processes.command import Command
    from clientobs.instruments.processes.rules import Rules

__all__ = ["Child", "Stream", "Usage", "begin", "install"]


_KEPT: Final = 8_192
"""Bytes kept of the end of a stream."""


class Stream:
    """Bytes that went through a pipe: how many, and the last of them."""

    __slots__ = ("_kept", "size")

    def __init__(self) -> None:
        self.size = 0
        self._kept = bytearray()

    @property
    def end(self) -> bytes:
        """The last of them."""
        return bytes(self._kept[-_KEPT:])

    def take(self, data: Any, size: int) -> None:
        """Add `size` bytes, whose end `data` is; b"" for what is not to be kept."""
        self.size += size
        if len(data) >= _KEPT:
            self._kept = bytearray(data[-_KEPT:])
        elif data:
            self._kept += data
            if len(self._kept) > _KEPT * 2:  # seldom: a pipe without a buffer is read byte by byte
                del self._kept[:-_KEPT]


class Usage:
    """What a child has used: seconds of processor time, and the peak of its memory in bytes (0: not known)."""

    __slots__ = ("cpu", "peak")

    def __init__(self, cpu: float, peak: int) -> None:
        self.cpu = cpu
        self.peak = peak


class Child:
    """See the module's docstring. Made by `begin` alone."""

    # Most of these stay what they are for most children: a launch sets what it must.
    context: Any = None
    """The context that the span was started in, for what is told of it later."""
    span: Any = None
    pid = 0
    folder = ""
    """Working directory that the caller asked for; "" for its own."""
    search_path: str | None = None
    """PATH of the environment that the caller gave; None: that of this process."""
    started_at = 0
    ended_at = 0
    """Times of the monotonic clock; the end is 0 while it runs."""
    code: int | None = None
    usage: Usage | None = None
    peak = 0
    """Peak of its memory in bytes as far as it was looked at while it ran."""
    sent = 0
    """Number of the last signal that this program itself sent."""
    timeout: float | None = None
    piped = False
    """Whether there is a pipe between it and the program."""
    redirected: tuple[str, ...] = ()
    """Paths of files that its output goes to."""
    output = "inherited"
    """Where its standard output goes: inherited, pipe (to the program), foreign pipe, elsewhere."""
    whole: frozenset[str] = frozenset()
    """Streams that the program has read to their end, and not just closed."""
    errors_in: Any = None
    """The file that it writes its errors to; see redirects.py."""
    watched: Any = None
    """A weak reference to the object that the program holds, if there is one."""
    seen = 0
    """When it was first found to have ended without anybody having asked; see children.py."""
    streams: Mapping[str, Stream] = {}
    reading: frozenset[str] = frozenset()
    """Streams whose end the program has not read yet."""
    _holds = 0

    def __init__(self, desk: Children, command: Command, how: str, rules: Rules) -> None:
        self._desk = desk
        self.command = command
        self.how = how
        self.rules = rules
        self._ends = [True]
        self._finishes = [True]

    @property
    def over(self) -> bool:
        """Whether its end is known."""
        return not self._ends

    def environment(self, env: Any) -> Any:
        """Return an environment with TRACEPARENT and its like for the child; `env` itself is never written to.

        `env` is a mapping or None (inherit: C-level variables too). An empty one stays empty, one that has a
        TRACEPARENT of its own keeps it.
        """
        try:
            return self._desk.environment(self, env)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.environment", error)
            return env

    def variables(self) -> dict[str, str]:
        """Return TRACEPARENT, TRACESTATE and BAGGAGE for this child; empty where it is to get none."""
        try:
            if not self.rules.context:
                return {}
            return carrier_in(self.context, self.span.get_span_context())
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.variables", error)
            return {}

    def carried(self) -> dict[str, str] | None:
        """Return what `Inherited` is to put into the environment: the variables, or None where it is to get none."""
        return None if self.rules.bare else self.variables()

    def started(self, pid: int) -> None:
        """Take the number of the launched process."""
        try:
            if type(pid) is not int or pid <= 0:  # a foreign stand-in for the launch has answered
                self.detached()
                return
            self.pid = pid
            self._desk.watch(self)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.started", error)

    def not_started(self, error: BaseException) -> None:
        """Take the exception that the launch ended with; the span ends here."""
        if self._take_end(None, None) and self._take_finish():
            try:
                self._desk.tell_not_started(self, error)
            except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
                faults.record("processes.not_started", fault)

    def ended(self, code: int | None, usage: Usage | None = None) -> None:
        """Take the end: exit code, negative for a signal, None where somebody else reaped it."""
        try:
            if self._take_end(code, usage):
                self._desk.forget(self)
                if not self._holds and not (code and self.reading):
                    self.finish()
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.ended", error)

    def detached(self) -> None:
        """End the span of a child that lives on where nobody here will see its end."""
        try:
            if self._take_end(None, None) and self._take_finish():
                self._desk.forget(self)
                self._desk.tell_detached(self)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.detached", error)

    @property
    def finished(self) -> bool:
        """Whether what became of it is written."""
        return not self._finishes

    @property
    def held(self) -> bool:
        """Whether the span is kept open over the end."""
        return self._holds > 0

    def hold(self) -> None:
        """Keep the span open over the end: the program is about to hand over what it has read."""
        self._holds += 1

    def release(self) -> None:
        """Let the span end with the child, or now where that has ended."""
        self._holds -= 1
        if not self._holds and self.over:
            self.finish()

    def finish(self) -> None:
        """Write what has become of a child that has ended; once."""
        if self._take_finish():
            try:
                self._desk.tell_ended(self)
            except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
                faults.record("processes.finish", error)

    def wrote(self, stream: str, data: Any, size: int | None = None) -> None:
        """Take bytes that went through a pipe: "stdin", "stdout" or "stderr"; `size` where `data` is their end."""
        taken = self.streams.get(stream)
        if taken is None:
            taken = Stream()
            self.streams = {**self.streams, stream: taken}
        taken.take(data, len(data) if size is None else size)

    def read_up(self, stream: str, *, whole: bool = True) -> None:
        """Take that nothing more will come of a stream that could be told: read to its end, or closed (not `whole`)."""
        if whole:
            self.whole = self.whole | {stream}
        self.reading = self.reading - {stream}
        if self.over and not self.reading and not self._holds:
            self.finish()

    def timed_out(self, seconds: float | None) -> None:
        """Take that the program's own time limit for this child has passed."""
        if not self.over:
            self.timeout = seconds

    def signalled(self, number: int) -> None:
        """Take that this program itself sends the child a signal: an end by it is no failure of the child's."""
        self.sent = number or self.sent

    def drop(self) -> None:
        """Forget the child: it is that of the process that this one was forked from."""
        self._ends.clear()
        self._finishes.clear()

    def _take_end(self, code: int | None, usage: Usage | None) -> bool:
        try:
            self._ends.pop()  # one thread gets it
        except IndexError:
            return False
        self.ended_at = self.seen or self._desk.now()
        self.code, self.usage = code, usage
        return True

    def _take_finish(self) -> bool:
        try:
            self._finishes.pop()
        except IndexError:
            return False
        return True


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
