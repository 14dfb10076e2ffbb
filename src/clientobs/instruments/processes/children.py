"""The children of this process: begun, watched, looked at, ended.

How the end of a child is learned without a thread for each, without SIGCHLD, and without reaping anything that
the program wants to reap: the calls that reap are the program's own, and tell us what they have learned
(popen.py, waits.py). For a child that nobody waits for there is a look now and then, on our own thread:
waitid(WNOWAIT) says how a child has ended and leaves it to whoever waits later. What such a look finds counts from
the look after it on, so that a program that is just about to wait tells it better: with what the child has used.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet
from clientobs.instruments.processes.child import Child, Usage
from clientobs.instruments.processes.command import command_of, text_of
from clientobs.instruments.processes.memory import peak_of, processor_time_of
from clientobs.record import recorder as _recorder
from clientobs.record import span as _span

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.meter import Meter
    from clientobs.instruments.patching import Switch
    from clientobs.instruments.processes.command import Command
    from clientobs.instruments.processes.environment import Inherited
    from clientobs.instruments.processes.rules import RuleBook
    from clientobs.instruments.processes.telling import Teller
    from clientobs.record.doorstep import Doorstep

__all__ = ["Children", "Here", "code_of_status"]

_GRACE: Final = 1_000_000_000
"""Nanoseconds that a program gets to read what a failed child wrote, before that is told without it."""
_SAMPLED: Final = 64
"""Running children whose memory is looked at in one round."""


class Here(threading.local):
    """What a thread remembers: the child that it is launching, and whether it is at our own work.

    `worker` is one of multiprocessing's, whose launch may launch other things first.
    """

    launching: Child | None = None
    worker: Child | None = None
    busy = False


class Children:
    """See the module's docstring. `switch` is the instrument's, `meter` what the instrument costs."""

    def __init__(
        self,
        *,
        switch: Switch,
        meter: Meter,
        rules: RuleBook,
        inherited: Inherited,
        teller: Teller,
        doorstep: Doorstep,
        kind: Any,
        now: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.switch = switch
        self.meter = meter
        self.rules = rules
        self.inherited = inherited
        self.teller = teller
        self.doorstep = doorstep
        self.now = now
        self.here = Here()
        self.open: dict[int, Child] = {}
        """All that are begun and not yet written, by identity."""
        self.by_pid: dict[int, Child] = {}
        """Those that run, as far as is known."""
        self._waitid: Callable[..., Any] | None = getattr(os, "waitid", None)
        self.kind = kind

    def begin(self, command: Command, *, how: str, cwd: object = None) -> Child | None:
        """Start the span of a child; None where it is not recorded."""
        recorder = _recorder._active  # noqa: SLF001  # what `active()` returns; each call here is one more cold line
        if recorder is None or not self.switch.on or self.here.busy:
            return None
        rules = self.rules.of(command.name)
        if rules.ignored:
            return None
        child = Child(self, command, how, rules)
        child.context = current = _span._get_current()  # noqa: SLF001  # bound once for all of us, see span.bind
        child.folder = "" if cwd is None else text_of(cwd)
        child.started_at = self.now()
        child.span = recorder.voice.tracer.start_span(
            command.name, current, self.kind, self.teller.facts(command, how, child.folder)
        )
        self.open[id(child)] = child
        return child

    def complete(self, child: Child, words: Any) -> None:
        """Take the words of a command that was an iterator, and is a list at the launch."""
        if not child.command.whole:
            with quiet("processes.complete"):
                self.teller.renamed(child, command_of(words))

    def environment(self, child: Child, env: Any) -> Any:
        """Return an environment for a child; see `Child.environment`."""
        variables = child.carried()
        if variables is not None and not variables:
            return env
        if env is not None:
            return self.inherited.mapping(env, variables)
        entries = self.inherited.entries(None, variables)
        if entries is None:
            return None
        pairs = (os.fsdecode(entry).partition("=") for entry in entries)
        return {name: value for name, equals, value in pairs if equals}

    def watch(self, child: Child) -> None:
        """Take the pid of a child that runs now; it can't be that of another one that does."""
        before = self.by_pid.get(child.pid)
        self.by_pid[child.pid] = child
        if before is not None and before is not child:
            before.ended(None)
        if child.over:  # by a thread that was quicker
            self.forget(child)

    def forget(self, child: Child) -> None:
        """Take a child off the list of those that run."""
        if self.by_pid.get(child.pid) is child:
            self.by_pid.pop(child.pid, None)

    def reaped(self, pid: int, status: int, usage: Usage | None = None) -> None:
        """Take what a call of the program's own has learned about a child: its wait status."""
        child = self.by_pid.get(pid)
        code = code_of_status(status)
        if child is not None and code is not None:
            child.ended(code, usage)

    def tell_ended(self, child: Child) -> None:
        """Write the end of a child."""
        self.open.pop(id(child), None)
        self.teller.ended(child)

    def tell_not_started(self, child: Child, error: BaseException) -> None:
        """Write that a child could not be launched."""
        self.open.pop(id(child), None)
        self.teller.not_started(child, error)

    def tell_detached(self, child: Child) -> None:
        """Write that a child lives on."""
        self.open.pop(id(child), None)
        self.teller.detached(child)

    def look(self) -> None:
        """Look after all children: called now and then, on our own thread."""
        now, sampled = self.now(), 0
        for child in list(self.open.values()):
            if child.over:
                if now - child.ended_at > _GRACE:
                    child.finish()
            elif child.pid:
                self._look_at(child, now)
                if not child.seen and sampled < _SAMPLED:
                    sampled += 1
                    child.peak = max(child.peak, peak_of(child.pid))

    def leave(self) -> None:
        """Finish what is under way: this process is about to end, or to become another program."""
        for child in list(self.open.values()):
            if child.over:
                child.finish()
                continue
            if child.pid:
                self._look_at(child, self.now())
                if child.seen:
                    self._look_at(child, self.now())
            child.detached()

    def drop_all(self) -> None:
        """Forget all children: this process is a fork, and they are its parent's."""
        for child in list(self.open.values()):
            child.drop()
        self.open.clear()
        self.by_pid.clear()
        self.here.worker = None

    def _look_at(self, child: Child, now: int) -> None:
        code, found = self._state_of(child)
        if not found:
            child.seen = 0
        elif not child.seen:
            child.seen = now
            child.usage = Usage(processor_time_of(child.pid), child.peak)
        else:
            child.ended(code, child.usage)

    def _state_of(self, child: Child) -> tuple[int | None, bool]:
        """Return the exit code of a child and whether it has ended, without reaping it."""
        held = child.watched() if child.watched is not None else None
        code = getattr(held, "returncode", None)
        if isinstance(code, int):
            return (code if code != sys.maxsize else None), True
        if self._waitid is None:
            return _state_on_windows(held)
        try:
            state = self._waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None, not _is_alive(
                child.pid
            )  # somebody reaped it; or it is no child of this very process
        if state is None:
            return None, False
        return (state.si_status if state.si_code == os.CLD_EXITED else -state.si_status), True


def code_of_status(status: int) -> int | None:
    """Return the exit code of a wait status, None where the child was only stopped or goes on."""
    if os.WIFEXITED(status) or os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True


def _state_on_windows(held: Any) -> tuple[int | None, bool]:
    if sys.platform != "win32":
        return None, False
    import _winapi  # noqa: PLC0415  # this system's alone

    handle = getattr(held, "_handle", None)
    if handle is None or _winapi.WaitForSingleObject(handle, 0) != _winapi.WAIT_OBJECT_0:
        return None, False
    return _winapi.GetExitCodeProcess(handle), True
