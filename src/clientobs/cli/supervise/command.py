"""What is recorded of a command that is supervised: a task of a farm, or the launch of an application."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import clientobs
from clientobs import semconv
from clientobs._guarded import quiet
from clientobs.cli.program import service_of
from clientobs.cli.supervise.exit_status import ExitStatus
from clientobs.cli.supervise.launch import SIGN_VARIABLE, Signs
from clientobs.cli.supervise.words import Words, copy_on
from clientobs.config.resolve import resolve
from clientobs.instruments.processes.child import Usage, begin
from clientobs.instruments.processes.command import command_of
from clientobs.instruments.processes.sentences import last_lines, signal_name, telling_line, time_text
from clientobs.record import recorder as _recorder
from clientobs.record.leaving import fail
from clientobs.runtime.failures import SUPERVISOR_VARIABLE
from clientobs.runtime.origin import LAUNCH_VARIABLE
from clientobs.viewer.homes import runs_folder

if sys.platform == "win32":
    from clientobs.cli.supervise.child_windows import Child
else:
    from clientobs.cli.supervise.child import Child, end_like

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clientobs.runtime.runtime import Runtime

__all__ = ["Options", "supervise"]

_LOOK: Final = (0.05, 1.0)
"""Seconds between two looks for the application's Python: at first, and in the end."""
_LAUNCH: Final = 600.0
"""Seconds after which an application that has shown no Python has come up without one."""
_LINES: Final = 20


class Options(NamedTuple):
    """What `clientobs run` was asked for."""

    farm: bool = False
    dcc: str = ""
    service: str = ""
    last_words: bool = False


def supervise(command: Sequence[str], environ: Mapping[str, str], options: Options) -> int:
    """Run `command` under `environ` and return its exit code; raises the OSError with which it can't be started."""
    words = Words(stand_between=options.last_words or bool(options.dcc))
    child = Child(command, replaced=words.replaced, closed=words.ours)
    watch = _Launch(command, child, words, options) if options.dcc else _Task(command, child, words)
    home: str | None = None
    try:
        with quiet("run.init"):
            home = _start_session(command, options).home
        child.start({**environ, **watch.begin(), SUPERVISOR_VARIABLE: str(os.getpid())})
        status = ExitStatus(child.pid)
        watch.wait()
        with quiet("run.exit_status"):
            if home is not None:
                status.leave(runs_folder(home), child.code)
        words.finish()
        watch.ended()
    except (OSError, ValueError) as error:
        watch.not_started(error)
        raise
    finally:
        with quiet("run.shutdown"):
            clientobs.shutdown()
    left = words.leave()
    if left:
        copy_on(left)
    return child.code if sys.platform == "win32" else end_like(child.code)


def _start_session(command: Sequence[str], options: Options) -> Runtime:
    """Call init() under the name that was given, or the command's own where nobody has named the service."""
    given: dict[str, Any] = {"session_kind": "farm"} if options.farm else {}
    name = options.service
    if (
        not name
        and resolve({}, environ=dict(os.environ), strict=False).source("service.name").kind == "default"
    ):
        name = f"{options.dcc}-launcher" if options.dcc else service_of(os.path.basename(command[0]))
    return clientobs.init(name or None, **given)


class _Task:
    """A task of a farm, whose trace this process opens: the command is a child in it."""

    def __init__(self, command: Sequence[str], child: Child, words: Words) -> None:
        self._command = command
        self._process = child
        self._words = words
        self._task = clientobs.farm_task()
        self._child: Any = None

    def begin(self) -> dict[str, str]:
        """Open the task and return what the command gets of it."""
        self._task.begin()
        self._child = begin(command_of(list(self._command)), how="clientobs run")
        if self._child is not None:
            self._child.caller = None  # it would be this line
        carried = self._child.variables() if self._child is not None else clientobs.carrier()
        self._words.begin(self._child.wrote if self._child is not None else lambda *_: None)
        return {**carried, "CLIENTOBS_SESSION_KIND": "farm"}

    def wait(self) -> None:
        """Wait for the command's end."""
        if self._child is not None:
            self._child.hold()  # its end is seen in the very call that reaps it: before its last words are read
            self._child.started(self._process.pid)
        self._process.wait()

    def ended(self) -> None:
        """Tell how the command and with it the task has ended."""
        code, passed_on = self._process.code, self._process.passed_on
        ends = self._words.ends()
        if self._child is not None:
            for stream, end in ends.items():
                if stream not in self._child.streams:
                    self._child.wrote(stream, end)
            if passed_on:
                self._child.signalled(passed_on)
            self._child.ended(code, _usage_of(self._process))
            self._child.release()
        if code and passed_on:
            self._task.end(KeyboardInterrupt())  # the farm has asked it to stop
        else:
            self._task.end(_sentence(self._command, self._process, ends) if code else None)

    def not_started(self, error: BaseException) -> None:
        """Tell that there is no such program, or none that can be executed."""
        if self._child is not None:
            self._child.not_started(error)
        self._task.end(f"{self._command[0]} could not be started: {error}")


class _Launch:
    """The launch of an application: a short trace of its own, over when the application's Python has started."""

    def __init__(self, command: Sequence[str], child: Child, words: Words, options: Options) -> None:
        self._command = command
        self._process = child
        self._words = words
        self._dcc = options.dcc
        self._signs = Signs(options.dcc)
        self._span: Any = None
        self._recorded: Any = None

    def begin(self) -> dict[str, str]:
        """Open the launch and return what the application gets of it."""
        carried: dict[str, str] = {SIGN_VARIABLE: self._signs.path}
        self._words.begin()
        recorder = _recorder.active()
        if recorder is None:
            return carried
        with quiet("run.launch"):
            origin = recorder.origin
            if (
                origin.parent is not None
            ):  # who started this launcher has a trace of its own, a tool's or a day's
                origin.parent, origin.link, origin.why = None, origin.parent, "launcher"
            attributes = {semconv.DCC_NAME: self._dcc, semconv.PROCESS_COMMAND_ARGS: list(self._command)}
            self._span = clientobs.span(f"launch {self._dcc}", **attributes)
            self._recorded = self._span.__enter__()
            carried.update(clientobs.carrier())
            carried[LAUNCH_VARIABLE] = f"{self._recorded.get_span_context().span_id:016x}"
        return carried

    def wait(self) -> None:
        """Wait until the application has come up, and then for its end."""
        pause, until = _LOOK[0], time.monotonic() + _LAUNCH
        while not self._process.wait(wait=False):
            arrived = self._signs.arrival()
            if arrived is not None:
                self._came_up(arrived.python)
                break
            if time.monotonic() > until:
                self._came_up("")
                break
            time.sleep(pause)  # a signal's handler runs meanwhile; the end of the child is seen a pause later
            pause = min(pause * 1.2, _LOOK[1])
        self._process.wait()

    def ended(self) -> None:
        """Tell an end that came before the application's Python."""
        arrived = self._signs.arrival()
        if arrived is not None:
            self._came_up(arrived.python)
        code = self._process.code
        if self._recorded is not None and code:
            if self._process.passed_on or code == -signal.SIGINT:
                self._recorded.set_attribute(semconv.TOOL_OUTCOME, "cancelled")
            else:
                ends = self._words.ends()
                self._failed(_sentence(self._command, self._process, ends), ends)
        self._close()

    def not_started(self, error: BaseException) -> None:
        """Tell that there is no such program, or none that can be executed."""
        if self._recorded is not None:
            self._failed(f"{self._command[0]} could not be started: {error}", {}, started=False)
        self._close()

    def _came_up(self, python: str) -> None:
        if self._recorded is not None and python:
            self._recorded.set_attribute(semconv.PROCESS_RUNTIME_VERSION, python)
        self._close()

    def _failed(self, sentence: str, ends: Mapping[str, bytes], *, started: bool = True) -> None:
        with quiet("run.start_failed"):
            code = self._process.code if started else None
            facts: dict[str, Any] = {
                semconv.DCC_NAME: self._dcc,
                semconv.PROCESS_EXECUTABLE_NAME: os.path.basename(self._command[0]),
                semconv.PROCESS_COMMAND_ARGS: list(self._command),
            }
            if code is None:
                facts[semconv.PROCESS_SEARCH_PATH] = os.environ.get("PATH", os.defpath)
            else:
                facts[semconv.PROCESS_EXIT_CODE] = code
                facts[semconv.LAUNCH_DURATION] = (self._process.ended_ns - self._process.started_ns) / 1e9
            if code is not None and code < 0:
                facts[semconv.PROCESS_EXIT_SIGNAL] = signal_name(-code)
            names = {"stdout": semconv.PROCESS_STDOUT_END, "stderr": semconv.PROCESS_STDERR_END}
            facts.update({names[name]: last_lines(end, _LINES) for name, end in ends.items()})
            fail(self._recorded, semconv.APP_START_FAILED, sentence)
            clientobs.event(
                semconv.APP_START_FAILED,
                f"{self._dcc} did not come up: {sentence}",
                severity="error",
                **facts,
            )

    def _close(self) -> None:
        self._signs.remove()
        span, self._span, self._recorded = self._span, None, None
        if span is not None:
            span.__exit__(None, None, None)


def _sentence(command: Sequence[str], child: Child, ends: Mapping[str, bytes]) -> str:
    """Say how a command has failed: `maya ended with code 1 after 3.2 s: could not get a licence`."""
    name, code = os.path.basename(command[0]), child.code
    how = f"ended with code {code}" if code >= 0 else f"was killed by {signal_name(-code)}"
    end = ends.get("stderr") or ends.get("stdout") or b""
    said = telling_line(last_lines(end, _LINES))
    return f"{name} {how} after {time_text(child.ended_ns - child.started_ns)}{': ' if said else ''}{said}"


def _usage_of(child: Child) -> Usage | None:
    usage = child.usage
    if usage is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)
