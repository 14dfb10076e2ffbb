"""What is written of a child: the attributes of its span, the metrics, and the event where it failed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.instruments.processes.callers import caller_of_launch
from clientobs.instruments.processes.folds import Folds
from clientobs.instruments.processes.memory import kernel_kills, machine_memory, own_peak
from clientobs.instruments.processes.outputs import Outputs
from clientobs.instruments.processes.reasons import code_hint, reason_of, searched
from clientobs.instruments.processes.redirects import output_is_unread
from clientobs.instruments.processes.sentences import (
    amount,
    last_lines,
    signal_name,
    telling_line,
    time_text,
)
from clientobs.record import recorder as _recorder
from clientobs.record import span as _span
from clientobs.record.causes import note_failed_child
from clientobs.record.sightings import sightings

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.config.model import ProcessesConfig
    from clientobs.instruments.processes.child import Child
    from clientobs.instruments.processes.command import Command
    from clientobs.instruments.processes.measures import Measures

__all__ = ["Teller"]

_INTERRUPTED: Final = 128 + 2
"""How a shell, and programs that follow it, end by Ctrl-C."""
_NOT_FOUND: Final = 127
"""How a shell says that there is no such program."""


class Teller:
    """Writes what has become of children."""

    def __init__(
        self, config: ProcessesConfig, measures: Measures, is_network: Callable[[str], bool]
    ) -> None:
        self._lines = config.last_lines
        self._folds = Folds()
        self.is_network = is_network
        self.outputs = Outputs(is_network, self._tell_empty)
        self._measures = measures
        self._kills = kernel_kills()
        self._own_peak = own_peak()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self.outputs.forget()
        self._folds.forget()

    def facts(self, command: Command, how: str, folder: str) -> dict[str, Any]:
        """Return what is known of a child before its launch."""
        facts: dict[str, Any] = {
            semconv.PROCESS_EXECUTABLE_NAME: command.name,
            semconv.PROCESS_EXECUTABLE_PATH: command.executable,
            semconv.PROCESS_COMMAND_ARGS: command.words,
            semconv.PROCESS_LAUNCHER: how,
        }
        folder = folder or _own_folder()
        if folder:
            facts[semconv.PROCESS_WORKING_DIRECTORY] = folder
        if command.shell:
            facts[semconv.PROCESS_SHELL] = True
        return facts

    def renamed(self, child: Child, command: Command) -> None:
        """Take the command of a child whose words could not be read ahead of the launch."""
        child.command = command
        if child.span is not None:
            child.span.update_name(command.name)
            child.span.set_attributes(self.facts(command, child.how, child.folder))

    def ended(self, child: Child) -> None:
        """Write the end of a child that has run."""
        outcome = "ok" if child.code == 0 else _outcome_of(child)
        called: dict[str, Any] = {}
        if outcome == "failed":
            called, _, machinery = caller_of_launch()
            outcome = "expected" if machinery else outcome
        facts = self._end_facts(child)
        facts[semconv.PROCESS_OUTCOME] = outcome
        sentence, folded = "", False
        if outcome == "failed":
            facts[semconv.ERROR_TYPE] = ending = _error_type(child)
            told = self._failure_facts(child)
            sentence = self._sentence(child, told)
            folded = self._folds.is_like_one_told(child, ending, _said(told))
            if not folded:
                facts.update(called)
                facts.update(told)
        fault = sightings.new_fault() if sentence else ""
        self._write(child, outcome, facts, sentence, "" if folded else fault)
        if sentence and child.code is not None and child.span is not None:
            note_failed_child(child.code, child.span.get_span_context().trace_id, fault)
        if outcome == "ok":
            self.outputs.look(child)

    def not_started(self, child: Child, error: BaseException) -> None:
        """Write that a child could not be launched, and what was looked for where."""
        called, caller, machinery = caller_of_launch()
        facts: dict[str, Any] = {
            semconv.PROCESS_OUTCOME: "not_started",
            semconv.ERROR_TYPE: type(error).__qualname__,
            **called,
        }
        sentence, folded = "", False
        # A wrong argument is told by its exception alone, and Python's own modules try what needn't be there.
        if isinstance(error, OSError) and not machinery:
            reason = reason_of(child, error, facts)
            folded = self._folds.is_like_one_told(child, "not started", reason)
            sentence = f"{child.command.name} could not be started: {reason}"
            sentence += f"; asked for by {caller}" if caller else ""
        fault = sightings.new_fault() if sentence else ""
        self._write(child, "not_started", facts, sentence, "" if folded else fault)
        if sentence:  # this very exception goes on to the program
            around = getattr(child.span, "parent", None)
            sightings.add(error, fault, headline=True, parent=_local(around))

    def detached(self, child: Child) -> None:
        """Write that a child lives on where nobody here will see its end."""
        facts = self._end_facts(child)
        facts[semconv.PROCESS_OUTCOME] = "detached"
        self._write(child, "detached", facts, "")

    def _end_facts(self, child: Child) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        code = child.code
        if child.pid:
            facts[semconv.PROCESS_PID] = child.pid
        if code is not None:
            facts[semconv.PROCESS_EXIT_CODE] = code
            if code < 0:
                facts[semconv.PROCESS_EXIT_SIGNAL] = signal_name(-code)
                if child.sent == -code:
                    facts[semconv.PROCESS_EXIT_SENDER] = "this program"
        usage = child.usage
        peak = child.peak
        if usage is not None:
            facts[semconv.PROCESS_USED_CPU] = usage.cpu
            # See memory.py: less than our own peak says nothing of the child.
            if usage.peak > self._own_peak:  # ours only grows
                self._own_peak = own_peak()
                peak = usage.peak if usage.peak > self._own_peak else peak
        if peak:
            facts[semconv.PROCESS_USED_MEMORY] = peak
        for stream, taken in child.streams.items():
            facts[_SIZES[stream]] = taken.size
        if child.timeout is not None and child.sent:
            facts[semconv.PROCESS_TIMEOUT] = child.timeout
        return facts

    def _failure_facts(self, child: Child) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for stream, name in _ENDS.items():
            taken = child.streams.get(stream)
            end = taken.end if taken is not None else b""
            if stream == "stderr" and not end and child.errors_in is not None:
                end = child.errors_in.end()
            text = last_lines(end, self._lines) if end else ""
            if text:
                facts[name] = text
        if child.code is not None and child.code < 0:
            facts.update(self._memory_facts(child))
        if child.code == _NOT_FOUND and child.command.shell:
            facts[semconv.PROCESS_SEARCH_PATH] = searched(child)
        return facts

    def _memory_facts(self, child: Child) -> dict[str, Any]:
        """Return the machine's memory now, and whether a lack of it may have been the reason."""
        kills, before = kernel_kills(), self._kills
        self._kills = kills
        by_kernel = kills > before and child.code == -_SIGKILL and not child.sent
        found = machine_memory()
        facts: dict[str, Any] = {}
        if found is not None:
            facts[semconv.MACHINE_MEMORY_TOTAL] = found.total
            facts[semconv.MACHINE_MEMORY_AVAILABLE] = found.available
            facts[semconv.MACHINE_MEMORY_SHORT] = found.short or by_kernel
        if by_kernel:
            facts[semconv.PROCESS_EXIT_SENDER] = "kernel"
        return facts

    def _sentence(self, child: Child, told: dict[str, Any]) -> str:
        code, name = child.code or 0, child.command.name
        after = time_text(child.ended_at - child.started_at)
        said = _said(told)
        end = f": {said}" if said else ""
        if code >= 0:
            return f"{name} ended with code {code} after {after}{end or code_hint(code)}"
        by = signal_name(-code)
        if child.timeout is not None and child.sent:
            return f"{name} did not end within {child.timeout:g} s, and this program ended it by {by}{end}"
        return f"{name} was killed by {by} after {after}{self._memory_sentence(child, told)}{end}"

    def _memory_sentence(self, child: Child, told: dict[str, Any]) -> str:
        total = told.get(semconv.MACHINE_MEMORY_TOTAL)
        if total is None:
            return ""
        room = f"{amount(told[semconv.MACHINE_MEMORY_AVAILABLE])} of {amount(total)} were free"
        used = self._end_facts(child).get(semconv.PROCESS_USED_MEMORY)
        peak = f"it had used {amount(used)}, " if used else ""
        if told.get(semconv.PROCESS_EXIT_SENDER) == "kernel":
            return f" by the kernel, for lack of memory ({peak}{room} afterwards)"
        short = "memory was short" if told[semconv.MACHINE_MEMORY_SHORT] else "memory was not short"
        return f"; {short} ({peak}{room})"

    def _write(
        self, child: Child, outcome: str, facts: dict[str, Any], sentence: str, fault: str = ""
    ) -> None:
        span = child.span
        duration = child.ended_at - child.started_at
        self._measures.take(child.command.name, outcome, duration)
        if sentence:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415  # loaded with the instrument

            span.set_status(StatusCode.ERROR, sentence)
            if fault:
                self._tell(child, semconv.PROCESS_FAILED, {**facts, semconv.FAULT_ID: fault}, sentence)
        if span.is_recording():
            end = span.start_time + duration
            end_with = getattr(span, "end_with", None)  # ours; the application may have a provider of its own
            if end_with is not None:
                end_with(facts, end)
            else:
                span.set_attributes(facts)
                span.end(end)

    def _tell_empty(self, child: Child, paths: list[str]) -> None:
        """Say which files a child that ended well should have written, and did not."""
        which = paths[0] if len(paths) == 1 else f"{len(paths)} files, {paths[0]} among them,"
        sentence = f"{child.command.name} ended with code 0, and {which} is empty"
        self._tell(child, semconv.PROCESS_FILES_EMPTY, {semconv.PROCESS_EMPTY_FILES: tuple(paths)}, sentence)

    def _tell(self, child: Child, name: str, facts: dict[str, Any], sentence: str) -> None:
        """Emit an event on a child, tied to the child's span and to the production context of its launch."""
        recorder = _recorder.active()
        if recorder is None:
            return
        from opentelemetry._logs import SeverityNumber  # noqa: PLC0415  # loaded with the instrument

        failed = name == semconv.PROCESS_FAILED
        attributes = {
            semconv.PROCESS_EXECUTABLE_NAME: child.command.name,
            semconv.PROCESS_COMMAND_ARGS: child.command.words,
            **facts,
        }
        recorder.voice.logger.emit(
            context=_span._Context({**child.context, _span._SPAN_KEY: child.span}),  # noqa: SLF001  # see span.bind
            severity_number=SeverityNumber.ERROR if failed else SeverityNumber.WARN,
            severity_text="ERROR" if failed else "WARN",
            body=sentence,
            attributes=recorder.redactor.attributes(attributes),
            event_name=name,
        )


_SIGKILL: Final = getattr(signal, "SIGKILL", 9)
_SIGPIPE: Final = getattr(signal, "SIGPIPE", 13)
_PIPE_CODES: Final = (-_SIGPIPE, 128 + _SIGPIPE)
_SIZES: Final = {
    "stdin": semconv.PROCESS_STDIN_SIZE,
    "stdout": semconv.PROCESS_STDOUT_SIZE,
    "stderr": semconv.PROCESS_STDERR_SIZE,
}
_ENDS: Final = {"stderr": semconv.PROCESS_STDERR_END, "stdout": semconv.PROCESS_STDOUT_END}


def _local(around: Any) -> int:
    """Return the id of the span around a child's in this process, 0 for none."""
    return around.span_id if around is not None and not around.is_remote else 0


def _outcome_of(child: Child) -> str:
    code = child.code
    if code is None:
        return "unknown"
    if code in child.rules.expected:
        return "expected"
    if code in (-signal.SIGINT, _INTERRUPTED):
        return "cancelled"
    if child.sent and child.timeout is None and code in (-child.sent, 128 + child.sent):
        return "stopped"
    return "unread" if code in _PIPE_CODES and output_is_unread(child) else "failed"


def _error_type(child: Child) -> str:
    code = child.code or 0
    return f"exit {code}" if code >= 0 else signal_name(-code)


def _said(told: dict[str, Any]) -> str:
    """Return the one line of a failed child's last words that says what is wrong."""
    return telling_line(told.get(semconv.PROCESS_STDERR_END) or told.get(semconv.PROCESS_STDOUT_END) or "")


def _own_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""
